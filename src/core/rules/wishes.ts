/** What the operator asked for: pause, stop, leave. */
import { isToRest } from "../../domain/cluster.ts";
import type { Rule } from "../decision.ts";
import { isVoter, serverOf } from "../candidates.ts";
import { actsAsPrimary, hasProcess, holdsEpoch, mustBeKept } from "../standing.ts";
import { endPauseTxn, removeMemberTxn } from "../transactions.ts";

/** P11: automation rests until the stated time. */
export const holdWhilePaused: Rule = (view) => {
  const pause = view.cluster.pause?.value;
  if (!pause) return undefined;
  const leftMs = pause.until - view.wallNow;
  if (leftMs > 0)
    return {
      actions: [],
      because: { code: "paused", leftMs, by: pause.by },
      recheckAt: view.now + Math.min(leftMs, view.timings.tickMs),
    };
  if (!holdsEpoch(view)) return undefined;
  return { actions: [{ kind: "record", what: "pause", txn: endPauseTxn(view) }], because: { code: "pause-over" } };
};

/** The whole cluster stops, as asked or because nobody needs it: the primary first and in order, so that its standbys end with the same log. */
export const stopByWish: Rule = (view) => {
  const { cluster, server, timings } = view;
  if (!isToRest(cluster)) return undefined;
  const isAsleep = cluster.spec.value.wish !== "stopped";
  if (!hasProcess(server)) return { actions: [], because: { code: isAsleep ? "asleep" : "stopped-by-wish" } };
  const primary = cluster.reign.value.holder;
  const primaryServer = serverOf(view, primary);
  const primaryRuns = primaryServer !== undefined && actsAsPrimary(primaryServer);
  if (primary !== view.self && primaryRuns)
    return {
      actions: [],
      because: { code: "waits-for-primary-to-stop", primary },
      recheckAt: view.now + timings.heartbeatMs,
    };
  return {
    actions: [{ kind: "stop", withinMs: timings.stopMs, then: "fence" }],
    because: isAsleep ? { code: "falls-asleep", idleMs: undefined } : { code: "stopping-by-wish" },
  };
};

/** A member that should not exist any more goes, once it is no voter: first its server, then its directory, then its record. */
export const leaveByWish: Rule = (view) => {
  const { cluster, server, self } = view;
  if (cluster.spec.value.members.includes(self) || holdsEpoch(view)) return undefined;
  // Its vote may be needed until the holder has let it go.
  if (isVoter(cluster, self)) return undefined;
  if (hasProcess(server)) return { actions: [{ kind: "fence" }], because: { code: "being-removed", step: "stop" } };
  if (server.kind === "stopped")
    return {
      actions: [{ kind: "remove-member", keeps: mustBeKept(view) }],
      because: { code: "being-removed", step: "directory" },
    };
  return {
    actions: [{ kind: "record", what: "member", txn: removeMemberTxn(view) }],
    because: { code: "being-removed", step: "record" },
  };
};

/** The operator gives this primary up: it stops at once and gives its time back; the election is the others'. */
export const giveUpByWish: Rule = (view) => {
  const { cluster, server } = view;
  const intent = cluster.intent?.value;
  if (intent?.kind !== "failover" || intent.epoch !== cluster.reign.value.epoch) return undefined;
  if (!holdsEpoch(view) || cluster.reign.value.phase === "released" || !hasProcess(server)) return undefined;
  return { actions: [{ kind: "fence" }], because: { code: "given-up-by-operator", by: intent.by } };
};
