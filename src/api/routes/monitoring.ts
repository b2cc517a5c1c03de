/** For those who watch: checks of a cluster, and figures for Prometheus. */
import {
  checkQuerySchema,
  checkReportSchema,
  clusterMetricsSchema,
  flyCheckQuerySchema,
  metricsHereQuerySchema,
  metricsQuerySchema,
} from "../../contract/monitoring.ts";
import { route, textRoute } from "../route.ts";

export const monitoringRoutes = [
  route(
    "GET /v1/clusters/:cluster/check",
    {
      id: "checkCluster",
      role: "viewer",
      does: "Checks machines, servers and roles, within five seconds, and says what to do where something fails.",
      query: checkQuerySchema,
      answer: checkReportSchema,
    },
    ({ path, query }, { installation: { monitoring } }) => monitoring.check(path.cluster, query),
  ),
  textRoute(
    "GET /v1/checks/:group",
    {
      id: "getCheckText",
      role: "viewer",
      does: "Checks one member of this host, as lines for people: 200, or 500 when one fails.",
      query: flyCheckQuerySchema,
    },
    async ({ path, query }, { installation: { monitoring } }) => {
      const { text, ok } = await monitoring.checkText(path.group, query.member);
      return { text, type: "text/plain; charset=utf-8", isFailing: !ok };
    },
  ),
  route(
    "GET /v1/clusters/:cluster/metrics",
    {
      id: "getClusterMetrics",
      role: "viewer",
      does: "Gives the figures of a cluster's members, and where Prometheus finds them.",
      query: metricsHereQuerySchema,
      answer: clusterMetricsSchema,
    },
    ({ path, query }, { installation: { monitoring } }) => monitoring.clusterMetrics(path.cluster, query.here),
  ),
  textRoute(
    "GET /v1/metrics",
    {
      id: "getMetrics",
      role: "viewer",
      does: "Gives the figures of this host and of its members, or of one of them, in Prometheus' text format.",
      query: metricsQuerySchema,
    },
    async ({ query }, { installation: { monitoring } }) => ({
      text: await monitoring.metrics(query.member),
      type: "text/plain; version=0.0.4; charset=utf-8",
      isFailing: false,
    }),
  ),
];
