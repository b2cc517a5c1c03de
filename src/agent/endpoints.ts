/**
 * Where the endpoints of a cluster lead, from what its record and its members' servers say. Pure; the cluster's loop
 * calls it after every look and tells the router what has changed.
 */
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import { bytesBetween } from "../domain/lsn.ts";
import type { Server } from "../domain/server.ts";
import { canFollow } from "../domain/timeline.ts";
import type { Route, Target } from "../router/wire.ts";
import type { ReadLag } from "./freshness.ts";
import { alone, type Neighbourhood } from "./neighbourhood.ts";
import type { PoolSeen } from "./pools.ts";

export interface MemberSeen {
  readonly server: Server;
  /** planned: clients wait, sessions may go on. fenced: sessions end at once */
  readonly hold: "no" | "planned" | "fenced";
  /** of a standby; undefined from an agent of an older release */
  readonly reads?: ReadLag | undefined;
  /** since its host was heard last */
  readonly silentMs?: number;
}

type TargetOf = Neighbourhood["targetOf"];

/**
 * @param near where this host's router reaches a member
 * @param isHeldForSleep false where a client has come into a doze that this host has not agreed to
 * @param pool where this host's pooler is; undefined: the cluster has none
 */
export function routesOf(
  cluster: ClusterRecord,
  members: ReadonlyMap<MemberId, MemberSeen>,
  near: Pick<Neighbourhood, "targetOf"> = alone,
  isHeldForSleep = cluster.sleep !== undefined,
  pool?: PoolSeen,
): readonly [Route, Route, ...Route[]] {
  if (isHeldForSleep && cluster.spec.value.wish !== "stopped") return asleep(cluster, pool !== undefined);
  const targetOf: TargetOf = (member) => near.targetOf(member);
  const pooled = pool ? [pooledRoute(cluster, pool)] : [];
  return [primaryRoute(cluster, members, targetOf), readRoute(cluster, members, targetOf), ...pooled];
}

/** To the pooler as long as there is one: it leads to the primary's endpoint, and its clients wait there for a primary. */
function pooledRoute(cluster: ClusterRecord, { port, trouble }: PoolSeen): Route {
  const { name, wish } = cluster.spec.value;
  const base = { cluster: name, kind: "pooled", epoch: cluster.reign.value.epoch } as const;
  if (wish === "stopped") return { ...base, ...stopped(cluster) };
  if (port !== undefined)
    return { ...base, state: "open", targets: [{ member: "pooler", host: "127.0.0.1", port }], cut: true };
  if (trouble === undefined) return { ...base, state: "hold", targets: [], cut: true };
  const message = `the pooled endpoint of cluster "${name}" does not serve on this host: ${trouble}`;
  return { ...base, state: "closed", targets: [], cut: true, message };
}

/** To the holder once its barrier has passed and its server takes writes; everybody else waits. */
function primaryRoute(cluster: ClusterRecord, members: ReadonlyMap<MemberId, MemberSeen>, targetOf: TargetOf): Route {
  const { epoch, holder, phase } = cluster.reign.value;
  const base = { cluster: cluster.spec.value.name, kind: "primary", epoch } as const;
  if (cluster.spec.value.wish === "stopped") return { ...base, ...stopped(cluster) };
  const seen = members.get(holder);
  const record = cluster.members[holder]?.value;
  const target = record && targetOf(record);
  const serves = phase === "open" && seen !== undefined && mayServe(seen.server);
  if (serves && seen.hold === "no" && target) return { ...base, state: "open", targets: [target], cut: true };
  // Sessions stay on a primary that is only held: they end with its server, or go on when it stays.
  const keep = serves && seen.hold === "planned" && target ? [target] : [];
  return { ...base, state: "hold", targets: keep, cut: true };
}

/** A primary that is only suspected keeps its clients: they are cut when it is fenced, not at a hiccup. */
function mayServe(server: Server): boolean {
  return (server.kind === "running" || server.kind === "unresponsive") && server.role === "primary";
}

