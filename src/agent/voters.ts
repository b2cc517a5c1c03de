/**
 * Heartbeats and promises between members of one host: where other hosts' guards would stand, the voters are in this
 * process. The same rules hold (domain/lease.ts); only the wire is missing, so an exchange takes no time and is made
 * before every decision instead of by a timer: an agent that was frozen renews first and decides then. Never asks the
 * store or Postgres.
 */
import type { ClusterRecord, MemberId, Timings } from "../domain/cluster.ts";
import { voterOf } from "../domain/cluster.ts";
import { hearHeartbeat, recordPromise, type GivenPromise, type HeldPromise, type VoterState } from "../domain/lease.ts";
import type { LeaseView } from "../core/view.ts";

export class Voters {
  readonly #timings: Timings;
  readonly #startedAt: number;
  readonly #states = new Map<MemberId, VoterState>();
  #held: readonly HeldPromise[] = [];
  #epoch = -1;
  #epochSeenAt = 0;

  constructor(timings: Timings, startedAt: number) {
    this.#timings = timings;
    this.#startedAt = startedAt;
  }

  /** Takes note of a new picture of the store: a new epoch, votes cast before a restart, rebuilt directories. */
  learn(cluster: ClusterRecord, now: number): void {
    const { epoch } = cluster.reign.value;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#epochSeenAt = now;
      this.#held = [];
    }
    for (const { value: member } of Object.values(cluster.members)) {
      const known = this.#states.get(member.id);
      const sameDirectory = known?.voter.incarnation === member.incarnation;
      const cast = sameDirectory && known.votedFor !== undefined && known.votedFor > epoch ? known.votedFor : undefined;
      this.#states.set(member.id, {
        voter: voterOf(member),
        epoch,
        given: known?.given,
        votedFor: standingVote(cluster, member.id) ?? cast,
        heardHolderAt: known?.epoch === epoch ? known.heardHolderAt : undefined,
      });
    }
    for (const id of this.#states.keys()) if (!cluster.members[id]) this.#states.delete(id);
  }

  /** One heartbeat of the holder to every other member, and their answers. */
  exchange(cluster: ClusterRecord, now: number): void {
    const { epoch, holder, phase } = cluster.reign.value;
    if (phase === "released" || !cluster.members[holder]) return;
    const heartbeat = { cluster: cluster.spec.value.name, epoch, holder, sentAt: now };
    for (const [member, state] of this.#states) {
      if (member === holder) continue;
      const heard = hearHeartbeat(state, heartbeat, now, this.#timings.promiseMs);
      this.#states.set(member, heard.state);
      if (heard.answer) this.#held = recordPromise(this.#held, heard.answer, this.#timings.marginMs);
    }
  }

  /** The holder gives its time back: promises of that epoch bind nobody any more. */
  release(epoch: number): void {
    this.#held = [];
    for (const [member, state] of this.#states)
      if (state.given?.epoch === epoch) this.#states.set(member, { ...state, given: freed(state.given) });
  }

  /** From before the vote is written: nothing is promised below its epoch any more (P4). `undefined`: withdrawn. */
  setVote(member: MemberId, epoch: number | undefined): void {
    const state = this.#states.get(member);
    if (state) this.#states.set(member, { ...state, votedFor: epoch });
  }

  view(member: MemberId): LeaseView {
    const state = this.#states.get(member);
    return {
      startedAt: this.#startedAt,
      epochSeenAt: this.#epochSeenAt,
      held: this.#held,
      given: state?.given,
      heardHolderAt: state?.heardHolderAt,
    };
  }
}

/** The epoch for which this directory has voted in the store, if that is still to come. */
export function standingVote(cluster: ClusterRecord, member: MemberId): number | undefined {
  const vote = cluster.votes[member]?.value;
  const isOwn = vote?.voter.incarnation === cluster.members[member]?.value.incarnation;
  return vote && isOwn && vote.epoch > cluster.reign.value.epoch ? vote.epoch : undefined;
}

function freed(given: GivenPromise): GivenPromise {
  return { ...given, until: -Infinity };
}
