/** Checks and figures of memory-installation.ts: of the right shape, and one check fails. */
import type { ClusterStatus } from "../../src/contract/cluster.ts";
import { checkGroups, type CheckLine, type MonitoringInstallation } from "../../src/contract/monitoring.ts";

export function createMemoryMonitoring(find: (cluster: string) => ClusterStatus): MonitoringInstallation {
  const lineOf = (member: string, group: CheckLine["group"]): CheckLine => ({
    group,
    member,
    host: "localhost",
    check: group,
    ok: !(member === "shop-3" && group === "pg"),
    message: member === "shop-3" && group === "pg" ? "it does not stream" : "well",
    hint: member === "shop-3" && group === "pg" ? "See why: matriarch explain shop" : null,
    took_ms: 1.5,
  });
  return {
    check: async (cluster, { group, member }) => {
      const members = find(cluster).members.filter(({ id }) => member === undefined || member === id);
      const groups = checkGroups.filter((one) => group === undefined || group === one);
      const lines = members.flatMap(({ id }) => groups.map((one) => lineOf(id, one)));
      return { cluster, ok: lines.every(({ ok }) => ok), lines, missing: [] };
    },
    checkText: async () => ({ text: "[✓] role: primary (0.1ms)\n", ok: true }),
    metrics: async () => "# HELP pg_up 1 while the server answers\n# TYPE pg_up gauge\npg_up 1\n",
    clusterMetrics: async (cluster) => ({
      text: "# HELP pg_up 1 while the server answers\n# TYPE pg_up gauge\npg_up 1\n",
      targets: find(cluster).members.map(({ status_url: url }) => `${url}/metrics`),
      missing: [],
    }),
  };
}
