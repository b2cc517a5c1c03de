/**
 * Choosing among members: a verdict on every one of them, with the reason. Used by elections, by switchovers, and by
 * `--dry-run` and `explain`. A comparison, not a rule.
 */
import type { ClusterRecord, MemberId, Vote } from "../domain/cluster.ts";
import { voterOf } from "../domain/cluster.ts";
import { bytesBetween, type Lsn } from "../domain/lsn.ts";
import { canElect, hasVoter, votesNeeded, type CommitRule } from "../domain/rule.ts";
import type { Server } from "../domain/server.ts";
import { comparePositions } from "../domain/timeline.ts";
import { inPrimaryRegion, mayVote, regionOf } from "./regions.ts";
import type { Rejection } from "./rejection.ts";
import type { View } from "./view.ts";

export interface Verdict {
  readonly member: MemberId;
  readonly rejection: Rejection | undefined;
  /** behind the primary's end of log; undefined when unknown */
  readonly lagBytes: number | undefined;
}

/** How far a standby may be behind when a switchover begins: the primary waits for the rest with clients on hold. */
export const switchoverLagBytesMax = 16 * 1024 * 1024;
/** How much log a member may still have to replay: at some 100 MB/s (facts.md) this is under a second. */
export const replayBytesMax = 64 * 1024 * 1024;

/** The verdict on every member as the target of a planned switchover, best first. `asked` null: any. */
export function judgeSwitchover(view: View, asked: MemberId | null): readonly Verdict[] {
  const { cluster } = view;
  const end = endOfLog(serverOf(view, cluster.reign.value.holder));
  return cluster.spec.value.members
    .map((member) => verdictForSwitchover(view, member, end, asked))
    .toSorted((a, b) => rank(a) - rank(b) || (a.lagBytes ?? Infinity) - (b.lagBytes ?? Infinity) || byId(a, b));
}

const passing: ReadonlySet<Rejection["code"]> = new Set([
  "not-heard",
  "not-running",
  "not-streaming",
  "too-far-behind",
  "much-to-replay",
]);

/**
 * Whether none is fit, and one may be in a moment: a voter streams, as the primary has seen, and what its own host has said
 * last is from before that. So it is right after a cluster was made over several hosts, and after much was written at once.
 */
export function isTargetComing(view: View, asked: MemberId | null): boolean {
  const verdicts = judgeSwitchover(view, asked).filter(({ member }) => asked === null || member === asked);
  if (verdicts.some(({ rejection }) => rejection === undefined)) return false;
  return verdicts.some(
    ({ member, rejection }) => rejection !== undefined && passing.has(rejection.code) && isVoter(view.cluster, member),
  );
}

/**
 * The verdicts if `region` were the primary one: members there that stream now will be voters by the time of the move.
 */
export function judgeMove(view: View, region: string): readonly Verdict[] {
  const { cluster } = view;
  const coming = Object.values(cluster.members)
    .map((member) => member.value)
    .filter((record) => record.region === region)
    .map((record) => voterOf(record))
    .filter((voter) => !hasVoter(cluster.rule.value.rule, voter));
  const { rule } = cluster.rule.value;
  const changed: ClusterRecord = {
    ...cluster,
    spec: { ...cluster.spec, value: { ...cluster.spec.value, primaryRegion: region } },
    rule: {
      ...cluster.rule,
      value: { ...cluster.rule.value, rule: { voters: [...rule.voters, ...coming], acks: Math.max(1, rule.acks) } },
    },
  };
  return judgeSwitchover({ ...view, cluster: changed }, null);
}

function verdictForSwitchover(view: View, member: MemberId, end: Lsn | undefined, asked: MemberId | null): Verdict {
  const server = serverOf(view, member);
  const flushed = server?.kind === "running" ? server.flushed : undefined;
  const lagBytes = end === undefined || flushed === undefined ? undefined : bytesBetween(flushed, end);
  return { member, lagBytes, rejection: rejectForSwitchover(view, member, server, lagBytes, asked) };
}

function rejectForSwitchover(
  view: View,
  member: MemberId,
  server: Server | undefined,
  lagBytes: number | undefined,
  asked: MemberId | null,
): Rejection | undefined {
  const { cluster } = view;
  if (member === cluster.reign.value.holder) return { member, code: "is-primary" };
  if (!server) return { member, code: "not-heard" };
  if (server.kind !== "running" || server.role !== "standby") return { member, code: "not-running" };
  const record = cluster.members[member]?.value;
  const { primaryRegion } = cluster.spec.value;
  if (record?.upstream !== undefined) return { member, code: "follows-a-standby", upstream: record.upstream };
  if (!inPrimaryRegion(cluster, member))
    return { member, code: "other-region", region: regionOf(cluster, member) ?? "", primaryRegion };
  if (!record || !isVoter(cluster, member)) return { member, code: "not-a-voter" };
  if (record.wish === "remove" || record.wish === "reclone") return { member, code: "being-removed" };
  const notAskedFor = asked !== null && asked !== member ? ({ member, code: "not-asked-for" } as const) : undefined;
  // It is waited for until it has all (a primary that archives fills its last segment when it stops: up to 16 MB more).
  if (wasStoppedForIntent(view)) return notAskedFor;
  if (!server.streaming) return { member, code: "not-streaming" };
  if (lagBytes !== undefined && lagBytes > switchoverLagBytesMax)
    return { member, code: "too-far-behind", bytes: lagBytes, bytesMax: switchoverLagBytesMax };
  const toReplay = bytesBetween(server.replayed, server.flushed);
  if (toReplay > replayBytesMax) return { member, code: "much-to-replay", bytes: toReplay, bytesMax: replayBytesMax };
  return notAskedFor;
}

