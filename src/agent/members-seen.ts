/** All members of a cluster as one host sees them: those that it looks after, and what is said of the others. Pure. */
import type { Peer } from "../core/view.ts";
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import type { MemberSeen } from "./endpoints.ts";
import { holdOf } from "./hold.ts";
import type { MemberLoop } from "./member-loop.ts";
import type { RemoteMember } from "./neighbourhood.ts";
import type { MemberLook } from "./peers/look.ts";
import type { ReadLags } from "./read-lags.ts";

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

/** What other hosts are told of a member of this one, as far as its loop knows. */
export function lookOf(member: MemberLoop, incarnation: number, epoch: number): Omit<MemberLook, "limits"> {
  return {
    incarnation,
    epoch,
    server: member.observed,
    hold: holdOf(member),
    reason: member.decision?.because,
    busy: member.longActions,
    pid: member.server.pid,
    progress: member.progress,
  };
}

/** For the endpoints. */
export function seenOf(
  local: Local,
  remote: Remote,
  reads: Pick<ReadLags, "of">,
  now: number,
): ReadonlyMap<MemberId, MemberSeen> {
  const seen = new Map<MemberId, MemberSeen>();
  for (const [id, { server, look, heardAt }] of remote)
    if (look) seen.set(id, { server, hold: look.hold, reads: look.reads, silentMs: now - heardAt });
  for (const [id, loop] of local)
    if (loop.observedAt !== undefined) seen.set(id, { server: loop.observed, hold: holdOf(loop), reads: reads.of(id) });
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
