/** The versions of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { Asked } from "../../src/contract/asked.ts";
import type { ClusterStatus, Operation } from "../../src/contract/cluster.ts";
import type { UpgradesInstallation } from "../../src/contract/upgrade.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
  readonly begin: (kind: string, cluster: string, asked: Asked) => Operation;
}

export function createMemoryUpgrades({ find, record, begin }: Around): UpgradesInstallation {
  return {
    versions: async (cluster, { check }) => ({
      cluster,
      engine: "embedded",
      engine_directory: null,
      major: 18,
      members: find(cluster).members.map(({ id, host, role }) => ({
        id,
        host,
        role,
        running: "18.3",
        next_start: "18.3",
      })),
      newest: "18.4",
      is_behind: true,
      newest_in_registry: check ? "18.5" : null,
    }),
    plan: async (cluster, { to }) => ({
      cluster,
      to: to ?? "18.4",
      turns: find(cluster).members.map(({ id, role }) => ({
        member: id,
        from: "18.3",
        how: role === "primary" ? "switchover" : "restart",
      })),
      expected_pause_ms: 320,
      problems: [],
    }),
    async upgrade(cluster, wish, asked) {
      find(cluster);
      record("upgrade", asked, cluster, wish);
      return begin("upgrade", cluster, asked);
    },
  };
}
