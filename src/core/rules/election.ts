/** When the holder is gone: stop listening to it, vote, and let the best take the next epoch (P4, P5). */
import type { Vote } from "../../domain/cluster.ts";
import { bytesBetween } from "../../domain/lsn.ts";
import type { RunningServer } from "../../domain/server.ts";
import { comparePositions } from "../../domain/timeline.ts";
import { serverOf, tally, type Tally } from "../candidates.ts";
import type { Decision, Rule } from "../decision.ts";
import { standBackMs } from "../memory.ts";
import { mayVote } from "../regions.ts";
import type { Rejection } from "../rejection.ts";
import { holdsEpoch, ownRecord } from "../standing.ts";
import { reclaimEpochTxn, takeEpochTxn, voteTxn, withdrawVoteTxn } from "../transactions.ts";
import type { View } from "../view.ts";
import { othersWhoCanElect } from "./primary.ts";
import { configureStandby } from "./settings.ts";
import { hasVoted, isStandby } from "./standby.ts";

function ownStandby(view: View): RunningServer | undefined {
  const { server } = view;
  return isStandby(view) && server.kind === "running" && server.role === "standby" ? server : undefined;
}

/** P4: it was a false alarm, the holder is heard again: withdraw first, follow again only then. */
export const withdrawVote: Rule = (view) => {
  const { cluster } = view;
  if (!hasVoted(view) || cluster.reign.value.phase === "released" || cluster.reign.value.holder === view.self)
    return undefined;
  if (!holderIsHeard(view) || tally(cluster).suffices) return undefined;
  return {
    actions: [{ kind: "record", what: "withdraw-vote", txn: withdrawVoteTxn(view) }],
    because: { code: "holder-heard-again", holder: cluster.reign.value.holder },
  };
};

/** P4: once the promise to the holder has run out or was given back: no WAL receiver first, then the vote. */
export const castVote: Rule = (view) => {
  const server = ownStandby(view);
  if (!server || hasVoted(view) || !mayVote(view.cluster, view.self)) return undefined;
  const bound = boundUntil(view);
  if (bound) return bound.freeAt > view.now ? keepPromise(view, bound) : vote(view, server);
  return vote(view, server);
};

interface Bound {
  readonly freeAt: number;
  readonly by: "promise" | "start";
}

/** Until when this voter is bound; undefined when the holder has given its time back, which frees at once. */
function boundUntil(view: View): Bound | undefined {
  const { cluster, lease, timings } = view;
  const { epoch, holder, phase } = cluster.reign.value;
  if (phase === "released") return undefined;
  const started: Bound = { freeAt: Math.max(lease.startedAt, lease.epochSeenAt) + timings.promiseMs, by: "start" };
  // A voter that has just withdrawn its vote hears the holder, and is about to promise to it again.
  if (holderIsHeard(view)) return { freeAt: view.now + timings.heartbeatMs, by: "promise" };
  const given = lease.given?.epoch === epoch && lease.given.holder === holder ? lease.given.until : -Infinity;
  return given > started.freeAt ? { freeAt: given, by: "promise" } : started;
}

function holderIsHeard({ lease, now, timings }: View): boolean {
  return lease.heardHolderAt !== undefined && now - lease.heardHolderAt <= 2 * timings.heartbeatMs;
}

/** While bound it follows; that is for later rules, which say more than this one could. */
function keepPromise(view: View, bound: Bound): Decision | undefined {
  if (view.server.kind === "running" && (view.server.streaming || view.cluster.reign.value.phase === "taken"))
    return undefined;
  const freeInMs = bound.freeAt - view.now;
  const holder = view.cluster.reign.value.holder;
  if (view.server.kind === "running" && view.server.upstream !== holder) return undefined;
  if (holderIsHeard(view)) return undefined;
  return {
    actions: [],
    because: bound.by === "promise" ? { code: "promised", holder, freeInMs } : { code: "just-started", freeInMs },
    recheckAt: bound.freeAt,
  };
}

function vote(view: View, server: RunningServer): Decision {
  const epoch = view.cluster.reign.value.epoch + 1;
  if (server.receiving || server.upstream !== null)
    return { actions: [{ kind: "stop-receiver" }], because: { code: "stops-listening", epoch } };
  const position = { timeline: server.timeline, lsn: server.flushed };
  return {
    actions: [{ kind: "record", what: "vote", txn: voteTxn(view, position) }],
    because: { code: "votes", epoch },
  };
}

/** P5: with enough votes the member whose log is ahead takes the epoch; the next best leave it one short turn. */
export const takeEpoch: Rule = (view) => {
  const server = ownStandby(view);
  if (!server || !hasVoted(view) || server.receiving) return undefined;
  const votes = tally(view.cluster);
  const own = votes.ranking.findIndex((vote) => vote.voter.member === view.self);
  if (own < 0) return undefined;
  if (!votes.suffices) return waitForVotes(view, votes);
  return stand(view, votes, own);
};

