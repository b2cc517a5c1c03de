/** Events of a cluster: what happened, and what happens from now on without a gap between the two. */
import { Hono } from "hono";
import type { z } from "zod";

import type { ClusterEvent } from "../../contract/cluster.ts";
import { downtimeQuerySchema } from "../../contract/downtime.ts";
import type { EventQuery, Installation } from "../../contract/installation.ts";
import { eventsQuerySchema } from "../../contract/requests.ts";
import { readQuery } from "../input.ts";
import { stream, type Outlet } from "../stream.ts";

type Query = z.output<typeof eventsQuerySchema>;

export function eventRoutes(installation: Installation): Hono {
  return new Hono()
    .get("/:cluster/events", async (c) => {
      const query = readQuery(c, eventsQuerySchema);
      const cluster = c.req.param("cluster");
      const found = await installation.events(cluster, toEventQuery(query));
      // Those of the whole installation stand beside any cluster's. One that was destroyed still has its own.
      if (!found.some((event) => event.cluster === cluster)) await installation.status(cluster);
      return c.json(found);
    })
    .get("/:cluster/downtime", async (c) => {
      const { since } = readQuery(c, downtimeQuerySchema);
      return c.json(await installation.downtime(c.req.param("cluster"), since));
    })
    .get("/:cluster/events/stream", async (c) => {
      const cluster = c.req.param("cluster");
      const query = readQuery(c, eventsQuerySchema);
      await installation.status(cluster);
      return stream<ClusterEvent>(c, { keep: "all" }, (outlet, signal) =>
        follow(installation, cluster, query, outlet, signal),
      );
    });
}

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
