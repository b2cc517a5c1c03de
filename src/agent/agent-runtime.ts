/**
 * What runs in the agent: a loop for each cluster of the store. Started by the agent's entry; requests see it through
 * `Runtime` and change it only by what they write to the store.
 */
import type { ArchiveLook } from "../domain/archive.ts";
import {
  hasPool,
  type ClusterRecord,
  type ClusterSpec,
  type MemberId,
  type MemberRecord,
  type Timings,
} from "../domain/cluster.ts";
import type { Server } from "../domain/server.ts";
import type { Upstream } from "../drivers/postgres/port.ts";
import type { Store } from "../drivers/store/port.ts";
import { listClusters, readCluster } from "../drivers/store/records.ts";
import { OpError } from "../errors/op-error.ts";
import type { Route } from "../router/wire.ts";
import type { Keeper } from "./act.ts";
import type { ArchivePermits } from "./archive-permits.ts";
import type { Clock } from "./clock.ts";
import { ClusterLoop, type ClusterHost, type Witness } from "./cluster-loop.ts";
import type { Hooks } from "./hooks.ts";
import type { MemberLimits } from "./member-limits.ts";
import type { MemberServers } from "./member-servers.ts";
import { membersDiffer } from "./members-seen.ts";
import type { Neighbourhood } from "./neighbourhood.ts";
import type { Pools } from "./pools.ts";
import type { Promises } from "./promises.ts";
import type { ClusterRuntime, MemberRuntime, Runtime } from "./runtime.ts";

/** What the agent's entry puts together. */
export interface RuntimeParts {
  readonly clock: Clock;
  readonly timings: Timings;
  readonly store: Store;
  readonly servers: MemberServers;
  readonly limits: MemberLimits;
  readonly permits: ArchivePermits;
  readonly hooks: Hooks;
  /** of clusters whose primary is here */
  readonly archives: ReadonlyMap<string, ArchiveLook>;
  readonly pools: Pools;
  readonly witness: Witness;
  readonly neighbourhood: Neighbourhood;
  readonly routerPid: () => number | undefined;
  makePromises(cluster: string, wake: () => void): Promises;
  upstream(member: MemberRecord): Upstream;
  /** the members of all clusters, whenever they or their places change */
  connectMembers(clusters: readonly ClusterRecord[]): void;
  /** a cluster of the store could not be taken up */
  notAdopted(cluster: string, error: unknown): void;
  /** the endpoints of all clusters, whenever one comes or goes */
  configureEndpoints(clusters: readonly ClusterRecord[]): Promise<void>;
  /** false: the router has not taken them */
  route(routes: readonly Route[]): Promise<boolean>;
  /** clients that the endpoints of a cluster hold; undefined: they are not on hold, or the router does not say */
  connections(cluster: string): Promise<number | undefined>;
  /** an operation on the cluster runs, here or elsewhere */
  isWorkedOn(cluster: string): boolean;
  keeper(cluster: ClusterRecord, member: MemberId): Keeper;
}

const endpointRetryMs = 2000;

