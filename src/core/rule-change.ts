/**
 * How the commit rule moves from what it is to what the cluster's health allows: one small change at a time, each known
 * to be stricter or laxer for elections, because the two take different ways (P3). The idea of a resolver that yields
 * safe transitions comes from Patroni's quorum commit; the order of the two sides is argued in design P3.
 */
import { voterOf, type ClusterRecord, type MemberId } from "../domain/cluster.ts";
import { bytesBetween } from "../domain/lsn.ts";
import { hasVoter, noVoters, sameVoter, usualAcks, voterName, type CommitRule, type Voter } from "../domain/rule.ts";
import type { RunningServer } from "../domain/server.ts";
import type { Reason } from "./reason.ts";
import { inPrimaryRegion, mayBeVoter, votersInFull } from "./regions.ts";
import type { View } from "./view.ts";

export interface RuleChange {
  readonly rule: CommitRule;
  /** stricter: to the store first. laxer: to Postgres first, to the store once the new voters have flushed */
  readonly way: "stricter" | "laxer";
  readonly because: Reason;
}

/** A standby within this of the primary's end of log has caught up: it acknowledges within the next exchange. */
const caughtUpBytes = 1024 * 1024;

/** The next single change that is due, or undefined. Only for the primary that holds the epoch. */
export function nextRuleChange(view: View, primary: RunningServer): RuleChange | undefined {
  const rule = view.cluster.rule.value.rule;
  const health = judgeVoters(view, primary, rule);
  return (
    admit(view, primary, rule) ??
    lowerAcks(view, rule, health) ??
    dropLost(view, rule, health) ??
    settleAcks(view, rule, health)
  );
}

interface VoterHealth {
  /** silent for too long, rebuilt, or not wanted any more; those that do not even stream first */
  readonly lost: readonly Voter[];
  readonly present: readonly Voter[];
  /** acknowledges now, wanted or not */
  readonly streaming: readonly Voter[];
}

function judgeVoters(view: View, primary: RunningServer, rule: CommitRule): VoterHealth {
  const lost = rule.voters.filter((voter) => isLost(view, primary, voter));
  const streaming = rule.voters.filter((voter) => streams(primary, voter));
  return {
    lost: lost.toSorted((a, b) => Number(streams(primary, a)) - Number(streams(primary, b))),
    present: rule.voters.filter((voter) => !lost.includes(voter)),
    streaming,
  };
}

function streams(primary: RunningServer, voter: Voter): boolean {
  return primary.standbys.some((stream) => stream.name === voterName(voter) && stream.state === "streaming");
}

function isLost(view: View, primary: RunningServer, voter: Voter): boolean {
  const { cluster, memory, now, timings } = view;
  const record = cluster.members[voter.member]?.value;
  if (!record || record.incarnation !== voter.incarnation) return true;
  if (!isWanted(cluster, voter.member) || record.wish === "reclone") return true;
  if (streams(primary, voter)) return false;
  const silentSince = memory.silentSince[voter.member];
  return silentSince !== undefined && now - silentSince >= timings.voterLostMs;
}

function isWanted(cluster: ClusterRecord, member: MemberId): boolean {
  return cluster.spec.value.members.includes(member) && mayBeVoter(cluster, member);
}

/** One standby that streams and has caught up becomes a voter. Leaving "no voters" makes elections possible: laxer. */
function admit(view: View, primary: RunningServer, rule: CommitRule): RuleChange | undefined {
  const voter = view.cluster.spec.value.members
    .filter((member) => isWanted(view.cluster, member))
    .map((member) => view.cluster.members[member]?.value)
    .filter((record) => record !== undefined)
    .filter((record) => record.wish !== "remove" && record.wish !== "reclone")
    .map((record) => voterOf(record))
    .find(
      (candidate) => candidate.member !== view.self && !hasVoter(rule, candidate) && hasCaughtUp(primary, candidate),
    );
  if (!voter) return undefined;
  const alone = rule.voters.length === 0;
  return {
    rule: { voters: [...rule.voters, voter], acks: alone ? 1 : rule.acks },
    way: alone ? "laxer" : "stricter",
    because: { code: "voter-joins", member: voter.member },
  };
}

