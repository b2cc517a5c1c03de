/** The holder of the epoch: its server comes up, passes the barrier, is opened to clients; or its time is given back. */
import { canElect, formatSyncNames, sameVoter, type Voter } from "../../domain/rule.ts";
import { findTimeline } from "../../domain/timeline.ts";
import { rulesInForce } from "../candidates.ts";
import type { Decision, Rule } from "../decision.ts";
import type { Reason } from "../reason.ts";
import { holdsEpoch, isBusy, isWell, leaseEndsAt, ruleForServer, voterIn } from "../standing.ts";
import { forkTxn, openTxn, releaseTxn, restartEpochTxn } from "../transactions.ts";
import type { View } from "../view.ts";

/** P1: says to the store and to the voters that this member's time is over, so that nobody waits for it. */
function release(view: View, because: Reason): Decision {
  const epoch = view.cluster.reign.value.epoch;
  return {
    actions: [
      { kind: "release", epoch },
      { kind: "record", what: "release", txn: releaseTxn(view) },
    ],
    because,
  };
}

/** Longest wait between two starts of a server that keeps failing and that nobody can replace. */
const startBackoffMaxMs = 30_000;

/** The holder's server has ended: let others take over at once if they can, else start it again. */
export const recoverPrimary: Rule = (view) => {
  const { server, cluster } = view;
  if (!holdsEpoch(view) || cluster.reign.value.phase === "released") return undefined;
  if (server.kind === "absent" || (server.kind === "stopped" && server.damaged))
    return release(view, { code: "directory-gone" });
  if (server.kind !== "stopped") return undefined;
  const electors = othersWhoCanElect(view);
  const givenUp = cluster.intent?.value.kind === "failover" && cluster.intent.value.epoch === cluster.reign.value.epoch;
  const stopped = server.clean && server.failures === 0;
  if (givenUp || (electors.length > 0 && !stopped))
    return release(view, { code: "server-died-others-elect", electors });
  // At once the first time: a server that ran and was killed has not failed to start.
  const waitMs = server.failures <= 1 ? 0 : Math.min(startBackoffMaxMs, 500 * 2 ** server.failures);
  const startAt = server.since + waitMs;
  const because: Reason = server.noRoom
    ? { code: "disk-full" }
    : { code: "server-died-restart", missing: unwellVoters(view) };
  if (view.now < startAt) return { actions: [], because, recheckAt: startAt };
  return startAgain(view, server.timeline, because);
};

function startAgain(view: View, timelineOnDisk: number, because: Reason): Decision {
  const { reign, rule } = view.cluster;
  const { epoch, timeline, phase } = reign.value;
  if (phase === "open")
    return { actions: [{ kind: "record", what: "take-epoch", txn: restartEpochTxn(view) }], because };
  const start = { kind: "start", epoch, rule: ruleForServer(view, rule.value.rule), upstream: null } as const;
  // Not promoted yet: writing on the old timeline would give two logs one name (I5).
  const as = timelineOnDisk === timeline ? "primary" : "standby";
  return { actions: [{ ...start, as }], because: { code: "starting-primary" } };
}

/** Members, other than the holder, whose votes would satisfy every rule in force; empty when they do not suffice. */
export function othersWhoCanElect(view: View): readonly string[] {
  const rules = rulesInForce(view.cluster);
  const well = rules
    .flatMap((rule) => rule.voters)
    .filter((voter) => voter.member !== view.self && canVote(view, voter));
  return rules.every((rule) => canElect(rule, well)) ? [...new Set(well.map((voter) => voter.member))] : [];
}

/** A rebuilt directory is another voter: it does not vote in the place of the one that was lost. */
function canVote(view: View, voter: Voter): boolean {
  const now = voterIn(view, voter.member);
  return now !== undefined && sameVoter(now, voter) && isWell(view, voter.member);
}

function unwellVoters(view: View): readonly string[] {
  const voters = rulesInForce(view.cluster).flatMap((rule) => rule.voters);
  return [...new Set(voters.filter((voter) => !canVote(view, voter)).map((voter) => voter.member))];
}

