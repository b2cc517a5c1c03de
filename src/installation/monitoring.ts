/** What the API may ask for those who watch, each delegated to where it is done. */
import type { MonitoringInstallation } from "../contract/monitoring.ts";
import { checkCluster, checkText } from "./checks/check.ts";
import { Metrics } from "./metrics/collect.ts";
import type { Parts } from "./parts.ts";

export function createMonitoring(parts: Parts): MonitoringInstallation {
  const metrics = new Metrics(parts);
  return {
    check: (cluster, query) => checkCluster(parts, cluster, query),
    checkText: (group, member) => checkText(parts, group, member),
    metrics: (member) => metrics.text(member),
    clusterMetrics: (cluster, here) => metrics.ofCluster(cluster, here),
  };
}
