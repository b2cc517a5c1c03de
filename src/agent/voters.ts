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
import { votedFor, type Promises } from "./promises.ts";

export class Voters implements Promises {
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

  learn(cluster: ClusterRecord, now: number): void {
    const { epoch } = cluster.reign.value;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#epochSeenAt = now;
      this.#held = [];
    }
    for (const { value: member } of Object.values(cluster.members)) {
      const known = this.#states.get(member.id);
      const bound = known && { incarnation: known.voter.incarnation, votedFor: known.votedFor };
      this.#states.set(member.id, {
        voter: voterOf(member),
        epoch,
        given: known?.given,
        votedFor: votedFor(cluster, member.id, bound),
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

  async release(epoch: number): Promise<void> {
    this.#held = [];
    for (const [member, state] of this.#states)
      if (state.given?.epoch === epoch) this.#states.set(member, { ...state, given: freed(state.given) });
  }

  /** Nobody else need be told. */
  introduce(): void {}

  stand(): void {}

  async inForce(): Promise<void> {}

  close(): void {}

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

function freed(given: GivenPromise): GivenPromise {
  return { ...given, until: -Infinity };
}
