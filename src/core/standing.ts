/** Small facts about a view that several rules ask for. */
import { voterOf, type MemberId, type MemberRecord } from "../domain/cluster.ts";
import { leaseEnd } from "../domain/lease.ts";
import { bytesBetween } from "../domain/lsn.ts";
import { noVoters, type CommitRule, type Voter } from "../domain/rule.ts";
import type { RunningServer, Server } from "../domain/server.ts";
import { canFollow, forkPoint, mayHoldLost } from "../domain/timeline.ts";
import type { ActionKind } from "./action.ts";
import { serverOf } from "./candidates.ts";
import { inPrimaryRegion } from "./regions.ts";
import type { AskedRecord, View } from "./view.ts";

export function ownRecord(view: View): MemberRecord | undefined {
  return view.cluster.members[view.self]?.value;
}

/** This member holds the current epoch, with the directory that it had when it took it. */
export function holdsEpoch(view: View): boolean {
  const reign = view.cluster.reign.value;
  return reign.holder === view.self && reign.incarnation === ownRecord(view)?.incarnation;
}

/** Could take writes now, or is about to. */
export function actsAsPrimary(server: Server): boolean {
  switch (server.kind) {
    case "running":
    case "unresponsive":
      return server.role === "primary";
    case "starting":
      return server.asPrimary;
    case "stopped":
    case "absent":
      return false;
  }
}

export function hasProcess(server: Server): boolean {
  return server.kind !== "stopped" && server.kind !== "absent";
}

export function isBusy(view: View, ...kinds: readonly ActionKind[]): boolean {
  return view.busy.some((action) => kinds.includes(action.kind));
}

/** Records of this epoch that may stand in the store without being in the picture: on their way, or of unknown fate. */
export function recordsOnTheWay(view: View): readonly AskedRecord[] {
  const { asked, unsure } = view.memory;
  const epoch = view.cluster.reign.value.epoch;
  return [...(asked ? [asked] : []), ...unsure].filter((record) => record.epoch === epoch);
}

/** Clients may be let in, by this host or by one that has a newer picture. */
export function mayBeOpen(view: View): boolean {
  return view.cluster.reign.value.phase === "open" || recordsOnTheWay(view).some((record) => record.opens);
}

/** The rules under each of which this holder's time must last: the one in force and those on their way. */
export function leaseRules(view: View): readonly CommitRule[] {
  return [view.cluster.rule.value.rule, ...recordsOnTheWay(view).flatMap((record) => record.rule ?? [])];
}

/** When this holder's time ends. */
export function leaseEndsAt(view: View): number {
  return Math.min(...leaseRules(view).map((rule) => leaseEnd(rule, view.lease.held)));
}

/** When the barrier that is under way began. */
export function barrierSince(view: View): number | undefined {
  return view.busy.find((action) => action.kind === "barrier")?.since;
}

/** The rule that Postgres is told: with durability `async` commits wait for nobody (P2). */
export function ruleForServer(view: View, rule: CommitRule = view.cluster.rule.value.rule): CommitRule {
  return view.cluster.spec.value.durability === "async" ? noVoters : rule;
}

/** Bytes that this standby has replayed past the fork of the holder's timeline; 0 when it can follow. */
export function divergedBytes(view: View, server: RunningServer): number {
  const { timelines, reign } = view.cluster;
  const position = { timeline: server.timeline, lsn: server.replayed };
  if (canFollow(timelines.value, position, reign.value.timeline)) return 0;
  const fork = forkPoint(timelines.value, server.timeline, reign.value.timeline);
  return fork === undefined ? Number(server.replayed) : Math.max(1, bytesBetween(fork, server.replayed));
}

/**
 * A stopped server whose log may hold what was acknowledged and is nowhere else, for a forced epoch went on without it
 * (I13). How far its log goes is not known after a hard end, unless it was seen running.
 */
export function mustBeKept({ cluster, server, memory, self }: View): boolean {
  if (server.kind !== "stopped" || server.damaged) return false;
  const { rebuild } = memory;
  if (rebuild && rebuild.incarnation === cluster.members[self]?.value.incarnation) return rebuild.keeps;
  const position = { timeline: server.timeline, lsn: server.end };
  return mayHoldLost(cluster.timelines.value, position, cluster.reign.value.timeline);
}

/**
 * This member holds the epoch although it is being removed (it had the most of the log), or although the primary belongs
 * in another region by now: it hands over as soon as somebody is fit.
 */
export function holderLeaves(view: View): boolean {
  if (!holdsEpoch(view)) return false;
  return !view.cluster.spec.value.members.includes(view.self) || !inPrimaryRegion(view.cluster, view.self);
}

/** Members whose turn in the rolling restart is still to come; one that has been removed meanwhile has none. */
export function restartsPending({ cluster }: View): readonly MemberId[] {
  const intent = cluster.intent?.value;
  if (intent?.kind !== "restart") return [];
  return intent.pending.filter((member) => cluster.spec.value.members.includes(member));
}

export function voterIn(view: View, member: MemberId): Voter | undefined {
  const record = view.cluster.members[member]?.value;
  return record && voterOf(record);
}

/** Running, and heard of lately: its vote can be expected at once. */
export function isWell(view: View, member: MemberId): boolean {
  const server = serverOf(view, member);
  const peer = view.peers[member];
  const fresh = member === view.self || (peer !== undefined && view.now - peer.heardAt <= view.timings.promiseMs);
  return fresh && server?.kind === "running";
}

/**
 * I9: the primary that a new copy can be made of: it answers, and its barrier has passed, so that others have all that
 * was acknowledged. Before that only for a member that the barrier may be waiting for (durability strict keeps voters
 * that are absent, even removed): without it nobody would ever be let in. Its old directory stays aside until the copy
 * streams.
 */
export function copySource(view: View): MemberId | undefined {
  const { reign, rule, spec } = view.cluster;
  const { holder, phase } = reign.value;
  const named = rule.value.rule.voters.some((voter) => voter.member === view.self);
  const awaited = phase === "taken" && (named || spec.value.durability === "strict");
  if ((phase !== "open" && !awaited) || holder === view.self || !isWell(view, holder)) return undefined;
  const server = serverOf(view, holder);
  const current = view.peers[holder]?.epoch === reign.value.epoch;
  return current && server?.kind === "running" && server.role === "primary" ? holder : undefined;
}
