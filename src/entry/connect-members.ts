/** Tells the relay which members are here for others, and which are elsewhere for this host. One word at a time, the newest. */
import type { MemberServers } from "../agent/member-servers.ts";
import type { ClusterRecord, MemberRecord } from "../domain/cluster.ts";
import type { HostRecord } from "../domain/host.ts";
import type { RelayDriver } from "../drivers/relay/port.ts";
import type { Log } from "../log/log.ts";
import type { RelayMember, RelayUpstream } from "../relay/wire.ts";

export interface ConnectParts {
  readonly relay: RelayDriver;
  readonly servers: MemberServers;
  readonly log: Log;
  isLocal(member: MemberRecord): boolean;
  hostOf(name: string): HostRecord | undefined;
}

/** @returns to be called with the clusters when they change, and without them when the hosts do */
export function connectMembers(parts: ConnectParts): (clusters?: readonly ClusterRecord[]) => void {
  let known: readonly ClusterRecord[] = [];
  let newest: readonly ClusterRecord[] | undefined;
  let telling = false;
  const tell = async (): Promise<void> => {
    telling = true;
    while (newest) {
      const clusters = newest;
      newest = undefined;
      await configure(parts, clusters).catch((error: unknown) => parts.log.warn("relay not configured", { error }));
    }
    telling = false;
  };
  return (clusters = known) => {
    known = clusters;
    newest = clusters;
    if (!telling) void tell();
  };
}

async function configure(parts: ConnectParts, clusters: readonly ClusterRecord[]): Promise<void> {
  const members: RelayMember[] = [];
  const upstreams: RelayUpstream[] = [];
  for (const { value } of clusters.flatMap((cluster) => Object.values(cluster.members))) {
    const { id: member, port } = value;
    const host = parts.hostOf(value.host);
    if (parts.isLocal(value)) members.push({ member, port, socketDirectory: parts.servers.socketDirectory(member) });
    else if (host) upstreams.push({ member, port, host, socketDirectory: parts.servers.relayDirectory(member) });
  }
  await parts.relay.configure(members, upstreams);
}
