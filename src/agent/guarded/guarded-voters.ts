/**
 * The promises of one cluster's members on this host, kept by the guard: what the loops know is fed to it, and what it
 * reports is what they decide on. Called by the cluster's loop; the arithmetic is domain/lease.ts's, in the guard.
 */
import type { LeaseView, View } from "../../core/view.ts";
import { holdsEpoch, leaseRules, mayBeOpen, ownRecord } from "../../core/standing.ts";
import { mayVote } from "../../core/regions.ts";
import { voterOf, type ClusterRecord, type MemberId } from "../../domain/cluster.ts";
import type { Postmaster } from "../../guard/wire.ts";
import { votedFor, type Promises } from "../promises.ts";
import type { HostGuard } from "./host-guard.ts";

interface Bound {
  readonly incarnation: number;
  votedFor: number | undefined;
}

export class GuardedVoters implements Promises {
  readonly #cluster: string;
  readonly #guard: HostGuard;
  readonly #wake: () => void;
  readonly #bound = new Map<MemberId, Bound>();
  /** the last standing of each local member, so that a vote can be told between two looks */
  readonly #standing = new Map<MemberId, { readonly view: View; readonly postmaster: Postmaster | null }>();
  #epoch = -1;
  #epochSeenAt = 0;

  constructor(cluster: string, guard: HostGuard, wake: () => void) {
    this.#cluster = cluster;
    this.#guard = guard;
    this.#wake = wake;
  }

  learn(cluster: ClusterRecord, now: number): void {
    const { epoch } = cluster.reign.value;
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#epochSeenAt = now;
    }
    for (const { value: member } of Object.values(cluster.members)) {
      const bound = votedFor(cluster, member.id, this.#bound.get(member.id));
      this.#bound.set(member.id, { incarnation: member.incarnation, votedFor: bound });
    }
    for (const id of this.#bound.keys()) if (!cluster.members[id]) this.#forget(id);
  }

  /** The guard does so by its own clock. */
  exchange(): void {}

  stand(view: View, postmaster: Postmaster | null): void {
    if (!this.#standing.has(view.self)) this.#guard.watch(this.#cluster, view.self, () => this.#wake());
    this.#standing.set(view.self, { view, postmaster });
    this.#tell(view.self);
  }

  setVote(member: MemberId, epoch: number | undefined): void {
    const bound = this.#bound.get(member);
    if (bound) bound.votedFor = epoch;
    this.#tell(member);
  }

  release(epoch: number): Promise<void> {
    return this.#guard.release(this.#cluster, epoch);
  }

  inForce(): Promise<void> {
    return this.#guard.inForce();
  }

  view(member: MemberId): LeaseView | undefined {
    const { startedAt } = this.#guard;
    if (startedAt === undefined) return undefined;
    const report = this.#guard.reportOf(this.#cluster, member);
    const current = report?.epoch === this.#epoch;
    return {
      startedAt,
      epochSeenAt: this.#epochSeenAt,
      held: current ? report.held : [],
      given: report?.given ?? undefined,
      heardHolderAt: current ? (report.heardHolderAt ?? undefined) : undefined,
    };
  }

  close(): void {
    for (const id of this.#bound.keys()) this.#forget(id);
  }

  #forget(member: MemberId): void {
    this.#bound.delete(member);
    if (this.#standing.delete(member)) this.#guard.forget(this.#cluster, member);
  }

  #tell(member: MemberId): void {
    const standing = this.#standing.get(member);
    const own = standing && ownRecord(standing.view);
    if (!standing || !own) return;
    const { view, postmaster } = standing;
    const { epoch, phase } = view.cluster.reign.value;
    this.#guard.tell({
      cluster: this.#cluster,
      member,
      epoch,
      holds: holdsEpoch(view),
      open: mayBeOpen(view),
      released: phase === "released",
      rules: leaseRules(view),
      voter: voterOf(own),
      votedFor: this.#bound.get(member)?.votedFor ?? null,
      voterHosts: voterHosts(view),
      postmaster,
      held: view.lease.held,
    });
  }
}

/** The hosts of all that may vote: who is no voter yet promises too, and its word counts from the moment when it is one. */
function voterHosts({ cluster, self }: View): readonly string[] {
  const hosts = Object.values(cluster.members).flatMap(({ value }) =>
    value.id !== self && mayVote(cluster, value.id) ? [value.host] : [],
  );
  return [...new Set(hosts)].toSorted();
}