/**
 * Standbys that stream within the lag limit; the primary when there is none, unless that is to serve no reads. Who came
 * to the primary then stays there: what it reads is as new as can be, and after a start or a failover it would be cut
 * off in its first moments.
 */
function readRoute(cluster: ClusterRecord, members: ReadonlyMap<MemberId, MemberSeen>, targetOf: TargetOf): Route {
  const { epoch } = cluster.reign.value;
  const { name, wish, reads } = cluster.spec.value;
  const base = { cluster: name, kind: "read", epoch } as const;
  if (wish === "stopped") return { ...base, ...stopped(cluster) };
  const standbys = [...members].flatMap(([member, seen]) => {
    const record = cluster.members[member]?.value;
    return record && isFresh(cluster, seen) ? [{ ...targetOf(record), ...ageOf(seen) }] : [];
  });
  const primary = primaryRoute(cluster, members, targetOf);
  const newest = primary.targets.map((target): Target => ({ ...target, lagMs: 0 }));
  const refuses = reads?.fallback === "refuse";
  if (standbys.length > 0) {
    const fallback = primary.state === "open" && !refuses ? { fallback: newest } : {};
    return { ...base, state: "open", targets: standbys, cut: true, keep: primary.targets, ...fallback };
  }
  return refuses ? { ...base, ...noStandby(name) } : { ...primary, targets: newest, kind: "read" };
}

/** Only a standby that streams: one that has diverged shows what nobody else has (facts: it stays up for ever). */
function isFresh(cluster: ClusterRecord, { server, reads }: MemberSeen): boolean {
  if (server.kind !== "running" || !followsHolder(cluster, server)) return false;
  if (reads) return !reads.isBehind;
  return bytesBetween(server.replayed, server.flushed) <= cluster.spec.value.readLagBytesMax;
}

/** Between two looks at a standby, and for the primary's position to be heard, so much may pass. */
const betweenLooksMs = 1500;
/** So coarse that a route changes only now and then. */
const ages = [2000, 3000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 3_600_000];

function ageOf({ reads, silentMs = 0 }: MemberSeen): Pick<Target, "lagMs"> {
  if (!reads || reads.lagMs === null) return {};
  const lagMs = reads.lagMs + Math.max(betweenLooksMs, silentMs);
  const age = ages.find((limit) => lagMs <= limit);
  return age === undefined ? {} : { lagMs: age };
}

/**
 * A standby that streams, and whose log is the holder's. One that has diverged looks as if it streamed for the moment
 * between its connection and the refusal, or as long as the new primary has not promoted.
 */
export function followsHolder(cluster: ClusterRecord, server: Server): boolean {
  if (server.kind !== "running" || server.role !== "standby" || !server.streaming) return false;
  const position = { timeline: server.timeline, lsn: server.replayed };
  return canFollow(cluster.timelines.value, position, cluster.reign.value.timeline);
}

/** Whoever comes waits, and wakes it. Falling asleep cuts nobody: who is there keeps it awake. */
function asleep({ spec, reign, sleep }: ClusterRecord, hasPool: boolean): readonly [Route, Route, ...Route[]] {
  const base = {
    cluster: spec.value.name,
    epoch: reign.value.epoch,
    state: "hold",
    targets: [],
    cut: sleep?.value.phase === "asleep",
    isAsleep: true,
    message: `cluster "${spec.value.name}" was asleep and has not woken up in time`,
  } as const;
  return [
    { ...base, kind: "primary" },
    { ...base, kind: "read" },
    ...(hasPool ? [{ ...base, kind: "pooled" } as const] : []),
  ];
}

function noStandby(name: string) {
  return {
    state: "hold",
    targets: [],
    cut: true,
    message: `no standby of cluster "${name}" is within the lag limit, and the primary is not to serve reads`,
  } as const;
}

function stopped(cluster: ClusterRecord) {
  const { name } = cluster.spec.value;
  return {
    state: "closed",
    targets: [],
    cut: true,
    message: `cluster "${name}" is stopped; start it with: matriarch start ${name}`,
  } as const;
}