/** Once the primary has been stopped for the switchover, nobody streams from it any more. */
function wasStoppedForIntent(view: View): boolean {
  return view.memory.intent?.stoppedAt !== undefined;
}

/** What the standing votes for epoch + 1 amount to. */
export interface Tally {
  readonly epoch: number;
  readonly votes: readonly Vote[];
  /** members whose vote would help, in the order of the rule */
  readonly missing: readonly MemberId[];
  readonly needed: number;
  /** members that have voted and could be elected, best first */
  readonly ranking: readonly Vote[];
  /** the votes satisfy the rule in force and every rule before it */
  readonly suffices: boolean;
}

/**
 * Counts the votes that stand for the next epoch (P5). A vote counts for the directory it was given with; the winner
 * is the one whose log is ahead along the timelines. A read replica's, from before the primary region changed, does not.
 */
export function tally(cluster: ClusterRecord): Tally {
  const epoch = cluster.reign.value.epoch + 1;
  const votes = Object.values(cluster.votes)
    .map((vote) => vote.value)
    .filter((vote) => vote.epoch === epoch && isCurrent(cluster, vote) && mayVote(cluster, vote.voter.member));
  const voters = votes.map((vote) => vote.voter);
  const rules = rulesInForce(cluster);
  const history = cluster.timelines.value;
  return {
    epoch,
    votes,
    missing: missingVotes(rules, voters),
    needed: votesNeeded(cluster.rule.value.rule) ?? Infinity,
    ranking: votes.toSorted((a, b) => comparePositions(history, b.position, a.position) || preferred(cluster, a, b)),
    suffices: rules.every((rule) => canElect(rule, voters)),
  };
}

/** The rule in force and those that may have acknowledged before the barrier; an election must satisfy each. */
export function rulesInForce(cluster: ClusterRecord): readonly CommitRule[] {
  return [cluster.rule.value.rule, ...cluster.rule.value.previous];
}

function missingVotes(
  rules: readonly CommitRule[],
  votes: readonly { member: MemberId; incarnation: number }[],
): readonly MemberId[] {
  const missing = rules
    .filter((rule) => !canElect(rule, votes))
    .flatMap((rule) =>
      rule.voters.filter(
        (voter) => !votes.some((vote) => vote.member === voter.member && vote.incarnation === voter.incarnation),
      ),
    );
  return [...new Set(missing.map((voter) => voter.member))];
}

/** A vote of a directory that has since been rebuilt is no vote. */
function isCurrent(cluster: ClusterRecord, vote: Vote): boolean {
  return cluster.members[vote.voter.member]?.value.incarnation === vote.voter.incarnation;
}

/** Among equals: one that stays primary, the one that the operator asked for, then the lower id. */
function preferred(cluster: ClusterRecord, a: Vote, b: Vote): number {
  const stays = ({ voter: { member } }: Vote): number =>
    cluster.spec.value.members.includes(member) && inPrimaryRegion(cluster, member) ? 0 : 1;
  if (stays(a) !== stays(b)) return stays(a) - stays(b);
  const asked = cluster.intent?.value.kind === "failover" ? cluster.intent.value.to : null;
  if (a.voter.member === asked) return -1;
  if (b.voter.member === asked) return 1;
  return a.voter.member < b.voter.member ? -1 : 1;
}

export function isVoter(cluster: ClusterRecord, member: MemberId): boolean {
  const record = cluster.members[member]?.value;
  return record !== undefined && hasVoter(cluster.rule.value.rule, voterOf(record));
}

/** What is known of a member's server: one's own observation, or what the peer said last. */
export function serverOf(view: View, member: MemberId): Server | undefined {
  return member === view.self ? view.server : view.peers[member]?.server;
}

function endOfLog(server: Server | undefined): Lsn | undefined {
  if (server?.kind === "running") return server.flushed;
  return server?.kind === "stopped" ? server.end : undefined;
}

function rank(verdict: Verdict): number {
  return verdict.rejection === undefined ? 0 : 1;
}

function byId(a: Verdict, b: Verdict): number {
  return a.member < b.member ? -1 : 1;
}
