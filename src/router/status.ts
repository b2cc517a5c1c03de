/** Adds up what the threads of a router say about themselves. Pure. */
import type { RouterStatus } from "./wire.ts";

type EndpointStatus = RouterStatus["endpoints"][number];

/** @param others of the further threads; undefined for one that has ended */
export function mergeStatus(main: RouterStatus, others: readonly (RouterStatus | undefined)[]): RouterStatus {
  const all = others.flatMap((other) => other?.endpoints ?? []);
  return {
    ...main,
    endpoints: main.endpoints.map((endpoint) =>
      all.filter((other) => other.cluster === endpoint.cluster && other.kind === endpoint.kind).reduce(add, endpoint),
    ),
  };
}

function add(sum: EndpointStatus, other: EndpointStatus): EndpointStatus {
  const sessionsByMember = { ...sum.sessionsByMember };
  for (const [member, sessions] of Object.entries(other.sessionsByMember)) {
    sessionsByMember[member] = (sessionsByMember[member] ?? 0) + sessions;
  }
  return {
    ...sum,
    sessionsByMember,
    sessions: sum.sessions + other.sessions,
    waiting: sum.waiting + other.waiting,
    accepted: sum.accepted + other.accepted,
    refused: sum.refused + other.refused,
    timedOut: sum.timedOut + other.timedOut,
  };
}