function hasCaughtUp(primary: RunningServer, voter: Voter): boolean {
  const stream = primary.standbys.find((row) => row.name === voterName(voter));
  return (
    stream?.state === "streaming" &&
    stream.flushed !== undefined &&
    bytesBetween(stream.flushed, primary.flushed) <= caughtUpBytes
  );
}

/** Too few voters are left for the acknowledgements wanted: fewer must do, down to what the durability demands. */
function lowerAcks(view: View, rule: CommitRule, { present }: VoterHealth): RuleChange | undefined {
  const acks = Math.max(present.length, leastAcks(view.cluster));
  if (rule.voters.length === 0 || acks >= rule.acks) return undefined;
  if (acks === 0) return { rule: noVoters, way: "stricter", because: { code: "no-voter-left" } };
  return acksChange(rule, acks, "stricter");
}

/** A lost voter goes, as long as enough others remain to hold what was acknowledged. */
function dropLost(view: View, rule: CommitRule, { lost, present, streaming }: VoterHealth): RuleChange | undefined {
  const leaving = lost[0];
  if (!leaving) return undefined;
  const staying = new Set([...present, ...streaming].filter((voter) => !sameVoter(voter, leaving)));
  if (staying.size < rule.acks || staying.size < leastAcks(view.cluster)) return undefined;
  return {
    rule: { voters: rule.voters.filter((voter) => !sameVoter(voter, leaving)), acks: rule.acks },
    way: "laxer",
    because: { code: "voter-leaves", member: leaving.member, isWanted: isWanted(view.cluster, leaving.member) },
  };
}

function settleAcks(view: View, rule: CommitRule, { lost, present }: VoterHealth): RuleChange | undefined {
  if (rule.voters.length === 0 || lost.length > 0) return undefined;
  const wanted = Math.min(Math.max(usualAcks(rule.voters.length), leastAcks(view.cluster)), rule.voters.length);
  if (wanted === rule.acks || present.length < wanted) return undefined;
  return acksChange(rule, wanted, wanted > rule.acks ? "laxer" : "stricter");
}

function acksChange(rule: CommitRule, acks: number, way: RuleChange["way"]): RuleChange {
  return { rule: { voters: rule.voters, acks }, way, because: { code: "acks-change", from: rule.acks, to: acks } };
}

/** Acknowledgements below which durability `strict` never goes; other durabilities may go down to none. */
export function leastAcks(cluster: ClusterRecord): number {
  return cluster.spec.value.durability === "strict" ? usualAcks(votersInFull(cluster)) : 0;
}

/** Rule of a new epoch: the members that are there now, and with `strict` never fewer than it demands. */
export function ruleForNewHolder(
  cluster: ClusterRecord,
  survivors: readonly Voter[],
  absent: readonly Voter[],
): CommitRule {
  const least = leastAcks(cluster);
  const others = absent.filter((voter) => inPrimaryRegion(cluster, voter.member));
  const voters =
    survivors.length >= least ? survivors : [...survivors, ...others].slice(0, Math.max(least, survivors.length));
  if (voters.length === 0) return noVoters;
  return { voters, acks: Math.min(Math.max(usualAcks(voters.length), least), voters.length) };
}

/** Members of `rule` whose stream has not yet flushed `until`. */
export function notYetFlushed(primary: RunningServer, rule: CommitRule, until: bigint): readonly MemberId[] {
  const behind = rule.voters.filter((voter) => {
    const stream = primary.standbys.find((row) => row.name === voterName(voter));
    return stream?.flushed === undefined || stream.flushed < until;
  });
  const flushed = rule.voters.length - behind.length;
  return flushed >= rule.acks ? [] : behind.map((voter) => voter.member);
}
