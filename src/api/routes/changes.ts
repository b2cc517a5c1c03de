/** Changes of a running cluster: each writes a wish and answers with the operation to follow, or the new status. */
import { clusterStatusSchema, operationSchema } from "../../contract/cluster.ts";
import {
  autostopRequestSchema,
  failoverRequestSchema,
  pauseRequestSchema,
  restartRequestSchema,
  switchoverRequestSchema,
} from "../../contract/requests.ts";
import { poolChangeSchema, poolStatusSchema } from "../../contract/pool.ts";
import { readsRequestSchema } from "../../contract/reads.ts";
import { scalePlanSchema, scaleRequestSchema } from "../../contract/scale.ts";
import { hereQuerySchema } from "../../contract/storage.ts";
import { demand } from "../access/roles.ts";
import { route } from "../route.ts";

export const changeRoutes = [
  route(
    "POST /v1/clusters/:cluster/stop",
    {
      id: "stopCluster",
      role: "operator",
      does: "Stops the servers of a cluster; it stays down until it is started.",
      answer: operationSchema,
      status: 202,
    },
    ({ path, asked }, { installation }) => installation.stop(path.cluster, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/start",
    {
      id: "startCluster",
      role: "operator",
      does: "Starts a cluster that was stopped.",
      answer: operationSchema,
      status: 202,
    },
    ({ path, asked }, { installation }) => installation.start(path.cluster, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/restart",
    {
      id: "restartCluster",
      role: "operator",
      does: "Restarts members one at a time, the primary last.",
      body: restartRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body: { member, pending, in_place: inPlace }, asked }, { installation }) => {
      const options = { pending, inPlace, ...(member === undefined ? {} : { member }) };
      return installation.restart(path.cluster, options, asked);
    },
  ),
  route(
    "POST /v1/clusters/:cluster/pause",
    {
      id: "pauseCluster",
      role: "operator",
      does: "Leaves a cluster to work by hand for a while: no failover, no restarts.",
      body: pauseRequestSchema,
      answer: clusterStatusSchema,
    },
    ({ path, body, asked }, { installation }) => installation.pause(path.cluster, body.for_ms, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/resume",
    {
      id: "resumeCluster",
      role: "operator",
      does: "Ends a pause.",
      answer: clusterStatusSchema,
    },
    ({ path, asked }, { installation }) => installation.resume(path.cluster, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/autostop",
    {
      id: "setAutostop",
      role: "operator",
      does: "Says after how long without a client a cluster falls asleep.",
      body: autostopRequestSchema,
      answer: clusterStatusSchema,
    },
    ({ path, body, asked }, { installation }) => installation.autostop(path.cluster, body.idle_ms ?? undefined, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/reads",
    {
      id: "setReads",
      role: "operator",
      does: "Says how far behind standbys may be that serve reads, and who serves when none is fit.",
      body: readsRequestSchema,
      answer: clusterStatusSchema,
    },
    ({ path, body, asked }, { installation }) => installation.reads(path.cluster, body, asked),
  ),
  route(
    "GET /v1/clusters/:cluster/pool",
    {
      id: "getPool",
      role: "viewer",
      does: "Says how the pooled endpoint is set, and who waits for what at each host.",
      query: hereQuerySchema,
      answer: poolStatusSchema,
    },
    ({ path, query }, { installation }) => installation.pool(path.cluster, query),
  ),
  route(
    "POST /v1/clusters/:cluster/pool",
    {
      id: "changePool",
      role: "operator",
      does: "Turns the pooled endpoint on or off, or changes how it pools.",
      body: poolChangeSchema,
      answer: poolStatusSchema,
    },
    ({ path, body, asked }, { installation }) => installation.changePool(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/switchover",
    {
      id: "switchover",
      role: "operator",
      does: "Moves the primary to another member, or to another region for good.",
      body: switchoverRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body: { to, primary_region: region }, asked }, { installation }) => {
      const options = {
        ...(to === undefined ? {} : { to }),
        ...(region === undefined ? {} : { primaryRegion: region }),
      };
      return installation.switchover(path.cluster, options, asked);
    },
  ),
  route(
    "POST /v1/clusters/:cluster/failover",
    {
      id: "failover",
      role: "operator",
      does: "Elects another primary; accepting a loss of data needs an admin.",
      body: failoverRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body: { to, primary_region: region, force, accept_data_loss }, asked, c }, { installation }) => {
      if (accept_data_loss) demand(c, "admin");
      const options = {
        force,
        acceptDataLoss: accept_data_loss,
        ...(to === undefined ? {} : { to }),
        ...(region === undefined ? {} : { primaryRegion: region }),
      };
      return installation.failover(path.cluster, options, asked);
    },
  ),
  route(
    "POST /v1/clusters/:cluster/scale",
    {
      id: "scaleCluster",
      role: "operator",
      does: "Changes how many members there are and what each gets.",
      body: scaleRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation }) => installation.scale(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/scale/plan",
    {
      id: "planScale",
      role: "viewer",
      does: "Says what a change of the scale would do; changes nothing.",
      body: scaleRequestSchema,
      answer: scalePlanSchema,
    },
    ({ path, body }, { installation }) => installation.planScale(path.cluster, body),
  ),
];
