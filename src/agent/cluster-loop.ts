/**
 * One cluster on this host: its picture of the store, its members' loops, the voters between them, its endpoints.
 * Called by the agent's runtime. All deciding is the core's; this only carries what one part says to the others.
 */
import type { Action, ActionResult } from "../core/action.ts";
import type { Decision } from "../core/decision.ts";
import type { Peer, View } from "../core/view.ts";
import {
  voterOf,
  type ClusterRecord,
  type ClusterTxn,
  type MemberId,
  type MemberRecord,
  type Timings,
} from "../domain/cluster.ts";
import type { MemberServer, Upstream } from "../drivers/postgres/port.ts";
import type { CommitOutcome, Store } from "../drivers/store/port.ts";
import { clusterPrefix, commitCluster, readCluster } from "../drivers/store/records.ts";
import type { Route } from "../router/wire.ts";
import type { Hands } from "./act.ts";
import type { Clock } from "./clock.ts";
import { routesOf, type MemberSeen } from "./endpoints.ts";
import { MemberLoop, type MemberSurroundings } from "./member-loop.ts";
import { Voters } from "./voters.ts";

/** What the runtime gives to a cluster. */
export interface ClusterHost {
  readonly clock: Clock;
  readonly timings: Timings;
  readonly store: Store;
  makeServer(cluster: ClusterRecord, member: MemberRecord): MemberServer;
  socketDirectory(member: MemberId): string;
  /** resolves once the router has taken them */
  route(routes: readonly Route[]): Promise<void>;
  witness: Witness;
}

/** Told of everything, for events, logs and whoever follows; never answers. */
export interface Witness {
  decided(loop: ClusterLoop, member: MemberLoop, decision: Decision, before: Decision | undefined): void;
  ended(loop: ClusterLoop, member: MemberLoop, action: Action, result: ActionResult, tookMs: number): void;
  recordChanged(loop: ClusterLoop, before: ClusterRecord | undefined): void;
  routed(loop: ClusterLoop, routes: readonly Route[]): void;
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
  readonly #voters: Voters;
  readonly #ended = new AbortController();
  readonly #lastDecisions = new Map<MemberId, Decision>();
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #routes = "";
  #storeReachable = true;
  readonly #startedAt: number;
  #isKnown = false;

  constructor(host: ClusterHost, record: ClusterRecord) {
    this.#host = host;
    this.clock = host.clock;
    this.timings = host.timings;
    this.record = record;
    this.name = record.spec.value.name;
    this.#startedAt = host.clock.now();
    this.#voters = new Voters(host.timings, this.#startedAt);
  }

  start(): void {
    this.#learn(undefined);
    this.#host.store.watch(clusterPrefix(this.name), (revision) => this.#storeChanged(revision), this.#ended.signal);
  }

  wakeAll(): void {
    for (const member of this.members.values()) member.wake();
  }

