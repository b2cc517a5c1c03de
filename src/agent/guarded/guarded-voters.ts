/**
 * The promises of one cluster's members on this host, kept by the guard: what the loops know is fed to it, and what it
 * reports is what they decide on. Called by the cluster's loop; the arithmetic is domain/lease.ts's, in the guard.
 */
import type { LeaseView, View } from "../../core/view.ts";
import { leaseRules, mayBeOpen } from "../../core/standing.ts";
import { mayVote } from "../../core/regions.ts";
import { voterOf, type ClusterRecord, type MemberId } from "../../domain/cluster.ts";
import type { MemberFeed, Postmaster } from "../../guard/wire.ts";
import { votedFor, type Promises } from "../promises.ts";
import type { GuardOfHost } from "./host-guard.ts";

interface Bound {
  readonly incarnation: number;
  votedFor: number | undefined;
}

/** What the guard is told of a member, but for what the records and this class know themselves. */
type Standing = Pick<MemberFeed, "open" | "rules" | "postmaster" | "held"> & { readonly cluster: ClusterRecord };

/** A guard that says nothing of a member for so long is not waited for: then there are no promises. */
const unheardMs = 3000;

export class GuardedVoters implements Promises {
  readonly #cluster: string;
  readonly #guard: GuardOfHost;
  readonly #graceMs: number;
  readonly #wake: () => void;
  readonly #bound = new Map<MemberId, Bound>();
  /** the last standing of each local member, so that a vote can be told between two looks */
  readonly #standing = new Map<MemberId, Standing>();
  readonly #introducedAt = new Map<MemberId, number>();
  #epoch = -1;
  #epochSeenAt = 0;

  /** @param graceMs in which a guard that is new to a holder gathers its first promises */
  constructor(cluster: string, guard: GuardOfHost, graceMs: number, wake: () => void) {
    this.#cluster = cluster;
    this.#guard = guard;
    this.#graceMs = graceMs;
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

  introduce(cluster: ClusterRecord, member: MemberId, postmaster: Postmaster | null, now: number): void {
    if (!this.#introducedAt.has(member)) this.#introducedAt.set(member, now);
    const { reign, rule } = cluster;
    this.#learnStanding(member, {
      cluster,
      open: reign.value.phase === "open",
      rules: [rule.value.rule],
      postmaster,
      held: [],
    });
  }

  stand(view: View, postmaster: Postmaster | null): void {
    const { cluster, lease } = view;
    this.#learnStanding(view.self, {
      cluster,
      open: mayBeOpen(view),
      rules: leaseRules(view),
      postmaster,
      held: lease.held,
    });
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

  /** Undefined until the guard knows of the member: a holder without promises would end its server for nothing. */
  view(member: MemberId, now: number): LeaseView | undefined {
    const { startedAt } = this.#guard;
    const report = this.#guard.reportOf(this.#cluster, member);
    const introducedMs = now - (this.#introducedAt.get(member) ?? now);
    const isNew = report === undefined || (report.held.length === 0 && introducedMs < this.#graceMs);
    if ((startedAt === undefined || isNew) && introducedMs < unheardMs) return undefined;
    if (this.#guard.isUnsure(now)) return undefined;
    const current = report?.epoch === this.#epoch ? report : undefined;
    return {
      startedAt: startedAt ?? now,
      epochSeenAt: this.#epochSeenAt,
      held: current?.held ?? [],
      given: report?.given ?? undefined,
      heardHolderAt: current?.heardHolderAt ?? undefined,
    };
  }

  close(): void {
    for (const id of this.#bound.keys()) this.#forget(id);
  }

  #forget(member: MemberId): void {
    this.#bound.delete(member);
    this.#introducedAt.delete(member);
    if (this.#standing.delete(member)) this.#guard.forget(this.#cluster, member);
  }

  #learnStanding(member: MemberId, standing: Standing): void {
    if (!this.#standing.has(member)) this.#guard.watch(this.#cluster, member, () => this.#wake());
    this.#standing.set(member, standing);
    this.#tell(member);
  }

  #tell(member: MemberId): void {
    const standing = this.#standing.get(member);
    const own = standing?.cluster.members[member]?.value;
    if (!standing || !own) return;
    const { cluster, ...told } = standing;
    const { epoch, phase, holder, incarnation } = cluster.reign.value;
    this.#guard.tell({
      cluster: this.#cluster,
      member,
      epoch,
      holds: holder === member && incarnation === own.incarnation,
      released: phase === "released",
      voter: voterOf(own),
      votedFor: this.#bound.get(member)?.votedFor ?? null,
      voterHosts: voterHosts(cluster, member),
      ...told,
    });
  }
}

/**
 * The hosts of all that may vote: who is no voter yet promises too, and its word counts from the moment when it is one.
 * And of those whose vote stands although they may not any more: who does not hear the holder never withdraws it.
 */
function voterHosts(cluster: ClusterRecord, self: MemberId): readonly string[] {
  const hosts = Object.values(cluster.members).flatMap(({ value }) =>
    value.id !== self && (mayVote(cluster, value.id) || cluster.votes[value.id]) ? [value.host] : [],
  );
  return [...new Set(hosts)].toSorted();
}
