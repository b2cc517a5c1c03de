/**
 * Where the endpoints of a cluster lead, from what its record and its members' servers say. Pure; the cluster's loop
 * calls it after every look and tells the router what has changed.
 */
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import { bytesBetween } from "../domain/lsn.ts";
import type { RunningServer, Server } from "../domain/server.ts";
import { canFollow } from "../domain/timeline.ts";
import type { Route } from "../router/wire.ts";
import { alone, type Neighbourhood } from "./neighbourhood.ts";

export interface MemberSeen {
  readonly server: Server;
  /** planned: clients wait, sessions may go on. fenced: sessions end at once */
  readonly hold: "no" | "planned" | "fenced";
}

type TargetOf = Neighbourhood["targetOf"];

/**
 * @param near where this host's router reaches a member
 * @param isHeldForSleep false where a client has come into a doze that this host has not agreed to
 */
export function routesOf(
  cluster: ClusterRecord,
  members: ReadonlyMap<MemberId, MemberSeen>,
  near: Pick<Neighbourhood, "targetOf"> = alone,
  isHeldForSleep = cluster.sleep !== undefined,
): readonly [Route, Route] {
  if (isHeldForSleep && cluster.spec.value.wish !== "stopped") return asleep(cluster);
  const targetOf: TargetOf = (member) => near.targetOf(member);
  return [primaryRoute(cluster, members, targetOf), readRoute(cluster, members, targetOf)];
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
 * Standbys that stream within the lag limit; the primary when there is none. Who came to the primary then stays there:
 * what it reads is as new as can be, and after a start or a failover it would be cut off in its first moments.
 */
function readRoute(cluster: ClusterRecord, members: ReadonlyMap<MemberId, MemberSeen>, targetOf: TargetOf): Route {
  const { epoch } = cluster.reign.value;
  const base = { cluster: cluster.spec.value.name, kind: "read", epoch } as const;
  if (cluster.spec.value.wish === "stopped") return { ...base, ...stopped(cluster) };
  const standbys = [...members].flatMap(([member, { server }]) => {
    const record = cluster.members[member]?.value;
    return record && isFresh(cluster, server) ? [targetOf(record)] : [];
  });
  const primary = primaryRoute(cluster, members, targetOf);
  if (standbys.length > 0) return { ...base, state: "open", targets: standbys, cut: true, keep: primary.targets };
  return { ...primary, kind: "read" };
}

/** Only a standby that streams: one that has diverged shows what nobody else has (facts: it stays up for ever). */
function isFresh(cluster: ClusterRecord, server: Server): server is RunningServer {
  if (server.kind !== "running" || !followsHolder(cluster, server)) return false;
  return bytesBetween(server.replayed, server.flushed) <= cluster.spec.value.readLagBytesMax;
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
function asleep({ spec, reign, sleep }: ClusterRecord): readonly [Route, Route] {
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
  ];
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
