/**
 * One cluster as this host sees it: its picture of the store, the loops of the members that are here, what the other
 * hosts say of theirs, the promises between them, its endpoints. Called by the agent's runtime. All deciding is the
 * core's; this only carries what one part says to the others.
 */
import type { Action, ActionResult } from "../core/action.ts";
import type { Decision } from "../core/decision.ts";
import { targetsAwaited } from "../core/rules/switchover.ts";
import type { View } from "../core/view.ts";
import type { ClusterRecord, ClusterTxn, MemberId, MemberRecord, Timings } from "../domain/cluster.ts";
import type { MemberServer, Upstream, WantedSettings } from "../drivers/postgres/port.ts";
import type { CommitOutcome, Store } from "../drivers/store/port.ts";
import { changeCluster, clusterPrefix, readCluster } from "../drivers/store/records.ts";
import type { Route } from "../router/wire.ts";
import type { Hands, Keeper } from "./act.ts";
import type { Clock } from "./clock.ts";
import { EndpointFeed } from "./endpoint-feed.ts";
import { routesOf, type MemberSeen } from "./endpoints.ts";
import { isFirstLookOver } from "./first-look.ts";
import type { ReadLag } from "./freshness.ts";
import type { Hooks } from "./hooks.ts";
import { MemberLoop, type MemberSurroundings } from "./member-loop.ts";
import { lookOf, peersOf, seenOf } from "./members-seen.ts";
import type { Neighbourhood, RemoteMember } from "./neighbourhood.ts";
import type { MemberLook } from "./peers/look.ts";
import type { Pools } from "./pools.ts";
import { Preparation, type Engines } from "./preparation.ts";
import type { Promises } from "./promises.ts";
import { ReadLags } from "./read-lags.ts";
import { SharedRead } from "./shared-read.ts";
import { Sleeper, type Waking } from "./sleeper.ts";

/** What the runtime gives to a cluster. */
export interface ClusterHost {
  readonly clock: Clock;
  readonly timings: Timings;
  readonly store: Store;
  readonly neighbourhood: Neighbourhood;
  readonly engines: Engines;
  makeServer(cluster: ClusterRecord, member: MemberRecord): MemberServer;
  /** the member's record may name another version of Postgres for its next start */
  useEngine(server: MemberServer, cluster: ClusterRecord, member: MemberRecord): void;
  /** what is told of a member of this host, and decides nothing */
  aside(cluster: ClusterRecord, member: MemberRecord): Pick<MemberLook, "installed" | "limits" | "archive">;
  wanted(cluster: ClusterRecord): WantedSettings;
  /** `wake`: a promise began or ended, or the guard ended a server */
  makePromises(cluster: string, wake: () => void): Promises;
  upstream(member: MemberRecord): Upstream;
  /** resolves once the router has taken them; false: it has not */
  route(routes: readonly Route[]): Promise<boolean>;
  /** clients that the endpoints of a cluster hold; undefined: they are not on hold, or the router does not say */
  connections(cluster: string): Promise<number | undefined>;
  /** an operation on the cluster runs */
  isWorkedOn(cluster: string): boolean;
  readonly pools: Pools;
  readonly hooks: Pick<Hooks, "before">;
  keeper(cluster: ClusterRecord, member: MemberId): Keeper;
  recordRead(cluster: ClusterRecord, before: ClusterRecord | undefined): void;
  witness: Witness;
}

/** How often it is looked whether a host has fallen silent. */
const silenceMs = 500;

/** Told of everything, for events, logs and whoever follows; never answers. */
export interface Witness {
  decided(loop: ClusterLoop, member: MemberLoop, decision: Decision, before: Decision | undefined): void;
  /** a standby of this host has left the read endpoint for its lag, or is back */
  readsChanged(loop: ClusterLoop, member: MemberId, lag: ReadLag): void;
  ended(loop: ClusterLoop, member: MemberLoop, action: Action, result: ActionResult, tookMs: number): void;
  recordChanged(loop: ClusterLoop, before: ClusterRecord | undefined): void;
  routed(loop: ClusterLoop, routes: readonly Route[]): void;
  /** another host has said something of its members */
  heard(loop: ClusterLoop): void;
  /** a client at an endpoint of this host, or a command given here, has woken it, and it serves again */
  woken(loop: ClusterLoop, waking: Waking, tookMs: number): void;
  failed(loop: ClusterLoop, member: MemberLoop, error: unknown): void;
  closed(loop: ClusterLoop): void;
}

