/** Events of a cluster: what happened, and what happens from now on without a gap between the two. */
import { z } from "zod";

import { eventSchema, type ClusterEvent } from "../../contract/cluster.ts";
import { downtimeQuerySchema, downtimeSchema } from "../../contract/downtime.ts";
import type { EventQuery, Installation } from "../../contract/installation.ts";
import { eventsQuerySchema } from "../../contract/requests.ts";
import { route, streamRoute } from "../route.ts";
import type { Outlet } from "../stream.ts";

type Query = z.output<typeof eventsQuerySchema>;

export const eventRoutes = [
  route(
    "GET /v1/clusters/:cluster/events",
    {
      id: "listEvents",
      role: "viewer",
      does: "Gives what happened to a cluster, the newest so many, oldest first.",
      query: eventsQuerySchema,
      answer: z.array(eventSchema).readonly(),
    },
    async ({ path: { cluster }, query }, { installation }) => {
      const found = await installation.events(cluster, toEventQuery(query));
      // Those of the whole installation stand beside any cluster's. One that was destroyed still has its own.
      if (!found.some((event) => event.cluster === cluster)) await installation.status(cluster);
      return found;
    },
  ),
  streamRoute(
    "GET /v1/clusters/:cluster/events/stream",
    {
      id: "watchEvents",
      role: "viewer",
      does: "Sends what happened to a cluster, and then what happens, without a gap between the two.",
      query: eventsQuerySchema,
      document: eventSchema,
      keep: "all",
    },
    async ({ path: { cluster }, query }, { installation }) => {
      await installation.status(cluster);
      return (outlet, signal) => follow(installation, cluster, query, outlet, signal);
    },
  ),
  route(
    "GET /v1/clusters/:cluster/downtime",
    {
      id: "getDowntime",
      role: "viewer",
      does: "Gives every pause of writes, and what that makes together.",
      query: downtimeQuerySchema,
      answer: downtimeSchema,
    },
    ({ path, query }, { installation }) => installation.downtime(path.cluster, query.since),
  ),
];

/** Watches first and reads the past second, so that what happens in between is neither lost nor told twice. */
async function follow(
  installation: Installation,
  cluster: string,
  query: Query,
  outlet: Outlet<ClusterEvent>,
  signal: AbortSignal,
): Promise<void> {
  let meanwhile: ClusterEvent[] | undefined = [];
  let lastId = query.after_id ?? 0;
  const tell = (event: ClusterEvent) => {
    if (event.id <= lastId || !matches(event, query)) return;
    lastId = event.id;
    outlet.send(event);
  };
  // What other hosts told later can have happened earlier: the past is in order of time, not of ids.
  installation.watchEvents(cluster, (event) => (meanwhile ? void meanwhile.push(event) : tell(event)), signal);
  const past = query.limit === 0 ? [] : await installation.events(cluster, toEventQuery(query));
  for (const event of past) outlet.send(event);
  lastId = Math.max(lastId, ...past.map(({ id }) => id));
  for (const event of meanwhile) tell(event);
  meanwhile = undefined;
}

/** `failover` stands for every event of that lifecycle: `failover.started`, `failover.done`. */
function matches(event: ClusterEvent, query: Query): boolean {
  if (query.member !== undefined && event.member !== query.member) return false;
  return query.type === undefined || event.type === query.type || event.type.startsWith(`${query.type}.`);
}

function toEventQuery(query: Query): EventQuery {
  return {
    limit: query.limit,
    ...(query.after_id === undefined ? {} : { afterId: query.after_id }),
    ...(query.type === undefined ? {} : { type: query.type }),
    ...(query.member === undefined ? {} : { member: query.member }),
  };
}
