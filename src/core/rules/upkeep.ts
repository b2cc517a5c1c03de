/** The serving primary keeps its commit rule, its slots and its own account in order (P3, P10). */
import type { Intent, MemberId, RestartIntent } from "../../domain/cluster.ts";
import { formatSyncNames, hasVoter, sameRule, voterName } from "../../domain/rule.ts";
import type { RunningServer } from "../../domain/server.ts";
import type { Decision, Rule } from "../decision.ts";
import { isCascaded } from "../regions.ts";
import { nextRuleChange, notYetFlushed, type RuleChange } from "../rule-change.ts";
import { barrierSince, holdsEpoch, restartsPending, ruleForServer } from "../standing.ts";
import { endIntentTxn, ruleTxn } from "../transactions.ts";
import type { View } from "../view.ts";

function ownPrimary(view: View): RunningServer | undefined {
  const { server } = view;
  return holdsEpoch(view) && server.kind === "running" && server.role === "primary" ? server : undefined;
}

/** One step towards the rule that the cluster's health allows, each side in its order (P3). */
export const keepRule: Rule = (view) => {
  const primary = ownPrimary(view);
  // A barrier that has just begun is about to pass, and clients wait for it: nothing is to delay that.
  if (!primary || view.now - (barrierSince(view) ?? -Infinity) < view.timings.heartbeatMs) return undefined;
  const change = nextRuleChange(view, primary);
  if (change?.way === "laxer") return loosen(view, primary, change);
  const rule = ruleForServer(view);
  if (primary.syncNames !== formatSyncNames(rule)) return setRule(view, rule, { code: "rule-into-server" });
  if (!change) return undefined;
  return {
    actions: [{ kind: "record", what: "rule-stricter", txn: ruleTxn(view, change.rule) }],
    because: change.because,
  };
};

function setRule(view: View, rule: RuleChange["rule"], because: RuleChange["because"]): Decision {
  const leaving = view.cluster.rule.value.rule.voters.filter((voter) => !hasVoter(rule, voter));
  const endStreams = rule.voters.length === 0 ? [] : leaving.map(voterName);
  return { actions: [{ kind: "set-rule", epoch: view.cluster.reign.value.epoch, rule, endStreams }], because };
}

/** Postgres first; the store once the new rule's voters have flushed all that the old one could have acknowledged. */
function loosen(view: View, primary: RunningServer, change: RuleChange): Decision {
  const rule = ruleForServer(view, change.rule);
  const { laxer } = view.memory;
  if (!laxer || !sameRule(laxer.rule, rule) || primary.syncNames !== formatSyncNames(rule))
    return setRule(view, rule, change.because);
  const missing = notYetFlushed(primary, change.rule, laxer.until);
  if (missing.length > 0)
    return {
      actions: [],
      because: { code: "voters-must-flush", missing },
      recheckAt: view.now + view.timings.heartbeatMs,
    };
  return {
    actions: [{ kind: "record", what: "rule-laxer", txn: ruleTxn(view, change.rule) }],
    because: change.because,
  };
}

/**
 * One slot for each other member, on every member, so that a failover finds it (P10). The primary needs them before its
 * barrier: without its slot no standby streams, and nothing is acknowledged.
 */
export const keepSlots: Rule = (view) => {
  const { server, self, cluster } = view;
  if (server.kind !== "running" || (!ownPrimary(view) && cluster.reign.value.phase !== "open")) return undefined;
  // A member that leaves keeps its slot until its record is gone: as long as it streams, its slot cannot be dropped.
  const wanted = Object.keys(cluster.members).filter((member) => member !== self && !streamsElsewhere(view, member));
  const anew = staleSlots(view, server).filter((member) => wanted.includes(member));
  const same = wanted.length === server.slots.length && wanted.every((member) => server.slots.includes(member));
  if (same && anew.length === 0) return undefined;
  return { actions: [{ kind: "slots", members: wanted, anew }], because: { code: "slots" } };
};

