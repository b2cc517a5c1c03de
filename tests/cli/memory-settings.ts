/** Settings of the small installation without Postgres (memory-installation.ts): one that restarts, one that does not. */
import type { Operation } from "../../src/contract/cluster.ts";
import type { Asked } from "../../src/contract/installation.ts";
import type { Setting, SettingsInstallation, SettingsPlan } from "../../src/contract/settings.ts";

interface Around {
  readonly find: (cluster: string) => unknown;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => unknown;
  readonly begin: (
    kind: string,
    cluster: string,
    asked: Asked,
    end: () => Readonly<Record<string, unknown>> | null,
  ) => Operation;
}

export function createMemorySettings({ find, record, begin }: Around): SettingsInstallation {
  return {
    async show(cluster) {
      find(cluster);
      return { settings: [workMem, maxConnections, port], away: [] };
    },
    async plan(cluster, request) {
      find(cluster);
      return planOf(Object.entries(request.set ?? {}));
    },
    async change(cluster, request, asked) {
      find(cluster);
      record("config", asked, cluster, request);
      return begin("config", cluster, asked, () => ({ message: "in force on shop-1" }));
    },
  };
}

function planOf(set: readonly (readonly [string, string])[]): SettingsPlan {
  const changes = set.map(([name, after]) => {
    const before = name === "max_connections" ? "200" : "4 MB";
    return { name, before, after, source: "user" as const, restart: name === "max_connections" };
  });
  const needed = changes.some(({ restart }) => restart);
  return {
    changed: changes.length > 0,
    changes,
    warnings: [],
    restart: needed ? ["shop-2", "shop-1"] : [],
    pause: needed ? "the time of a switchover" : null,
    away: [],
  };
}

const workMem: Setting = {
  name: "work_mem",
  value: "4 MB",
  setting: "4096",
  unit: "kB",
  type: "integer",
  min: "64 kB",
  max: "2147483647 kB",
  allowed: null,
  default: "4 MB",
  source: "user",
  why: null,
  restart: false,
  pending: null,
  differs: [],
  category: "Resource Usage / Memory",
  description: "Sets the maximum memory to be used for query workspaces.",
};

const maxConnections: Setting = {
  ...workMem,
  name: "max_connections",
  value: "200",
  setting: "200",
  unit: null,
  source: "computed",
  why: "100 and 100 for each GB of memory, 200 to 500",
  restart: true,
  pending: { value: "300", members: ["shop-1"], reason: "only a start of the server changes max_connections" },
};

const port: Setting = { ...maxConnections, name: "port", value: "7410", source: "owned", pending: null };
