/** The neighbourhood of a host in an installation over several: what its peers say, and where they are. */
import type { ClusterRecord, MemberId, MemberRecord } from "../../domain/cluster.ts";
import { hostPorts, type HostRecord } from "../../domain/host.ts";
import type { Server } from "../../domain/server.ts";
import type { Target } from "../../router/wire.ts";
import type { Clock } from "../clock.ts";
import type { Neighbourhood, RemoteMember } from "../neighbourhood.ts";
import type { Peers, RemoteLook } from "./peers.ts";

export interface JoinedParts {
  readonly self: string;
  readonly peers: Peers;
  readonly clock: Clock;
  /** nothing heard for so long: the host is silent */
  readonly silentMs: number;
  readonly hosts: () => readonly HostRecord[];
  readonly store: { readonly reachable: boolean; readonly awaySince: number | undefined };
}

export function joinedNeighbourhood(parts: JoinedParts): Neighbourhood {
  const { self, peers } = parts;
  const isLocal = (member: MemberRecord): boolean => member.host === self;
  const agrees = (host: string, cluster: string, revision: number): boolean =>
    parts.clock.now() - (peers.heardAt(host) ?? -Infinity) <= parts.silentMs &&
    peers.hushedFor(host, cluster) === revision;
  return {
    hasOthers: true,
    get storeReachable() {
      return parts.store.reachable;
    },
    get storeAwaySince() {
      return parts.store.awaySince;
    },
    isLocal,
    membersOf: (cluster) => membersOf(cluster, isLocal, parts),
    targetOf: (member) => targetOf(member, parts),
    note: (cluster, member, look, urgent) => peers.note(cluster, member, look, urgent),
    forget: (cluster, member) => peers.forget(cluster, member),
    poke: (cluster) => peers.poke(cluster),
    hush: (cluster, revision) => peers.hush(cluster, revision),
    isHushed: (cluster, revision) =>
      parts.hosts().every(({ name }) => name === self || agrees(name, cluster, revision)),
    flush: (withinMs) => peers.flush(withinMs),
    onLook: (cluster, listener, signal) =>
      peers.onLook((heard, isNews) => (heard === cluster ? listener(isNews) : undefined), signal),
  };
}

function membersOf(
  cluster: ClusterRecord,
  isLocal: (member: MemberRecord) => boolean,
  { peers, clock, silentMs }: JoinedParts,
): ReadonlyMap<MemberId, RemoteMember> {
  const looks = peers.looksOf(cluster.spec.value.name);
  const members = new Map<MemberId, RemoteMember>();
  for (const { value } of Object.values(cluster.members)) {
    if (isLocal(value)) continue;
    const heardAt = peers.heardAt(value.host) ?? -Infinity;
    const look = lookFor(value, looks.get(value.id));
    const isSilent = clock.now() - heardAt > silentMs;
    const server: Server = isSilent ? silent(look, heardAt) : (look?.server ?? { kind: "absent" });
    members.set(value.id, { host: value.host, look, heardAt, isSilent, server });
  }
  return members;
}

/** What a host says of a member that is somewhere else now counts no more. */
function lookFor(member: MemberRecord, said: RemoteLook | undefined): RemoteLook["look"] | undefined {
  return said?.host === member.host ? said.look : undefined;
}

function silent(look: RemoteLook["look"] | undefined, since: number): Server {
  const role = look?.server.kind === "running" || look?.server.kind === "unresponsive" ? look.server.role : "standby";
  return { kind: "unresponsive", role, since };
}

/** In this host at once; in another one through its relay. */
function targetOf(member: MemberRecord, { self, hosts }: JoinedParts): Target {
  const target = { member: member.id, host: "127.0.0.1", port: member.port };
  if (member.host === self) return { ...target, distance: 0 };
  const [own, other] = [self, member.host].map((name) => hosts().find((host) => host.name === name));
  const distance = !own || !other || own.region !== other.region ? 3 : own.zone === other.zone ? 1 : 2;
  if (!other) return { ...target, distance };
  const relay = { host: other.name, address: other.address, port: hostPorts(other.basePort).relay };
  return { ...target, distance, relay };
}