/**
 * Of a former primary that follows: its slots stand where the others were when the role moved, and would keep all log from
 * then on. Nobody reads from it, but for a replica that follows it and may be away for a moment.
 */
function staleSlots({ cluster, self }: View, { role, streaming, idleSlots = [] }: RunningServer): readonly MemberId[] {
  if (role !== "standby" || !streaming) return [];
  return idleSlots.filter((member) => cluster.members[member]?.value.upstream !== self);
}

/** One that follows a standby: what is kept for it where it does not stream is never used, and never let go. */
function streamsElsewhere({ cluster, peers, self }: View, member: MemberId): boolean {
  const server = peers[member]?.server;
  const isElsewhere = server?.kind === "running" && server.streaming && server.upstream !== self;
  return isCascaded(cluster, member) && isElsewhere;
}

/**
 * Longer than the agent that was asked waits for it (installation/changes.ts): where that host is lost, nobody else would
 * end what nobody fulfils, and the cluster would be busy for ever.
 */
const overdueMs = 240_000;

/** The holder ends what was asked for once the epoch has moved on, or everybody has had a turn, or nobody fulfils it. */
export const endIntent: Rule = (view) => {
  const { cluster } = view;
  const intent = cluster.intent?.value;
  const { epoch, holder, phase } = cluster.reign.value;
  if (!intent || !ownPrimary(view) || phase !== "open") return undefined;
  if (intent.kind === "restart" ? restartsPending(view).length > 0 : intent.epoch === epoch)
    return endOverdue(view, intent);
  const failed = intent.kind !== "restart" && intent.to !== null && intent.to !== holder;
  const message = failed
    ? `"${holder}" became the primary instead of "${intent.to}"`
    : intent.kind === "restart"
      ? restartedMessage(intent)
      : `"${holder}" is the primary now`;
  return {
    actions: [
      {
        kind: "record",
        what: "intent",
        txn: endIntentTxn(view),
        outcome: { operation: intent.id, state: failed ? "failed" : "done", message },
      },
    ],
    because: { code: "intent-done" },
  };
};

function restartedMessage({ upgrade }: RestartIntent): string {
  return upgrade ? `every member runs Postgres ${upgrade.to}` : "every member that was to be restarted has been";
}

/** Counted from when this holder saw it, or its last turn, first: a clock that is stepped ends nothing. */
function endOverdue(view: View, intent: Intent): Decision | undefined {
  const { intent: progress } = view.memory;
  const sinceMs = progress?.id === intent.id ? view.now - progress.startedAt : 0;
  if (sinceMs < overdueMs) return undefined;
  const left = intent.kind === "restart" ? `: ${restartsPending(view).join(", ")} had no turn` : "";
  const message = `nobody could carry it out in ${overdueMs / 60_000} minutes${left}`;
  const outcome = { operation: intent.id, state: "failed", message } as const;
  return {
    actions: [{ kind: "record", what: "intent", txn: endIntentTxn(view), outcome }],
    because: { code: "intent-overdue", kind: intent.kind, forMs: sinceMs },
  };
}

/** Nothing to do: it serves, or its writes wait for voters. */
export const serve: Rule = (view) => {
  const primary = ownPrimary(view);
  if (!primary) return undefined;
  const { rule } = view.cluster.rule.value;
  const streaming = primary.standbys.filter((stream) => stream.state === "streaming");
  const voting = rule.voters.filter((voter) => streaming.some((stream) => stream.name === voterName(voter)));
  if (voting.length < rule.acks && view.cluster.spec.value.durability !== "async") {
    const missing = rule.voters.filter((voter) => !voting.includes(voter)).map((voter) => voter.member);
    return {
      actions: [],
      because: { code: "writes-wait", for: missing, durability: view.cluster.spec.value.durability },
    };
  }
  return { actions: [], because: { code: "serving", standbys: streaming.length, voters: rule.voters.length } };
};
