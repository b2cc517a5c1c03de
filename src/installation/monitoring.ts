/** What the API may ask for those who watch, each delegated to where it is done. */
import type { MonitoringInstallation } from "../contract/monitoring.ts";
import { checkCluster, checkText } from "./checks/check.ts";
import { ServerSources } from "./metrics/sources.ts";
import { Metrics } from "./metrics/collect.ts";
import type { Parts } from "./parts.ts";

export function createMonitoring(parts: Parts): MonitoringInstallation {
  const sources = new ServerSources();
  const metrics = new Metrics(parts, sources);
  return {
    check: (cluster, query) => checkCluster(parts, sources, cluster, query),
    checkText: (group, member) => checkText(parts, sources, group, member),
    metrics: (member) => metrics.text(member),
    clusterMetrics: (cluster, here) => metrics.ofCluster(cluster, here),
  };
}
