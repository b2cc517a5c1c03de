/** Events of a cluster: what happened, and what happens from now on without a gap between the two. */
import { z } from "zod";

import { eventSchema, type ClusterEvent } from "../../contract/cluster.ts";
import { downtimeQuerySchema, downtimeSchema } from "../../contract/downtime.ts";
import type { EventQuery, Installation } from "../../contract/installation.ts";
import { eventPagesQuerySchema, eventsQuerySchema } from "../../contract/requests.ts";
import { OpError } from "../../errors/op-error.ts";
import { nameNextPage, placeOf, readEventPlace } from "../pages.ts";
import { route, streamRoute } from "../route.ts";
import type { Outlet } from "../stream.ts";

type Query = z.output<typeof eventsQuerySchema>;

export const eventRoutes = [
  route(
    "GET /v1/clusters/:cluster/events",
    {
      id: "listEvents",
      role: "viewer",
      does: "Gives what happened to a cluster, the newest so many, oldest first; `Link` leads to older ones.",
      query: eventPagesQuerySchema,
      answer: z.array(eventSchema).readonly(),
    },
    async ({ path: { cluster }, query, c }, { installation }) => {
      const before = query.cursor === undefined ? {} : { before: readEventPlace(query.cursor) };
      const found = await installation.events(cluster, { ...toEventQuery(query), ...before });
      // Those of the whole installation stand beside any cluster's. One that was destroyed still has its own.
      if (!found.some((event) => event.cluster === cluster)) await installation.status(cluster);
      nameNextPage(c, placeBefore(found, query.limit));
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
      idOf: ({ id, at }) => `${id}.${Date.parse(at)}`,
    },
    async ({ path: { cluster }, query, c }, { installation }) => {
      await installation.status(cluster);
      const resume = readResume(c.req.header("last-event-id"));
      return (outlet, signal) => follow(installation, { cluster, query, resume }, outlet, signal);
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

/** The oldest on a full page: before it there may be more. Also of the audit. */
export function placeBefore(page: readonly ClusterEvent[], limit: number): string | undefined {
  const [oldest] = page;
  return oldest === undefined || page.length < limit ? undefined : placeOf(oldest.at, oldest.id);
}

interface Following {
  readonly cluster: string;
  readonly query: Query;
  /** what the reader has; everything after it is told, however much that is */
  readonly resume: Resume | undefined;
}

interface Resume {
  readonly id: number;
  readonly at: number;
}

/** @throws OpError usage */
function readResume(lastEventId: string | undefined): Resume | undefined {
  if (lastEventId === undefined || lastEventId === "") return undefined;
  const [, id, at] = /^(\d{1,15})\.(\d{1,15})$/.exec(lastEventId) ?? [];
  if (id !== undefined && at !== undefined) return { id: Number(id), at: Number(at) };
  throw new OpError("usage", {
    message: "the Last-Event-ID cannot be read",
    detail: "It is the id of an event of this stream, unchanged.",
  });
}

/** Watches first and reads the past second, so that what happens in between is neither lost nor told twice. */
async function follow(
  installation: Installation,
  following: Following,
  outlet: Outlet<ClusterEvent>,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, query, resume } = following;
  let meanwhile: ClusterEvent[] | undefined = [];
  let lastId = resume?.id ?? query.after_id ?? 0;
  const tell = (event: ClusterEvent) => {
    if (event.id <= lastId || !matches(event, query)) return;
    lastId = event.id;
    outlet.send(event);
  };
  // What other hosts told later can have happened earlier: the past is in order of time, not of ids.
  installation.watchEvents(cluster, (event) => (meanwhile ? void meanwhile.push(event) : tell(event)), signal);
  const past = resume ? await readFrom(installation, following, resume) : await readNewest(installation, following);
  for (const event of past) outlet.send(event);
  // There may be more before what happens now: the reader comes back for it, with the last that it has.
  if (resume && past.length === resumedMax) return outlet.end();
  lastId = Math.max(lastId, ...past.map(({ id }) => id));
  for (const event of meanwhile) tell(event);
  meanwhile = undefined;
}

async function readNewest(installation: Installation, { cluster, query }: Following): Promise<readonly ClusterEvent[]> {
  return query.limit === 0 ? [] : installation.events(cluster, toEventQuery(query));
}

/** A reader's queue holds them, and some that happen meanwhile. */
const resumedMax = 1000;

/** What came since, the first of it first. */
async function readFrom(
  installation: Installation,
  { cluster, query }: Following,
  resume: Resume,
): Promise<readonly ClusterEvent[]> {
  const { afterId: _, ...filter } = toEventQuery(query);
  const isOfHere = await knows(installation, cluster, resume);
  // Ids are those of one host. What another one told is found by its time, with some that the reader has already.
  const from = isOfHere ? { afterId: resume.id } : { since: resume.at };
  return installation.events(cluster, { ...filter, ...from, oldestFirst: true, limit: resumedMax });
}

async function knows(installation: Installation, cluster: string, { id, at }: Resume): Promise<boolean> {
  const [found] = await installation.events(cluster, { afterId: id - 1, oldestFirst: true, limit: 1 });
  return found?.id === id && Date.parse(found.at) === at;
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