export class AgentRuntime implements Runtime {
  readonly #parts: RuntimeParts;
  readonly #loops = new Map<string, ClusterLoop>();
  #endpointRetry: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<(cluster: string) => void>();
  #takingUp: Promise<void> | undefined;
  #takeUpAgain = false;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
  }

  get clusters(): ReadonlyMap<string, ClusterRuntime> {
    return new Map([...this.#loops].map(([name, loop]) => [name, toRuntime(loop, this.#parts)]));
  }

  get routerPid(): number | undefined {
    return this.#parts.routerPid();
  }

  /** For the narrator: something about this cluster is different. */
  changed(cluster: string): void {
    for (const listener of this.#listeners) listener(cluster);
  }

  onChange(listener: (cluster: string) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  async adopt(cluster: string): Promise<void> {
    if (this.#loops.has(cluster)) return;
    const record = await readCluster(this.#parts.store, cluster);
    if (!record) throw new OpError("cluster-not-found", { message: `cluster "${cluster}" does not exist` });
    const local = Object.values(record.members).map(({ value }) => value);
    const here = local.filter((member) => this.#parts.neighbourhood.isLocal(member));
    if (here.length > 0) await this.#parts.servers.prepare(record, here);
    if (this.#loops.has(cluster)) return;
    const loop = new ClusterLoop(this.#hostFor(), record);
    this.#loops.set(cluster, loop);
    // Its servers are cared for although an endpoint cannot listen: somebody else may have the port for the moment.
    await this.#configureEndpoints().catch(() => this.#retryEndpoints());
    loop.start();
  }

  async abandon(cluster: string): Promise<void> {
    const loop = this.#loops.get(cluster);
    if (!loop) return;
    this.#loops.delete(cluster);
    await loop.close();
    await this.#parts.pools.remove(cluster);
    // What is left to be served is another cluster's trouble, not a reason to keep this one.
    await this.#configureEndpoints().catch(() => this.#retryEndpoints());
    this.changed(cluster);
  }

  async #configureEndpoints(): Promise<void> {
    const records = this.#records();
    try {
      await this.#parts.configureEndpoints(records);
    } finally {
      // Also one whose port could not be had: the router knows it, and tries on.
      this.#parts.pools.listensFor(records.filter(hasPool).map(({ spec }) => spec.value.name));
    }
  }

  /** A pooled endpoint was turned on or off. */
  async #endpointsChanged(name: string): Promise<void> {
    this.#parts.pools.forgetEndpoint(name);
    await this.#configureEndpoints().catch(() => this.#retryEndpoints());
    this.rerouted(name);
  }

  #retryEndpoints(): void {
    this.#endpointRetry ??= setInterval(() => {
      this.#configureEndpoints().then(
        () => this.#endRetry(),
        () => undefined,
      );
    }, endpointRetryMs);
  }

  #endRetry(): void {
    clearInterval(this.#endpointRetry);
    this.#endpointRetry = undefined;
  }

  /**
   * Takes up every cluster of the store and lets go of those that are gone from it, now and whenever it changes: other
   * hosts make clusters too.
   */
  async followStore(signal: AbortSignal): Promise<void> {
    this.#parts.store.watch("cluster/", () => void this.#takeUpAll().catch(() => undefined), signal);
    await this.#takeUpAll();
  }

  /** One run at a time; what changes meanwhile is looked at by the next. */
  #takeUpAll(): Promise<void> {
    if (this.#takingUp) {
      this.#takeUpAgain = true;
      return this.#takingUp;
    }
    this.#takingUp = this.#takeUpOnce().finally(() => {
      this.#takingUp = undefined;
      if (!this.#takeUpAgain) return;
      this.#takeUpAgain = false;
      void this.#takeUpAll().catch(() => undefined);
    });
    return this.#takingUp;
  }

  async #takeUpOnce(): Promise<void> {
    // Taken before the list is read: what is adopted meanwhile is not gone.
    const known = [...this.#loops.keys()];
    const names = await listClusters(this.#parts.store);
    const isThere = new Set(names);
    for (const name of known) if (!isThere.has(name)) await this.abandon(name);
    await Promise.all(
      names
        .filter((name) => !this.#loops.has(name))
        // One cluster that cannot be taken up must not keep the others from being cared for.
        .map((name) => this.adopt(name).catch((error: unknown) => this.#parts.notAdopted(name, error))),
    );
  }

  wake(cluster: string, by: string): void {
    this.#loops.get(cluster)?.wake(by);
  }

  /** A client waits at one of this host's endpoints of a cluster that is asleep. */
  knock(cluster: string, endpoint: string): void {
    this.#loops.get(cluster)?.knock(endpoint);
  }

  /** Its pooler is somewhere else now, or gone. */
  rerouted(cluster: string): void {
    this.#loops.get(cluster)?.rerouted();
  }

  nudge(cluster: string): void {
    this.#loops.get(cluster)?.wakeAll();
  }

  /** The agent ends; servers and endpoints go on. */
  async close(): Promise<void> {
    this.#endRetry();
    await Promise.all([...this.#loops.values()].map((loop) => loop.close()));
    this.#loops.clear();
  }

  #records(): readonly ClusterRecord[] {
    return [...this.#loops.values()].map((loop) => loop.record);
  }

  #hostFor(): ClusterHost {
    const parts = this.#parts;
    const { clock, timings, store, servers, limits, neighbourhood } = parts;
    return {
      clock,
      timings,
      store,
      witness: watched(parts),
      neighbourhood,
      engines: {
        has: (cluster, members) => servers.has(cluster, members),
        prepare: (cluster, members) => servers.prepare(cluster, members),
        missing: (cluster, error) => parts.notAdopted(cluster, error),
      },
      makeServer: (cluster, member) => servers.make(cluster, member),
      useEngine: (server, cluster, member) => servers.useEngine(server, cluster, member),
      aside: ({ spec, reign }, member) => {
        const installed = servers.versionOf(spec.value, member);
        const archive = member.id === reign.value.holder ? parts.archives.get(spec.value.name) : undefined;
        return {
          ...(installed === undefined ? {} : { installed }),
          limits: limits.of(member.id),
          ...(archive && { archive }),
        };
      },
      wanted: ({ spec }) => servers.wanted(spec.value),
      makePromises: (cluster, wake) => parts.makePromises(cluster, wake),
      upstream: (member) => parts.upstream(member),
      route: (routes) => parts.route(routes),
      connections: (cluster) => parts.connections(cluster),
      isWorkedOn: (cluster) => parts.isWorkedOn(cluster),
      pools: parts.pools,
      hooks: parts.hooks,
      keeper: (cluster, member) => parts.keeper(cluster, member),
      recordRead: (cluster, before) => {
        if (membersDiffer(before, cluster)) parts.connectMembers(this.#records());
        parts.pools.learn(cluster);
        if (before && hasPool(before) !== hasPool(cluster)) void this.#endpointsChanged(cluster.spec.value.name);
      },
    };
  }
}

/** It runs with the settings of this spec. */
function isAsAsked(server: Server, { generation }: ClusterSpec): boolean {
  return server.kind === "running" && server.configured >= generation && !server.pendingRestart;
}

/** Whoever is told of everything else; and each look also shows whether a server has come or gone, and may archive. */
function watched({ witness, limits, permits, hooks }: RuntimeParts): Witness {
  return {
    decided: (loop, member, decision, before) => {
      const { pid } = member.server;
      const spec = loop.record.spec.value;
      limits.look(spec, member.id, { pid, isAsAsked: isAsAsked(member.observed, spec) });
      permits.look(loop.record, member);
      hooks.look(loop.record, member);
      witness.decided(loop, member, decision, before);
    },
    readsChanged: (...told) => witness.readsChanged(...told),
    ended: (...told) => witness.ended(...told),
    recordChanged: (loop, before) => {
      limits.keepOnly(loop.name, Object.keys(loop.record.members));
      witness.recordChanged(loop, before);
    },
    routed: (...told) => witness.routed(...told),
    heard: (loop) => witness.heard(loop),
    woken: (...told) => witness.woken(...told),
    failed: (...told) => witness.failed(...told),
    closed: (loop) => {
      limits.keepOnly(loop.name, []);
      hooks.forget(loop.name);
      witness.closed(loop);
    },
  };
}

function toRuntime(loop: ClusterLoop, { servers, limits, archives }: RuntimeParts): ClusterRuntime {
  const { holder } = loop.record.reign.value;
  const archive = loop.isLocal(holder) ? archives.get(loop.name) : loop.remoteMembers().get(holder)?.look?.archive;
  const members = new Map<MemberId, MemberRuntime>();
  for (const [id, { host, look, server, isSilent }] of loop.remoteMembers()) {
    members.set(id, {
      id,
      view: undefined,
      decision: isSilent
        ? { actions: [], because: { code: "host-silent", host } }
        : look?.reason && { actions: [], because: look.reason },
      server,
      pid: look?.pid,
      busy: look?.busy ?? [],
      socketDirectory: servers.relayDirectory(id),
      progress: look?.progress,
      installed: look?.installed,
      limits: look?.limits,
      reads: look?.reads,
    });
  }
  for (const [id, member] of loop.members) {
    members.set(id, {
      id,
      view: member.view,
      decision: member.decision,
      server: member.observed,
      observedAt: member.observedAt,
      pid: member.server.pid,
      busy: member.longActions,
      socketDirectory: servers.socketDirectory(id),
      progress: member.progress,
      installed: servers.versionOf(loop.record.spec.value, loop.record.members[id]?.value),
      limits: limits.of(id),
      reads: loop.lags.of(id),
    });
  }
  const { name, record, storeReachable, storeAwaySince } = loop;
  return {
    name,
    record,
    storeReachable,
    ...(storeAwaySince === undefined ? {} : { storeAwaySince }),
    members,
    ...(archive && { archive }),
  };
}
