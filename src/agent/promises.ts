/**
 * The promises that members give each other (design P1, P4), as the cluster's loop uses them: kept in this process when
 * all members are on one host (voters.ts), by the guards when they are on several (guarded/).
 */
import type { LeaseView, View } from "../core/view.ts";
import type { ClusterRecord, MemberId } from "../domain/cluster.ts";
import type { Postmaster } from "../guard/wire.ts";

export interface Promises {
  /** Takes note of a new picture of the store. */
  learn(cluster: ClusterRecord, now: number): void;
  /** Before every decision: what can be renewed now, is. */
  exchange(cluster: ClusterRecord, now: number): void;
  /** Before the first decision, while `view` has nothing to say: what the records say of the member. */
  introduce(cluster: ClusterRecord, member: MemberId, postmaster: Postmaster | null, now: number): void;
  /** As the member's loop sees it now, with what it remembers after its last decision. */
  stand(view: View, postmaster: Postmaster | null): void;
  /** From before a vote is written: nothing is promised below its epoch any more (P4). `undefined`: withdrawn. */
  setVote(member: MemberId, epoch: number | undefined): void;
  /** The holder gives its time back. */
  release(epoch: number): Promise<void>;
  /** Resolves once all that was told before is in force; no record leaves earlier. @throws OpError guard-unreachable */
  inForce(): Promise<void>;
  /** @returns undefined while nothing is known of it yet */
  view(member: MemberId, now: number): LeaseView | undefined;
  close(): void;
}

/** The epoch for which this directory has voted in the store, if that is still to come. */
export function standingVote(cluster: ClusterRecord, member: MemberId): number | undefined {
  const vote = cluster.votes[member]?.value;
  const isOwn = vote?.voter.incarnation === cluster.members[member]?.value.incarnation;
  return vote && isOwn && vote.epoch > cluster.reign.value.epoch ? vote.epoch : undefined;
}

/**
 * What binds a member after a new picture of the store: a vote that stands there, else one that it has cast itself and
 * that is still to come, unless its directory has been rebuilt since.
 */
export function votedFor(
  cluster: ClusterRecord,
  member: MemberId,
  known: { readonly incarnation: number; readonly votedFor: number | undefined } | undefined,
): number | undefined {
  const standing = standingVote(cluster, member);
  if (standing !== undefined) return standing;
  const incarnation = cluster.members[member]?.value.incarnation;
  const cast = known?.incarnation === incarnation ? known?.votedFor : undefined;
  return cast !== undefined && cast > cluster.reign.value.epoch ? cast : undefined;
}
