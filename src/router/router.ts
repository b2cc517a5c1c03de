/**
 * All endpoints as one thread of the router has them, and what it may be asked. Called by threads.ts in the main thread
 * and by worker.ts in the others, with requests that are already checked for shape.
 */
import { OpError } from "../errors/op-error.ts";
import { Endpoint } from "./endpoint.ts";
import type { Log } from "../links/log.ts";
import { Shared, type SharedOptions } from "./shared.ts";
import type { EndpointConfig, Route, RouterRequest, RouterStatus } from "./wire.ts";

export interface RouterOptions extends Omit<SharedOptions, "portOpened" | "admitted" | "connectionClosed"> {
  readonly version: string;
  /** called when draining is over */
  readonly drained: () => void;
  readonly portOpened?: () => void;
  readonly admitted?: () => void;
}

export class Router {
  readonly #version: string;
  readonly #startedAt = Date.now();
  readonly #log: Log;
  readonly #shared: Shared;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #drained: () => void;
  #draining = false;
  /** false once a draining router has left its ports */
  #isListening = true;

  constructor(options: RouterOptions) {
    this.#version = options.version;
    this.#log = options.log;
    this.#drained = options.drained;
    this.#shared = new Shared({
      ...options,
      portOpened: options.portOpened ?? (() => undefined),
      admitted: options.admitted ?? (() => undefined),
      connectionClosed: () => this.#endWhenEmpty(),
    });
  }

  async handle(request: RouterRequest): Promise<RouterStatus | undefined> {
    switch (request.kind) {
      case "configure":
        await this.#configure(request.endpoints, request.sharePorts === true);
        return undefined;
      case "route":
        this.#route(request.routes);
        return undefined;
      case "status":
        return this.#status();
      case "drain":
        await this.#drain(request.withinMs);
        return undefined;
      // Of the main thread alone.
      case "health-ports":
      case "health":
        return undefined;
    }
  }

  /** Exactly these endpoints: new ones are opened, those not named are closed, changed ones move. */
  async #configure(configs: readonly EndpointConfig[], sharePorts: boolean): Promise<void> {
    if (this.#draining) throw new OpError("router-unreachable", { message: "the router is draining" });
    const wanted = new Map(configs.map((config) => [keyOf(config), config]));
    for (const [key, endpoint] of this.#endpoints) {
      const config = wanted.get(key);
      if (config && samePort(config, endpoint.config)) continue;
      this.#endpoints.delete(key);
      endpoint.close();
    }
    const problems: unknown[] = [];
    for (const [key, config] of wanted) {
      await this.#open(key, config, sharePorts).catch((problem: unknown) => problems.push(problem));
    }
    // Every endpoint that can be served is; the first that cannot is the answer.
    if (problems.length > 0) throw problems[0];
  }

  async #open(key: string, config: EndpointConfig, sharePort: boolean): Promise<void> {
    const known = this.#endpoints.get(key);
    if (known) await known.use(config);
    const endpoint = known ?? (await Endpoint.create(config, this.#shared));
    this.#endpoints.set(key, endpoint);
    // A port that cannot be had now is tried again by itself.
    await endpoint.listen(sharePort);
  }

  /** The endpoints whose ports could be had, and where they lead. */
  open(): { readonly endpoints: readonly EndpointConfig[]; readonly routes: readonly Route[] } {
    const open = [...this.#endpoints.values()].filter(({ openAt }) => openAt.length > 0);
    return {
      endpoints: open.map(({ config, openAt }) => ({ ...config, listenHosts: openAt })),
      routes: open.map((endpoint) => endpoint.route),
    };
  }

  isOpen(route: Route): boolean {
    return this.#find(route).openAt.length > 0;
  }

  /** The member that a cluster's primary endpoint lets clients through to. */
  leadsTo(cluster: string): string | undefined {
    const route = this.#endpoints.get(keyOf({ cluster, kind: "primary" }))?.route;
    return route?.state === "open" ? route.targets[0]?.member : undefined;
  }

  /** Sends a cancel request, if a session of this thread has the key. */
  cancel(key: string): Promise<void> {
    return this.#shared.cancelHere(key);
  }

  /** @throws OpError when a route cannot be obeyed: then none is */
  check(routes: readonly Route[]): void {
    for (const route of routes) {
      const endpoint = this.#find(route);
      if (!endpoint.config.hostTls && route.targets.some(({ relay }) => relay)) {
        throw new OpError("bad-value", {
          message: `endpoint ${keyOf(route)} has no certificate to reach other hosts with`,
        });
      }
      if (route.epoch < endpoint.epoch) {
        throw new OpError("old-epoch", {
          message: `epoch ${route.epoch} of ${keyOf(route)} has passed`,
          detail: `The endpoint is at epoch ${endpoint.epoch}.`,
        });
      }
    }
  }

  #route(routes: readonly Route[]): void {
    this.check(routes);
    for (const route of routes) this.#find(route).apply(route);
  }

  #find(route: Route): Endpoint {
    const endpoint = this.#endpoints.get(keyOf(route));
    if (!endpoint) throw new OpError("bad-value", { message: `there is no endpoint ${keyOf(route)}` });
    return endpoint;
  }

  #status(): RouterStatus {
    return {
      pid: process.pid,
      version: this.#version,
      startedAt: this.#startedAt,
      endpoints: [...this.#endpoints.values()].map((endpoint) => endpoint.status()),
    };
  }

  /**
   * From now on another router has the ports; routes are still obeyed for the sessions that are left.
   * Returns once nothing is listened on any more.
   */
  async #drain(withinMs: number): Promise<void> {
    this.#draining = true;
    this.#log.info("draining", { within_ms: withinMs });
    setTimeout(() => this.#close(), withinMs);
    await Promise.all([...this.#endpoints.values()].map((endpoint) => endpoint.stopListeningBetweenArrivals()));
    this.#isListening = false;
    // After the answer to this request has left.
    setImmediate(() => this.#endWhenEmpty());
  }

  #close(): void {
    for (const endpoint of this.#endpoints.values()) endpoint.close();
    this.#drained();
  }

  #endWhenEmpty(): void {
    if (!this.#isListening && this.#shared.tally.ownConnections === 0) this.#drained();
  }
}

function keyOf(route: Pick<Route, "cluster" | "kind">): string {
  return `${route.cluster}/${route.kind}`;
}

function samePort(a: EndpointConfig, b: EndpointConfig): boolean {
  return a.listenHost === b.listenHost && a.listenPort === b.listenPort;
}
