/** Stop wrong writes, before anything else (P7). These rules hold in a pause, and during every other action. */
import type { Decision, Rule } from "../decision.ts";
import type { Reason } from "../reason.ts";
import { actsAsPrimary, holdsEpoch, leaseEndsAt, mayBeOpen } from "../standing.ts";
import type { View } from "../view.ts";

function fence(because: Reason, view: View): Decision {
  return { actions: [{ kind: "fence" }], because, recheckAt: view.now };
}

/** A primary whose epoch has passed, or that gave its time back, takes no more writes. */
export const fenceSuperseded: Rule = (view) => {
  const { server, cluster } = view;
  if (!actsAsPrimary(server)) return undefined;
  const { holder, epoch, phase } = cluster.reign.value;
  if (!holdsEpoch(view)) return fence({ code: "superseded", holder, epoch }, view);
  return phase === "released" ? fence({ code: "time-given-back", epoch }, view) : undefined;
};

/**
 * A primary whose promises have run out stops before an electing set can be free (P1). Before it is open it serves
 * nobody, and waits for promises instead.
 */
export const fenceEndedLease: Rule = (view) => {
  const { server, now } = view;
  if (!actsAsPrimary(server) || !mayBeOpen(view)) return undefined;
  const endsAt = leaseEndsAt(view);
  return now < endsAt
    ? undefined
    : fence({ code: "lease-ended", endedMsAgo: Number.isFinite(endsAt) ? now - endsAt : 0 }, view);
};

/** Postgres chose another timeline than the one reserved: nothing may be written there (P6, I5). */
export const fenceWrongTimeline: Rule = (view) => {
  const { server, cluster } = view;
  if (server.kind !== "running" || server.role !== "primary") return undefined;
  const expected = cluster.reign.value.timeline;
  return server.timeline === expected
    ? undefined
    : fence({ code: "wrong-timeline", timeline: server.timeline, expected }, view);
};

/**
 * A primary that answers nothing, or whose log does not reach its disk, has failed (P7). While the first is only
 * suspected it gets nothing else to do, and is looked at again when its time is up. One that is being stopped in order
 * lets nobody in until it has written what it has to; its stop ends in a fence by itself, when it takes too long.
 */
export const fenceFrozenPrimary: Rule = (view) => {
  const { server, now, timings } = view;
  if (server.kind === "unresponsive" && server.role === "primary") {
    if (view.busy.some(({ kind }) => kind === "stop")) return undefined;
    const because = { code: "server-frozen", forMs: now - server.since } as const;
    const dueAt = server.since + timings.unresponsiveMs;
    return now >= dueAt ? fence(because, view) : { actions: [], because, recheckAt: dueAt };
  }
  if (server.kind !== "running" || server.role !== "primary" || server.flushStuckSince === undefined) return undefined;
  const forMs = now - server.flushStuckSince;
  return forMs >= timings.wedgedMs ? fence({ code: "log-device-stuck", forMs }, view) : undefined;
};