function stand(view: View, votes: Tally, own: number): Decision {
  const { cluster, now, timings, memory } = view;
  const best = votes.ranking[0];
  const mine = votes.ranking[own];
  if (!best || !mine) return { actions: [], because: { code: "votes", epoch: votes.epoch } };
  if (comparePositions(cluster.timelines.value, mine.position, best.position) < 0) return behind(view, best, mine);
  const rejection = rejectSelf(view, mine);
  if (rejection) return { actions: [], because: { code: "not-eligible", rejection }, recheckAt: now + timings.tickMs };
  const turnAt = (memory.electableSince ?? now) + own * timings.turnMs;
  if (now < turnAt)
    return {
      actions: [],
      because: { code: "leaves-turn", to: best.voter.member, inMs: turnAt - now },
      recheckAt: turnAt,
    };
  return {
    actions: [{ kind: "record", what: "take-epoch", txn: takeEpochTxn(view, votes, "election") }],
    because: { code: "wins-election", epoch: votes.epoch, votes: votes.votes.map((vote) => vote.voter.member) },
  };
}

function behind(view: View, best: Vote, mine: Vote): Decision {
  const bytes = bytesBetween(mine.position.lsn, best.position.lsn);
  return {
    actions: [],
    because: { code: "behind", better: best.voter.member, bytes },
    recheckAt: view.now + view.timings.tickMs,
  };
}

function rejectSelf(view: View, mine: Vote): Rejection | undefined {
  const { cluster, memory, now, self } = view;
  const forMs = standBackMs(memory, now);
  if (forMs > 0) return { member: self, code: "stands-back", forMs };
  if (cluster.spec.value.durability !== "async") return undefined;
  const holder = serverOf(view, cluster.reign.value.holder);
  const last = holder?.kind === "running" ? holder.flushed : mine.position.lsn;
  const bytes = bytesBetween(mine.position.lsn, last);
  const bytesMax = cluster.spec.value.failoverLagBytesMax;
  return bytes > bytesMax ? { member: self, code: "loses-too-much", bytes, bytesMax } : undefined;
}

function waitForVotes(view: View, votes: Tally): Decision {
  if (holdsEpoch(view) && othersWhoCanElect(view).length === 0) return reclaim(view, votes);
  const intent = view.cluster.intent?.value;
  if (intent?.kind === "failover" && intent.acceptDataLoss && intent.epoch === view.cluster.reign.value.epoch)
    return force(view, votes, intent.by);
  // It may be long until there is a primary, and whoever changed settings waits to read them back.
  const configuring = configureStandby(view);
  if (configuring) return configuring;
  return {
    actions: [],
    because: { code: "votes-missing", from: votes.missing, needed: votes.needed, have: votes.votes.length },
    recheckAt: view.now + view.timings.tickMs,
  };
}

/** A holder that gave its time back and finds that nobody can take over takes the next epoch itself (P5). */
function reclaim(view: View, votes: Tally): Decision {
  const own = votes.votes.find((vote) => vote.voter.member === view.self);
  if (!own) return { actions: [], because: { code: "votes", epoch: votes.epoch } };
  const waitMs = standBackMs(view.memory, view.now);
  const because = { code: "wins-election", epoch: votes.epoch, votes: [view.self] } as const;
  if (waitMs > 0)
    return {
      actions: [],
      because: { code: "not-eligible", rejection: { member: view.self, code: "stands-back", forMs: waitMs } },
      recheckAt: view.now + waitMs,
    };
  return { actions: [{ kind: "record", what: "take-epoch", txn: reclaimEpochTxn(view, own.position) }], because };
}

/** The operator accepts that acknowledged writes of the missing voters may be lost. */
function force(view: View, votes: Tally, by: string): Decision {
  const asked = view.cluster.intent?.value.kind === "failover" ? view.cluster.intent.value.to : null;
  const first = asked ?? votes.ranking[0]?.voter.member;
  const startedAt = view.memory.intent?.startedAt ?? view.now;
  const turnAt = startedAt + view.timings.promiseMs;
  if (first !== view.self || view.now < turnAt)
    return {
      actions: [],
      because: { code: "leaves-turn", to: first ?? view.self, inMs: Math.max(0, turnAt - view.now) },
      recheckAt: Math.max(turnAt, view.now + view.timings.tickMs),
    };
  return {
    actions: [{ kind: "record", what: "take-epoch", txn: takeEpochTxn(view, votes, "forced") }],
    because: { code: "forced-by-operator", by, missing: votes.missing },
  };
}

/** A member without a record takes no part. */
export const unknownMember: Rule = (view) =>
  ownRecord(view) === undefined && view.server.kind === "absent"
    ? { actions: [], because: { code: "being-removed", step: "record" } }
    : undefined;
