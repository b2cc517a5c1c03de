/** The extensions of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { ExtensionPlan, ExtensionsInstallation, ExtensionWish } from "../../src/contract/extensions.ts";
import type { Asked } from "../../src/contract/asked.ts";
import type { ClusterStatus, Operation } from "../../src/contract/cluster.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
  readonly begin: (kind: string, cluster: string, asked: Asked, result: Readonly<Record<string, unknown>>) => Operation;
}

/** pg_cron must be loaded first. */
function planOf({ change, name, database = "orders", restart }: ExtensionWish): ExtensionPlan {
  return {
    change,
    name,
    database,
    version: change === "disable" ? null : "1.6",
    version_before: change === "enable" ? null : "1.5",
    also: [],
    settings: name === "pg_cron" ? { shared_preload_libraries: "pg_cron" } : {},
    restart: name === "pg_cron" && !restart ? ["shop-2", "shop-3", "shop-1"] : [],
    installs: [],
    drops: change === "disable" ? ["column at of table places"] : [],
    loses: [],
    is_done: false,
    notes: [],
  };
}

export function createMemoryExtensions({ find, record, begin }: Around): ExtensionsInstallation {
  return {
    async list(cluster) {
      find(cluster);
      const trgm = { name: "pg_trgm", version: "1.6", comment: "text similarity" };
      return {
        databases: ["orders", "postgres"],
        enabled: [{ ...trgm, database: "orders", schema: "public", available: "1.6", has_update: false }],
        available: [{ ...trgm, needs_preload: false, requires: [], enabled_in: ["orders"], missing_on: [] }],
        preloaded: [{ library: "pg_stat_statements", not_on: [] }],
      };
    },
    async plan(cluster, wish) {
      find(cluster);
      return planOf(wish);
    },
    async change(cluster, wish, asked) {
      find(cluster);
      record("extension", asked, cluster, wish);
      return begin(`extension ${wish.change}`, cluster, asked, { ...planOf(wish) });
    },
  };
}
