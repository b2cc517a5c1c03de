/**
 * A member in Patroni's words (its REST API manual): state, role, class, how far behind. Called by facts.ts and bodies.ts.
 * Pure.
 */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { bytesBetween, laterLsn, zeroLsn, type Lsn } from "../../domain/lsn.ts";
import type { RunningServer, Server } from "../../domain/server.ts";
import { voterName } from "../../domain/rule.ts";
import { canFollow } from "../../domain/timeline.ts";
import type { MemberFacts } from "../../router/wire.ts";

/** What the agent knows besides. */
export interface HealthContext {
  readonly version: string;
  /** wall clock, seconds, to ten: the store was heard. Finer, and every second would bring news of every member */
  readonly storeSeenAt: number;
  readonly wallNow: number;
  /** of the endpoints of a member's host, for people */
  readonly urlOf: (member: string) => string | undefined;
  readonly addressOf: (member: string) => { readonly host: string; readonly port: number };
  readonly labelsOf: (host: string) => Readonly<Record<string, string>>;
  /** when an epoch's holder began to serve, and who that was; undefined: nobody remembers */
  readonly turnOf: (epoch: number) => Turn | undefined;
  /** commits have waited for longer than a voter may be away for a moment */
  readonly isWaiting: (member: MemberRuntime) => boolean;
  /** its loop has looked at it within the time that it has */
  readonly isLookedAt: (member: MemberRuntime) => boolean;
}

export interface Turn {
  /** ISO 8601 */
  readonly at: string;
  readonly holder: string;
}

/** The member with the epoch, unless it has given it back. */
export function isHolder({ reign }: ClusterRecord, { id }: Pick<MemberRuntime, "id">): boolean {
  return reign.value.holder === id && reign.value.phase === "open";
}

export function roleWord(server: Server): "primary" | "replica" {
  return "role" in server && server.role === "primary" ? "primary" : "replica";
}

/** Patroni's words for the state of a server. */
export function stateWord({ server, busy }: Pick<MemberRuntime, "server" | "busy">): string {
  if (busy.includes("clone")) return "creating replica";
  if (busy.includes("rewind")) return "running pg_rewind";
  switch (server.kind) {
    case "running":
      return busy.includes("stop") ? "stopping" : "running";
    case "starting":
      return "starting";
    case "unresponsive":
      return "unknown";
    case "stopped":
      return server.clean ? "stopped" : "crashed";
    case "absent":
      return "uninitialized";
  }
}

/** Every commit waits for a standby that is `sync`, for some of those that are `quorum`, for none that is `async`. */
export function kindOf({ rule }: ClusterRecord, member: string): MemberFacts["kind"] {
  const { voters, acks } = rule.value.rule;
  if (!voters.some((voter) => voter.member === member)) return "async";
  return acks >= voters.length ? "sync" : "quorum";
}

/** Fewer voters stream than a commit needs: it waits for them. */
export function waitsForVoters({ rule, spec }: ClusterRecord, server: Server): boolean {
  if (server.kind !== "running" || server.role !== "primary" || spec.value.durability === "async") return false;
  const { voters, acks } = rule.value.rule;
  const streaming = server.standbys.filter(({ state }) => state === "streaming");
  return voters.filter((voter) => streaming.some(({ name }) => name === voterName(voter))).length < acks;
}

/** It shows what nobody else has. */
export function isAstray({ timelines, reign }: ClusterRecord, server: Server): boolean {
  if (server.kind !== "running" || server.role !== "standby") return false;
  const position = { timeline: server.timeline, lsn: server.replayed };
  return !canFollow(timelines.value, position, reign.value.timeline);
}

/** Newest end of the log that anybody has on the holder's timeline: with the primary gone, what its standbys have. */
function newestLog({ members, record }: ClusterRuntime): Lsn | undefined {
  const running = [...members.values()].flatMap(({ server }) => (server.kind === "running" ? [server] : []));
  const known = running.filter((server) => !isAstray(record, server)).map(({ flushed }) => flushed);
  return known.length === 0 ? undefined : known.reduce(laterLsn, zeroLsn);
}

export function lagOf(cluster: ClusterRuntime, server: Server): MemberFacts["lagBytes"] {
  const end = newestLog(cluster);
  if (server.kind !== "running" || end === undefined) return { apply: null, write: null };
  return { apply: bytesBetween(appliedOf(server), end), write: bytesBetween(server.flushed, end) };
}

function appliedOf(server: RunningServer): Lsn {
  return server.role === "primary" ? server.flushed : server.replayed;
}

/** Where it is, and the labels of its host: `noloadbalance=true` keeps a host's members from readers. */
export function tagsOf(
  record: ClusterRecord,
  id: string,
  { labelsOf }: HealthContext,
): Readonly<Record<string, string>> {
  const member = record.members[id]?.value;
  if (!member) return {};
  return { ...labelsOf(member.host), region: member.region, zone: member.zone, host: member.host };
}
