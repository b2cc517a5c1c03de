/** A planned move of the primary's role, also as the last turn of a rolling restart (P8). */
import type { MemberId } from "../../domain/cluster.ts";
import { bytesBetween } from "../../domain/lsn.ts";
import type { StoppedServer } from "../../domain/server.ts";
import { judgeSwitchover, serverOf, type Verdict } from "../candidates.ts";
import type { Decision, Rule } from "../decision.ts";
import { holderLeaves, holdsEpoch, restartsPending } from "../standing.ts";
import { endIntentTxn, handOverTxn } from "../transactions.ts";
import type { IntentProgress, View } from "../view.ts";
import { isPrimaryFirst, restartPrimary, stopRestart } from "./restart.ts";

interface Move {
  readonly progress: IntentProgress;
  /** asked for by name; null: the best */
  readonly to: MemberId | null;
  /** leave: nobody asked for it now, so it waits for a fit target and goes on serving until there is one */
  readonly kind: "switchover" | "restart" | "leave";
}

/** How long a refused target may take to become fit before the switchover is given up. */
const patienceMs = 3000;
/** How long nothing may be heard of the target once the primary has stopped: a busy server may answer late once. */
const doubtMs = 1000;
/** How long a holder that is to leave serves before it tries again. */
const leaveAgainMs = 10_000;

/** The move that this holder should make now. */
function plannedMove(view: View): Move | undefined {
  const { cluster, memory, self } = view;
  const intent = cluster.intent?.value;
  if (!memory.intent || !holdsEpoch(view) || cluster.reign.value.phase !== "open") return undefined;
  if (intent?.kind === "switchover" && intent.epoch === cluster.reign.value.epoch)
    return { progress: memory.intent, to: intent.to, kind: "switchover" };
  const pending = restartsPending(view);
  const isTurn = intent?.kind === "restart" && (isPrimaryFirst(view) || pending.length === 1);
  if (isTurn && pending.includes(self)) return { progress: memory.intent, to: null, kind: "restart" };
  if (!holderLeaves(view) || hasJustFailedToLeave(view)) return undefined;
  return { progress: memory.intent, to: null, kind: "leave" };
}

/** It started again in place, maybe because a hand-over failed: clients get some time before the next attempt. */
function hasJustFailedToLeave({ cluster, wallNow }: View): boolean {
  const { how, since } = cluster.reign.value;
  return how === "restart" && wallNow - since < leaveAgainMs;
}

/** Step by step: a fit target, a checkpoint, clients on hold, the primary stopped in order, the epoch handed over. */
export const movePrimary: Rule = (view) => {
  const move = plannedMove(view);
  if (!move) return undefined;
  const { server } = view;
  const verdicts = judgeSwitchover(view, move.to);
  if (server.kind === "running" && server.role === "primary") return prepare(view, move, verdicts);
  if (move.kind === "restart" && isPrimaryFirst(view)) return undefined;
  if (server.kind === "stopped" && move.progress.stoppedAt !== undefined && server.clean)
    return handOver(view, move, verdicts, server);
  return undefined;
};

function prepare(view: View, move: Move, verdicts: readonly Verdict[]): Decision | undefined {
  const target = verdicts.find((verdict) => verdict.rejection === undefined);
  const turn = move.kind === "restart" ? restartPrimary(view, verdicts) : undefined;
  if (turn) return turn;
  if (!target) return move.kind === "leave" ? undefined : waitOrRefuse(view, move, verdicts);
  const to = target.member;
  if (!move.progress.checkpointed)
    return { actions: [{ kind: "checkpoint" }], because: { code: "switchover-checkpoint", to } };
  if (!move.progress.held)
    return {
      actions: [{ kind: "hold-clients", because: move.kind === "restart" ? "restart" : "switchover" }],
      because: { code: "switchover-hold", to },
    };
  return {
    actions: [{ kind: "stop", withinMs: stopLimit(view), then: "fence" }],
    because: { code: "switchover-stop", to },
  };
}

/** A server's stop waits until each standby has confirmed its log: one that is silent would keep clients waiting for nothing. */
function stopLimit(view: View): number {
  const others = view.cluster.spec.value.members.filter((member) => member !== view.self);
  const isSilent = others.some((member) => serverOf(view, member)?.kind === "unresponsive");
  return isSilent ? view.timings.unresponsiveMs : view.timings.stopMs;
}

function waitOrRefuse(view: View, move: Move, verdicts: readonly Verdict[]): Decision | undefined {
  const waiting = waitForFit(view, verdicts, move.progress.startedAt + patienceMs);
  return waiting ?? giveUp(view, move, "no member could take over in time");
}

/** Clients are on hold, or about to be: these are to say at once how they are and how far, not at their next look. */
export function targetsAwaited({ because }: Decision): readonly MemberId[] {
  if (because.code === "switchover-wait") return [because.to];
  return because.code === "switchover-refused" ? because.rejections.map(({ member }) => member) : [];
}

/** Whoever was rejected is looked at again at once, so that this one is worth another look soon. */
function waitForFit({ now, timings }: View, verdicts: readonly Verdict[], until: number): Decision | undefined {
  if (now >= until) return undefined;
  const all = verdicts.flatMap(({ rejection }) => rejection ?? []);
  const rejections = all.filter(({ code }) => code !== "not-asked-for");
  const recheckAt = Math.min(until, now + timings.heartbeatMs);
  return { actions: [], because: { code: "switchover-refused", rejections }, recheckAt };
}

/** Nothing was heard of a target just now, which is no word that it has ended. */
function isInDoubt(view: View, { to }: Move): boolean {
  const { members } = view.cluster.spec.value;
  const targets = members.filter((member) => member !== view.self && (to === null || to === member));
  return targets.some((member) => ["unresponsive", undefined].includes(serverOf(view, member)?.kind));
}

function handOver(view: View, move: Move, verdicts: readonly Verdict[], server: StoppedServer): Decision | undefined {
  const target = verdicts.find((verdict) => verdict.rejection === undefined);
  const stoppedAt = move.progress.stoppedAt ?? view.now;
  const givenUpAt = stoppedAt + view.timings.stopMs;
  if (!target || server.end === undefined) {
    const waiting = isInDoubt(view, move) ? waitForFit(view, verdicts, stoppedAt + doubtMs) : undefined;
    return waiting ?? giveUp(view, move, "the target was lost while the primary stopped");
  }
  const to = target.member;
  const there = serverOf(view, to);
  const reached = there?.kind === "running" && there.timeline === server.timeline ? there.flushed : undefined;
  if (reached !== undefined && reached >= server.end)
    return {
      actions: [{ kind: "record", what: "hand-over", txn: handOverTxn(view, to, server.end) }],
      because: { code: "switchover-hand-over", to },
    };
  if (view.now >= givenUpAt) return giveUp(view, move, "the target did not confirm the end of the log in time");
  const bytesLeft = reached === undefined ? undefined : bytesBetween(reached, server.end);
  return { actions: [], because: { code: "switchover-wait", to, bytesLeft }, recheckAt: view.now + 20 };
}

/** Before the epoch has moved nothing is lost: the old primary starts again, and clients go on (I7). */
function giveUp(view: View, { to, kind }: Move, message: string): Decision | undefined {
  if (kind === "leave") return undefined;
  if (kind === "restart") return stopRestart(view, message);
  const operation = view.cluster.intent?.value.id ?? "";
  return {
    actions: [
      { kind: "record", what: "intent", txn: endIntentTxn(view), outcome: { operation, state: "failed", message } },
    ],
    because: { code: "switchover-given-up", to, message },
  };
}