export class ClusterLoop implements MemberSurroundings {
  readonly name: string;
  readonly clock: Clock;
  readonly timings: Timings;
  readonly members = new Map<MemberId, MemberLoop>();
  record: ClusterRecord;
  readonly #host: ClusterHost;
  readonly #voters: Promises;
  readonly #ended = new AbortController();
  readonly #lastDecisions = new Map<MemberId, Decision>();
  readonly #reads = new SharedRead(async (atLeast) =>
    this.#accept(await readCluster(this.#host.store, this.name, undefined, atLeast)),
  );
  readonly #feed: EndpointFeed;
  #storeReachable = true;
  #routeTimer: NodeJS.Timeout | undefined;
  readonly #startedAt: number;
  #isKnown = false;
  readonly #preparation: Preparation;
  readonly #sleeper: Sleeper;
  readonly lags = new ReadLags((member, lag) => this.#host.witness.readsChanged(this, member, lag));

  constructor(host: ClusterHost, record: ClusterRecord) {
    this.#host = host;
    this.clock = host.clock;
    this.timings = host.timings;
    this.record = record;
    this.name = record.spec.value.name;
    this.#startedAt = host.clock.now();
    this.#preparation = new Preparation(host.engines, () => this.#beginMembers(), this.#ended.signal);
    this.#voters = host.makePromises(this.name, () => this.wakeAll());
    this.#sleeper = new Sleeper({
      clock: host.clock,
      neighbourhood: host.neighbourhood,
      signal: this.#ended.signal,
      record: () => this.record,
      commit: (txn) => this.commit(txn),
      connections: () => host.connections(this.name),
      changed: () => this.rerouted(),
      woken: (waking, tookMs) => host.witness.woken(this, waking, tookMs),
    });
    this.#feed = new EndpointFeed({
      routes: () =>
        routesOf(this.record, this.#seen, host.neighbourhood, this.#sleeper.holds, host.pools.seen(this.name)),
      told: (routes) => host.witness.routed(this, routes),
      take: (routes) => host.route(routes),
      taken: (routes, isTaken) => this.#sleeper.routed(routes, isTaken),
      holdPool: () => host.pools.hold(this.name, this.isLocal(this.record.reign.value.holder)),
      releasePool: () => host.pools.release(this.name),
    });
  }

  get countsClients(): boolean {
    return this.record.spec.value.autostopMs !== undefined;
  }

  /** A client waits at an endpoint of this host. */
  knock(endpoint: string): void {
    this.#sleeper.knock(endpoint);
  }

  wake(by: string): void {
    this.#sleeper.wake(by);
  }

  start(): void {
    this.#learn(undefined);
    this.#host.neighbourhood.onLook(this.name, (isNews) => this.#heardOthers(isNews), this.#ended.signal);
    // A host that falls silent sends no event.
    if (this.#host.neighbourhood.hasOthers) this.#routeTimer = setInterval(() => void this.#feedRouter(), silenceMs);
    this.#host.store.watch(clusterPrefix(this.name), (revision) => this.#storeChanged(revision), this.#ended.signal);
  }

  /** The endpoints lead elsewhere now, though no member is different. */
  rerouted(): void {
    this.wakeAll();
    void this.#feedRouter();
  }

  wakeAll(): void {
    for (const member of this.members.values()) member.wake();
  }

  async close(): Promise<void> {
    this.#ended.abort();
    clearInterval(this.#routeTimer);
    this.#voters.close();
    for (const id of this.members.keys()) this.#host.neighbourhood.forget(this.name, id);
    await Promise.all([...this.members.values()].map((member) => member.close()));
    this.#host.witness.closed(this);
  }

  surroundings(member: MemberId): ReturnType<MemberSurroundings["surroundings"]> {
    if (!this.#hasSeenAll()) return undefined;
    const now = this.clock.now();
    this.#voters.exchange(this.record, now);
    const lease = this.#voters.view(member, now);
    if (!lease) this.#voters.introduce(this.record, member, this.members.get(member)?.postmaster ?? null, now);
    if (!lease) return undefined;
    const { record: cluster, storeReachable, name } = this;
    const isWorkedOn = this.countsClients && (this.#host.isWorkedOn(name) || this.#host.pools.clients(name) > 0);
    return {
      cluster,
      storeReachable,
      peers: peersOf(cluster, member, this.members, this.remoteMembers()),
      lease,
      isWorkedOn,
      hushed: this.#sleeper.hushed,
    };
  }

  get storeReachable(): boolean {
    return this.#storeReachable && this.#host.neighbourhood.storeReachable;
  }

  get storeAwaySince(): number | undefined {
    return this.#host.neighbourhood.storeAwaySince;
  }

  /** Members of other hosts, as their agents see them. */
  remoteMembers(): ReadonlyMap<MemberId, RemoteMember> {
    return this.#host.neighbourhood.membersOf(this.record);
  }

  get #seen(): ReadonlyMap<MemberId, MemberSeen> {
    return seenOf(this.members, this.remoteMembers(), this.lags, this.clock.now());
  }

  isLocal(member: MemberId): boolean {
    const record = this.record.members[member]?.value;
    return record !== undefined && this.#host.neighbourhood.isLocal(record);
  }

  /** A new agent decides nothing, and tells the router nothing, before it has seen every server once. */
  #hasSeenAll(): boolean {
    if (this.#isKnown) return true;
    const waitedMs = this.clock.now() - this.#startedAt;
    const limits = { waitedMs, limitMs: this.timings.unresponsiveMs };
    const isOwn = (id: MemberId): boolean => this.isLocal(id);
    const arePoolsKnown = this.#host.pools.isKnown(this.name);
    const members = Object.keys(this.record.members);
    this.#isKnown = isFirstLookOver({ members, seen: this.#seen, isOwn, arePoolsKnown, ...limits });
    if (this.#isKnown) this.wakeAll();
    return this.#isKnown;
  }

  decided(member: MemberLoop, view: View, decision: Decision): void {
    const before = this.#lastDecisions.get(member.id);
    this.#lastDecisions.set(member.id, decision);
    this.#voters.stand(view, member.postmaster);
    this.lags.looked(this.record, member.id, member.observed, this.clock.now());
    this.#host.witness.decided(this, member, decision, before);
    for (const target of targetsAwaited(decision)) if (target !== member.id) this.#wakeMember(target);
    this.#tellOthers(member);
    void this.#feedRouter();
  }

  #wakeMember(id: MemberId): void {
    const local = this.members.get(id);
    if (local) local.wake();
    else this.#host.neighbourhood.poke(this.name);
  }

  #tellOthers(member: MemberLoop): void {
    const record = this.record.members[member.id]?.value;
    if (record === undefined || member.observedAt === undefined) return;
    const look: MemberLook = {
      ...lookOf(member, record.incarnation, this.record.reign.value.epoch),
      ...this.#host.aside(this.record, record),
      reads: this.lags.of(member.id),
    };
    // In a switchover its source waits for the position of its target.
    this.#host.neighbourhood.note(this.name, member.id, look, this.record.intent !== undefined);
  }

  /** Another host has said something of its members, or asks for a look. */
  async #heardOthers(isNews: boolean): Promise<void> {
    // Positions alone are looked at with the next look: otherwise two hosts under load would wake each other for ever.
    if (isNews || this.record.intent) this.wakeAll();
    this.lags.heard(this.record, this.remoteMembers());
    await this.#feedRouter();
    this.#host.witness.heard(this);
  }

  ended(member: MemberLoop, action: Action, result: ActionResult, tookMs: number): void {
    this.#host.witness.ended(this, member, action, result, tookMs);
  }

  failed(member: MemberLoop, error: unknown): void {
    this.#host.witness.failed(this, member, error);
  }

  hands(member: MemberLoop): Hands {
    return {
      member: member.id,
      timings: this.timings,
      record: () => this.record,
      server: () => member.server,
      upstream: (id) => this.#upstream(id),
      commit: (txn) => this.commit(txn),
      setVote: (epoch) => this.#voters.setVote(member.id, epoch),
      promisesInForce: () => this.#voters.inForce(),
      isBound: () => this.#isBound(member.id),
      release: (epoch) => this.#voters.release(epoch).then(() => this.wakeAll()),
      keeper: this.#host.keeper(this.record, member.id),
      hooks: (action, signal) => this.#host.hooks.before(this.record, member, action, signal),
      cutClients: () => {
        this.#tellOthers(member);
        void this.#feedRouter();
      },
      holdClients: () => this.#holdEverywhere(member),
      renewServer: () => this.#renewServer(member),
      progress: (...at) => member.cameTo(...at),
    };
  }

  #isBound(member: MemberId): boolean {
    const { epoch, phase } = this.record.reign.value;
    if (phase === "released") return false;
    const now = this.clock.now();
    const lease = this.#voters.view(member, now);
    // Nothing known of its promises is no leave to vote.
    return lease === undefined || (lease.given?.epoch === epoch && lease.given.until > now);
  }

  /** At every endpoint of the cluster, on all hosts that can be reached. */
  async #holdEverywhere(member: MemberLoop): Promise<void> {
    this.#tellOthers(member);
    const { pools, neighbourhood } = this.#host;
    await Promise.all([this.#feedRouter(), neighbourhood.flush(pools.othersMs(this.name))]);
  }

  /** Writes to the cluster's records and reads them in the same moment, so that the next decision sees the outcome. */
  async commit(txn: ClusterTxn): Promise<CommitOutcome> {
    try {
      const { outcome, record } = await changeCluster(this.#host.store, this.name, txn);
      this.#storeReachable = true;
      this.#accept(record);
      return outcome;
    } catch (error) {
      this.#storeReachable = false;
      throw error;
    }
  }

  /** @param atLeast a revision that the store has told of; undefined: the newest there is */
  refresh(atLeast?: number): Promise<void> {
    return this.#reads.refresh(atLeast);
  }

  #accept(record: ClusterRecord | undefined): void {
    if (!record || record.revision < this.record.revision) return;
    const before = this.record;
    this.record = record;
    this.#learn(before);
  }

  #storeChanged(revision: number): void {
    if (revision <= this.record.revision) return;
    void this.refresh(revision).then(
      () => this.wakeAll(),
      () => this.wakeAll(),
    );
  }

  #learn(before: ClusterRecord | undefined): void {
    this.#voters.learn(this.record, this.clock.now());
    this.#host.recordRead(this.record, before);
    this.#beginMembers();
    const wanted = before?.spec.revision === this.record.spec.revision ? undefined : this.#host.wanted(this.record);
    for (const [id, loop] of this.members) {
      if (wanted) loop.server.want(wanted);
      const member = this.record.members[id];
      if (member && member.value.version !== before?.members[id]?.value.version)
        this.#host.useEngine(loop.server, this.record, member.value);
      if (member) continue;
      this.members.delete(id);
      this.lags.forget(id);
      this.#host.neighbourhood.forget(this.name, id);
      void loop.close();
    }
    this.#host.witness.recordChanged(this, before);
    // Whoever wrote this, every member looks at it at once: an election goes as fast as its slowest look.
    if (before) this.wakeAll();
    if (before && this.#hasSeenAll()) void this.#feedRouter();
  }

  /** Loops for members of this host, once Postgres is there for them. */
  #beginMembers(): void {
    const all = Object.values(this.record.members).map(({ value }) => value);
    const begun = all.filter(({ id }) => !this.members.has(id) && this.isLocal(id));
    if (begun.length === 0 || this.#ended.signal.aborted) return;
    if (!this.#preparation.isDone(this.record, begun)) return;
    for (const member of begun) {
      const loop = new MemberLoop(member.id, member.dataDirectory, this.#host.makeServer(this.record, member), this);
      this.members.set(member.id, loop);
      loop.wake();
    }
  }

  #upstream(id: MemberId): Upstream {
    const record = this.record.members[id]?.value;
    if (!record) throw new Error(`no member ${id}`);
    return this.#host.upstream(record);
  }

  /** A server driver belongs to one incarnation of a directory. */
  async #renewServer(member: MemberLoop): Promise<void> {
    const record = this.record.members[member.id]?.value;
    if (!record) return;
    await member.server.close();
    member.replaceServer(this.#host.makeServer(this.record, record));
  }

  /** Tells the router where the endpoints lead, when that has changed. */
  async #feedRouter(): Promise<void> {
    if (this.#hasSeenAll()) await this.#feed.tell();
  }
}
