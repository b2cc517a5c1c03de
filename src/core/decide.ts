/**
 * The decision of one member's agent: the first rule with something to say decides. Order: stop wrong writes, do as the
 * operator wishes, keep the primary, elect a new one, repair standbys. Pure; called by the agent's loop and by the
 * simulator, and by nobody else.
 */
import type { ActionKind } from "./action.ts";
import type { Decision, Rule } from "./decision.ts";
import { castVote, takeEpoch, unknownMember, withdrawVote } from "./rules/election.ts";
import { fenceEndedLease, fenceFrozenPrimary, fenceSuperseded, fenceWrongTimeline } from "./rules/fencing.ts";
import {
  awaitOpening,
  openAfterBarrier,
  passBarrier,
  promoteWinner,
  recordFork,
  recoverPrimary,
} from "./rules/primary.ts";
import { configurePrimary, configureStandby, restartTooLow } from "./rules/settings.ts";
import { fallAsleep } from "./rules/sleep.ts";
import { settleRecords } from "./rules/settling.ts";
import { endFrozenStandby, followHolder, rebuild, rest, startStandby } from "./rules/standby.ts";
import { putBack, restartStandby } from "./rules/restart.ts";
import { movePrimary } from "./rules/switchover.ts";
import { endIntent, keepRule, keepSlots, serve } from "./rules/upkeep.ts";
import { giveUpByWish, holdWhilePaused, leaveByWish, stopByWish } from "./rules/wishes.ts";
import { foresee, remember } from "./memory.ts";
import type { Memory, View } from "./view.ts";

/** One look: what is remembered from now on, and what to do. */
export function look(view: View): { readonly memory: Memory; readonly decision: Decision } {
  const memory = remember(view);
  const decision = decide({ ...view, memory });
  return { memory: foresee(memory, decision, view.cluster), decision };
}

/** Actions beside which only fencing may happen: they change the server or the records that rules look at. */
const exclusive: readonly ActionKind[] = [
  "fence",
  "stop",
  "start",
  "follow",
  "stop-receiver",
  "promote",
  "set-rule",
  "checkpoint",
  "slots",
  "configure",
  "rewind",
  "clone",
  "remove-member",
  "hold-clients",
  "record",
];

/** One at a time: what is under way ends first. */
const finishWhatIsUnderWay: Rule = (view) => {
  const running = view.busy.find((action) => exclusive.includes(action.kind));
  if (!running) return undefined;
  return { actions: [], because: { code: "under-way", action: running.kind, forMs: view.now - running.since } };
};

export const rules: readonly Rule[] = [
  fenceSuperseded,
  fenceEndedLease,
  fenceWrongTimeline,
  fenceFrozenPrimary,
  finishWhatIsUnderWay,
  unknownMember,
  settleRecords,
  holdWhilePaused,
  leaveByWish,
  stopByWish,
  giveUpByWish,
  putBack,
  movePrimary,
  restartTooLow,
  recoverPrimary,
  promoteWinner,
  recordFork,
  keepSlots,
  passBarrier,
  openAfterBarrier,
  keepRule,
  awaitOpening,
  endIntent,
  restartStandby,
  configurePrimary,
  fallAsleep,
  serve,
  withdrawVote,
  rebuild,
  startStandby,
  endFrozenStandby,
  castVote,
  takeEpoch,
  configureStandby,
  followHolder,
  rest,
];

export function decide(view: View): Decision {
  for (const rule of rules) {
    const decision = rule(view);
    if (decision) return decision;
  }
  return { actions: [], because: { code: "waits-for-primary", holder: view.cluster.reign.value.holder } };
}
