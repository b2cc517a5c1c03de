/** All members of a cluster as one host sees them: those that it looks after, and what is said of the others. Pure. */
import type { Peer } from "../core/view.ts";
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import type { MemberSeen } from "./endpoints.ts";
import { holdOf } from "./hold.ts";
import type { MemberLoop } from "./member-loop.ts";
import type { RemoteMember } from "./neighbourhood.ts";

type Local = ReadonlyMap<MemberId, MemberLoop>;
type Remote = ReadonlyMap<MemberId, RemoteMember>;

/** For a decision of `self`. */
export function peersOf(
  record: ClusterRecord,
  self: MemberId,
  local: Local,
  remote: Remote,
): Readonly<Record<MemberId, Peer>> {
  const peers: Record<MemberId, Peer> = {};
  for (const [id, { look, heardAt }] of remote) {
    if (look) peers[id] = { ...look, heardAt, eligible: true };
  }
  for (const [id, loop] of local) {
    const incarnation = record.members[id]?.value.incarnation;
    if (id === self || loop.observedAt === undefined || incarnation === undefined) continue;
    const { epoch } = record.reign.value;
    peers[id] = { heardAt: loop.observedAt, incarnation, server: loop.observed, epoch, eligible: true };
  }
  return peers;
}

/** For the endpoints. */
export function seenOf(local: Local, remote: Remote): ReadonlyMap<MemberId, MemberSeen> {
  const seen = new Map<MemberId, MemberSeen>();
  for (const [id, { server, look }] of remote) if (look) seen.set(id, { server, hold: look.hold });
  for (const [id, loop] of local)
    if (loop.observedAt !== undefined) seen.set(id, { server: loop.observed, hold: holdOf(loop) });
  return seen;
}

/** Members have come or gone, or what is recorded of one has changed. */
export function membersDiffer(before: ClusterRecord | undefined, after: ClusterRecord): boolean {
  const revisions = (record: ClusterRecord): string =>
    Object.entries(record.members)
      .map(([id, { revision }]) => `${id}@${revision}`)
      .join();
  return before === undefined || revisions(before) !== revisions(after);
}
