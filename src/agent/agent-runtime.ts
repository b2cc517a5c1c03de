/**
 * What runs in the agent: a loop for each cluster of the store. Started by the agent's entry; requests see it through
 * `Runtime` and change it only by what they write to the store.
 */
import type { ClusterRecord, MemberId, Timings } from "../domain/cluster.ts";
import type { Store } from "../drivers/store/port.ts";
import { readCluster } from "../drivers/store/records.ts";
import { OpError } from "../errors/op-error.ts";
import type { Route } from "../router/wire.ts";
import type { Clock } from "./clock.ts";
import { ClusterLoop, type ClusterHost, type Witness } from "./cluster-loop.ts";
import type { MemberServers } from "./member-servers.ts";
import type { ClusterRuntime, MemberRuntime, Runtime } from "./runtime.ts";

/** What the agent's entry puts together. */
export interface RuntimeParts {
  readonly clock: Clock;
  readonly timings: Timings;
  readonly store: Store;
  readonly servers: MemberServers;
  readonly witness: Witness;
  readonly routerPid: () => number | undefined;
  /** the endpoints of all clusters, whenever one comes or goes */
  configureEndpoints(clusters: readonly ClusterRecord[]): Promise<void>;
  route(routes: readonly Route[]): Promise<void>;
}

const endpointRetryMs = 2000;

/** Worth a word in the status while they last. */
const longActions = ["clone", "rewind", "start", "stop"] as const;

export class AgentRuntime implements Runtime {
  readonly #parts: RuntimeParts;
  readonly #loops = new Map<string, ClusterLoop>();
  #endpointRetry: NodeJS.Timeout | undefined;
  readonly #listeners = new Set<(cluster: string) => void>();

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
  }

  get clusters(): ReadonlyMap<string, ClusterRuntime> {
    return new Map([...this.#loops].map(([name, loop]) => [name, toRuntime(loop, this.#parts.servers)]));
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
    await this.#parts.servers.prepare(record);
    if (this.#loops.has(cluster)) return;
    const loop = new ClusterLoop(this.#hostFor(), record);
    this.#loops.set(cluster, loop);
    // Its servers are cared for although an endpoint cannot listen: somebody else may have the port for the moment.
    await this.#parts.configureEndpoints(this.#records()).catch(() => this.#retryEndpoints());
    loop.start();
  }

  async abandon(cluster: string): Promise<void> {
    const loop = this.#loops.get(cluster);
    if (!loop) return;
    this.#loops.delete(cluster);
    await loop.close();
    // What is left to be served is another cluster's trouble, not a reason to keep this one.
    await this.#parts.configureEndpoints(this.#records()).catch(() => this.#retryEndpoints());
    this.changed(cluster);
  }

  #retryEndpoints(): void {
    this.#endpointRetry ??= setInterval(() => {
      this.#parts.configureEndpoints(this.#records()).then(
        () => this.#endRetry(),
        () => undefined,
      );
    }, endpointRetryMs);
  }

  #endRetry(): void {
    clearInterval(this.#endpointRetry);
    this.#endpointRetry = undefined;
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
    const { clock, timings, store, servers, witness } = this.#parts;
    return {
      clock,
      timings,
      store,
      witness,
      makeServer: (cluster, member) => servers.make(cluster, member),
      socketDirectory: (member) => servers.socketDirectory(member),
      route: (routes) => this.#parts.route(routes),
    };
  }
}

function toRuntime(loop: ClusterLoop, servers: MemberServers): ClusterRuntime {
  const members = new Map<MemberId, MemberRuntime>();
  for (const [id, member] of loop.members) {
    members.set(id, {
      id,
      view: member.view,
      decision: member.decision,
      server: member.observed,
      pid: member.server.pid,
      busy: longActions.filter((kind) => member.isBusy(kind)),
      socketDirectory: servers.socketDirectory(id),
      progress: member.progress,
    });
  }
  return { name: loop.name, record: loop.record, members };
}