  /** Servers and endpoints go on. */
  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.all([...this.members.values()].map((member) => member.close()));
    this.#host.witness.closed(this);
  }

  surroundings(member: MemberId): ReturnType<MemberSurroundings["surroundings"]> {
    if (!this.#hasSeenAll()) return undefined;
    this.#voters.exchange(this.record, this.clock.now());
    return {
      cluster: this.record,
      storeReachable: this.#storeReachable,
      peers: this.#peersOf(member),
      lease: this.#voters.view(member),
    };
  }

  /**
   * A new agent decides nothing, and tells the router nothing, before it has seen every server once: it would take a
   * primary that it has not looked at for gone, and cut its clients. One that cannot be seen is not waited for.
   */
  #hasSeenAll(): boolean {
    if (this.#isKnown) return true;
    const all = [...this.members.values()].every((member) => member.observedAt !== undefined);
    if (!all && this.clock.now() - this.#startedAt < this.timings.unresponsiveMs) return false;
    this.#isKnown = true;
    this.wakeAll();
    return true;
  }

  decided(member: MemberLoop, _view: View, decision: Decision): void {
    const before = this.#lastDecisions.get(member.id);
    this.#lastDecisions.set(member.id, decision);
    this.#host.witness.decided(this, member, decision, before);
    // Clients are on hold: the target says at once how far it is, not at its next look.
    if (decision.because.code === "switchover-wait") this.members.get(decision.because.to)?.wake();
    void this.#feedRouter();
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
      release: (epoch) => {
        this.#voters.release(epoch);
        this.wakeAll();
      },
      cutClients: () => void this.#feedRouter(),
      holdClients: () => this.#feedRouter(),
      renewServer: () => this.#renewServer(member),
      progress: (step, bytesDone, bytesTotal) => {
        member.progress = { step, bytesDone, bytesTotal };
      },
    };
  }

  /** Writes to the cluster's records and reads them back, so that the next decision sees the outcome. */
  async commit(txn: ClusterTxn): Promise<CommitOutcome> {
    try {
      const outcome = await commitCluster(this.#host.store, this.name, txn);
      this.#storeReachable = true;
      await this.refresh();
      return outcome;
    } catch (error) {
      this.#storeReachable = false;
      throw error;
    }
  }

  /** Reads the records anew; callers at the same time share a read that began after they called. */
  async refresh(): Promise<void> {
    if (this.#reading) {
      this.#readAgain = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilFresh().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readUntilFresh(): Promise<void> {
    do {
      this.#readAgain = false;
      const record = await readCluster(this.#host.store, this.name);
      if (record && record.revision >= this.record.revision) {
        const before = this.record;
        this.record = record;
        this.#learn(before);
      }
    } while (this.#readAgain);
  }

  #storeChanged(revision: number): void {
    if (revision <= this.record.revision) return;
    void this.refresh().then(
      () => this.wakeAll(),
      () => this.wakeAll(),
    );
  }

  #learn(before: ClusterRecord | undefined): void {
    this.#voters.learn(this.record, this.clock.now());
    for (const { value: member } of Object.values(this.record.members)) {
      if (this.members.has(member.id)) continue;
      const loop = new MemberLoop(member.id, this.#host.makeServer(this.record, member), this);
      this.members.set(member.id, loop);
      loop.wake();
    }
    for (const [id, loop] of this.members) {
      if (this.record.members[id]) continue;
      this.members.delete(id);
      void loop.close();
    }
    this.#host.witness.recordChanged(this, before);
    // Whoever wrote this, every member looks at it at once: an election goes as fast as its slowest look.
    if (before) this.wakeAll();
  }

  #peersOf(self: MemberId): Readonly<Record<MemberId, Peer>> {
    const peers: Record<MemberId, Peer> = {};
    for (const [id, loop] of this.members) {
      const record = this.record.members[id]?.value;
      if (id === self || loop.observedAt === undefined || !record) continue;
      peers[id] = {
        heardAt: loop.observedAt,
        incarnation: voterOf(record).incarnation,
        server: loop.observed,
        epoch: this.record.reign.value.epoch,
        eligible: true,
      };
    }
    return peers;
  }

  #upstream(id: MemberId): Upstream {
    const record = this.record.members[id]?.value;
    if (!record) throw new Error(`no member ${id}`);
    return {
      member: id,
      socketDirectory: this.#host.socketDirectory(id),
      port: record.port,
      dataDirectory: record.dataDirectory,
    };
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
    const routes = routesOf(this.record, this.#seen());
    const text = JSON.stringify(routes);
    if (text === this.#routes) return;
    this.#routes = text;
    this.#host.witness.routed(this, routes);
    await this.#host.route(routes);
  }

  #seen(): ReadonlyMap<MemberId, MemberSeen> {
    return new Map([...this.members].map(([id, loop]) => [id, { server: loop.observed, hold: holdOf(loop) }]));
  }
}

/** For a planned move clients wait from before the stop; a server that is being fenced keeps nobody. */
function holdOf(loop: MemberLoop): MemberSeen["hold"] {
  if (loop.isBusy("fence")) return "fenced";
  return loop.isBusy("hold-clients", "stop") || loop.memory.intent?.held === true ? "planned" : "no";
}
