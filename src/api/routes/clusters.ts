/** Clusters: making, looking at and removing them. What changes a running one is in changes.ts. */
import { z } from "zod";

import {
  candidateSchema,
  clusterStatusSchema,
  connectionSchema,
  createdSchema,
  createRequestSchema,
  explainSchema,
  operationSchema,
} from "../../contract/cluster.ts";
import { logLinesSchema, logsQuerySchema } from "../../contract/logs.ts";
import { candidatesQuerySchema, connectionQuerySchema } from "../../contract/requests.ts";
import { clusterNameProblem } from "../../domain/names.ts";
import { OpError } from "../../errors/op-error.ts";
import { route, streamRoute } from "../route.ts";

export const clusterRoutes = [
  route(
    "GET /v1/clusters",
    {
      id: "listClusters",
      role: "viewer",
      does: "Gives the status of every cluster.",
      answer: z.array(clusterStatusSchema).readonly(),
    },
    (_, { installation }) => installation.list(),
  ),
  route(
    "POST /v1/clusters",
    {
      id: "createCluster",
      role: "operator",
      does: "Makes a cluster; the password is in this answer and in no later one.",
      body: createRequestSchema,
      answer: createdSchema,
      status: 202,
    },
    async ({ body, asked }, { installation }) => {
      refuseBadName(body.name);
      return installation.create(body, asked);
    },
  ),
  route(
    "GET /v1/clusters/:cluster",
    { id: "getCluster", role: "viewer", does: "Gives the status of a cluster.", answer: clusterStatusSchema },
    ({ path }, { installation }) => installation.status(path.cluster),
  ),
  route(
    "DELETE /v1/clusters/:cluster",
    {
      id: "destroyCluster",
      role: "admin",
      does: "Ends a cluster and removes its data; snapshots stay.",
      answer: operationSchema,
      status: 202,
    },
    ({ path, asked }, { installation }) => installation.destroy(path.cluster, asked),
  ),
  streamRoute(
    "GET /v1/clusters/:cluster/stream",
    {
      id: "watchCluster",
      role: "viewer",
      does: "Sends the status of a cluster now and whenever it has changed.",
      document: clusterStatusSchema,
      keep: "newest",
    },
    async ({ path: { cluster } }, { installation }) => {
      await installation.status(cluster);
      return (outlet, signal) => installation.watchStatus(cluster, (status) => outlet.send(status), signal);
    },
  ),
  route(
    "GET /v1/clusters/:cluster/explain",
    {
      id: "explainCluster",
      role: "viewer",
      does: "Says what each member does and why, and what the cluster would survive.",
      answer: explainSchema,
    },
    ({ path }, { installation }) => installation.explain(path.cluster),
  ),
  route(
    "GET /v1/clusters/:cluster/logs",
    {
      id: "getLogs",
      role: "viewer",
      does: "Gives lines of the logs of a cluster's servers and of what serves it; `cursor` goes on where an answer ended.",
      query: logsQuerySchema,
      answer: logLinesSchema,
    },
    ({ path, query }, { installation }) => installation.logs(path.cluster, query),
  ),
  route(
    "GET /v1/clusters/:cluster/connection",
    {
      id: "getConnection",
      role: "viewer",
      does: "Says how clients connect, without the password.",
      query: connectionQuerySchema,
      answer: connectionSchema,
    },
    ({ path, query: { role, user, database, max_lag_ms: maxLagMs } }, { installation }) => {
      const query = {
        role,
        ...(user === undefined ? {} : { user }),
        ...(database === undefined ? {} : { database }),
        ...(maxLagMs === undefined ? {} : { maxLagMs }),
      };
      return installation.connection(path.cluster, query);
    },
  ),
  route(
    "GET /v1/clusters/:cluster/candidates",
    {
      id: "listCandidates",
      role: "viewer",
      does: "Gives the verdict on every member as the next primary.",
      query: candidatesQuerySchema,
      answer: z.array(candidateSchema).readonly(),
    },
    ({ path, query: { kind, to, region } }, { installation }) =>
      installation.candidates(path.cluster, kind, to, region),
  ),
];

function refuseBadName(name: string): void {
  const problem = clusterNameProblem(name);
  if (problem === undefined) return;
  throw new OpError("bad-name", {
    message: `"${name}" cannot be the name of a cluster`,
    detail: problem,
    hint: 'Choose a name like "shop" or "orders-test".',
  });
}