/** The winner of an election or a hand-over promotes on the timeline reserved for it (P6). */
export const promoteWinner: Rule = (view) => {
  const { server, cluster, memory, now, timings } = view;
  const { epoch, timeline, phase } = cluster.reign.value;
  if (!holdsEpoch(view) || phase !== "taken") return undefined;
  const failed = memory.failedReigns.find((reign) => reign.epoch === epoch);
  if (failed) return release(view, { code: "promotion-failed", message: "see the member's log" });
  if (server.kind === "starting") {
    const forMs = now - server.since;
    if (forMs > timings.startMs) return { actions: [{ kind: "fence" }], because: { code: "start-too-slow", forMs } };
    return { actions: [], because: { code: "waiting-for-start", forMs }, recheckAt: server.since + timings.startMs };
  }
  if (server.kind !== "running" || server.role !== "standby") return undefined;
  const rule = ruleForServer(view);
  return {
    actions: [{ kind: "promote", epoch, timeline, known: cluster.timelines.value, rule }],
    because: { code: "promoting", timeline },
  };
};

/** The exact fork is known once Postgres has promoted; standbys judge by it whether they can follow. */
export const recordFork: Rule = (view) => {
  const { memory, cluster } = view;
  if (!holdsEpoch(view) || !memory.fork) return undefined;
  const known = findTimeline(cluster.timelines.value, memory.fork.timeline);
  if (!known || known.forkedAt === memory.fork.at) return undefined;
  return {
    actions: [{ kind: "record", what: "timeline", txn: forkTxn(view, { ...known, forkedAt: memory.fork.at }) }],
    because: { code: "timeline-fork-known", timeline: known.id },
  };
};

/** P2: a first commit, flushed by the voters of this epoch, before any client is let in. */
export const passBarrier: Rule = (view) => {
  const { server, cluster } = view;
  if (!isBeforeOpening(view) || server.kind !== "running" || hasPassedBarrier(view)) return undefined;
  if (server.syncNames !== formatSyncNames(ruleForServer(view)) || isBusy(view, "barrier")) return undefined;
  return {
    actions: [{ kind: "barrier", epoch: cluster.reign.value.epoch, serverSince: server.since }],
    because: { code: "barrier", waitingFor: votersOf(view), acks: cluster.rule.value.rule.acks },
  };
};

/** A barrier of an earlier run proves nothing: what that run left unacknowledged is visible after its crash. */
function hasPassedBarrier({ server, cluster, memory }: View): boolean {
  const passed = memory.barrierPassed;
  if (server.kind !== "running" || passed === undefined) return false;
  return passed.epoch === cluster.reign.value.epoch && passed.serverSince === server.since;
}

/** After the barrier, and with time granted by the voters, clients are let in. */
export const openAfterBarrier: Rule = (view) => {
  if (!isBeforeOpening(view) || !hasPassedBarrier(view)) return undefined;
  if (view.now >= leaseEndsAt(view)) return undefined;
  return { actions: [{ kind: "record", what: "open", txn: openTxn(view) }], because: { code: "opening" } };
};

/** What is still missing before clients are let in; voters that do not come have been looked after before this. */
export const awaitOpening: Rule = (view) => {
  if (!isBeforeOpening(view)) return undefined;
  const voters = votersOf(view);
  const { acks } = view.cluster.rule.value.rule;
  return {
    actions: [],
    because: hasPassedBarrier(view)
      ? { code: "waiting-for-promises", from: voters }
      : { code: "barrier", waitingFor: voters, acks },
    recheckAt: view.now + view.timings.heartbeatMs,
  };
};

function isBeforeOpening(view: View): boolean {
  const { server, cluster } = view;
  const isPrimary = server.kind === "running" && server.role === "primary";
  return isPrimary && cluster.reign.value.phase === "taken" && holdsEpoch(view);
}

function votersOf(view: View): readonly string[] {
  return view.cluster.rule.value.rule.voters.map((voter) => voter.member);
}
