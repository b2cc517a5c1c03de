/** The test restores of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { Asked } from "../../src/contract/asked.ts";
import type { ClusterStatus, Operation } from "../../src/contract/cluster.ts";
import type { Proofs, ProofsInstallation } from "../../src/contract/proof.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
  readonly begin: (kind: string, cluster: string, asked: Asked, end: () => Operation["result"]) => Operation;
}

function proofsOf(cluster: string): Proofs {
  return {
    cluster,
    every_days: 7,
    tables: ["shop.public.orders"],
    next_at: "2026-11-29T03:24:00.000Z",
    last_passed_at: "2026-11-22T03:24:00.000Z",
    is_overdue: false,
    proofs: [
      {
        made_at: "2026-11-22T03:24:00.000Z",
        took_ms: 9200,
        by: "matriarch",
        passed: true,
        from: "snapshot",
        base: `${cluster}-20261121T225301Z-3f0a`,
        restored_to: "2026-11-22T01:12:09.000Z",
        newest_change: "2026-11-22T01:12:08.120Z",
        problems: [],
        size_bytes: 61_000_000,
        tables: 12,
        rows_about: 48_000,
        checked: 190,
        unchecked: 0,
        pages: 3100,
        counts: [{ table: "shop.public.orders", rows: 4100, at_least: 4096, at_most: 4120, verdict: "within" }],
      },
    ],
  };
}

export function createMemoryProofs({ find, record, begin }: Around): ProofsInstallation {
  return {
    async begin(cluster, request, by) {
      find(cluster);
      record("proveRestore", by, cluster, request);
      return begin("restore test", cluster, by, () => ({ message: "it was restored, and is whole" }));
    },
    async show(cluster) {
      find(cluster);
      return proofsOf(cluster);
    },
    async set(cluster, request, by) {
      find(cluster);
      record("setProofPolicy", by, cluster, request);
      const before = proofsOf(cluster);
      return { ...before, every_days: request.every_days ?? before.every_days };
    },
  };
}
