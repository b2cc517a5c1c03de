/**
 * All endpoints of one router, and what the agent may ask of it. Called by control.ts with requests that are already
 * checked for shape. A request is carried out whole or refused whole.
 */
import { OpError } from "../errors/op-error.ts";
import { Endpoint } from "./endpoint.ts";
import type { Log } from "./log.ts";
import { Shared, type Limits } from "./shared.ts";
import type { EndpointConfig, Route, RouterRequest, RouterStatus } from "./wire.ts";

export class Router {
  readonly #version: string;
  readonly #startedAt = Date.now();
  readonly #log: Log;
  readonly #shared: Shared;
  readonly #endpoints = new Map<string, Endpoint>();
  /** called when draining is over */
  readonly #drained: () => void;
  #draining = false;
  /** false once a draining router has left its ports */
  #isListening = true;

  constructor(options: { version: string; limits: Limits; log: Log; drained: () => void }) {
    this.#version = options.version;
    this.#log = options.log;
    this.#drained = options.drained;
    this.#shared = new Shared(options.limits, options.log);
    this.#shared.connectionClosed = () => this.#endWhenEmpty();
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
    this.#log.info("configured", { endpoints: [...this.#endpoints.keys()], problems });
    // Every endpoint that can be served is; the first that cannot is the answer.
    if (problems.length > 0) throw problems[0];
  }

  async #open(key: string, config: EndpointConfig, sharePort: boolean): Promise<void> {
    const known = this.#endpoints.get(key);
    if (known) return known.useCertificate(config.tls);
    this.#endpoints.set(key, await Endpoint.open(config, this.#shared, sharePort));
  }

  #route(routes: readonly Route[]): void {
    const found = routes.map((route) => ({ route, endpoint: this.#find(route) }));
    for (const { route, endpoint } of found) {
      if (route.epoch < endpoint.epoch) {
        throw new OpError("old-epoch", {
          message: `epoch ${route.epoch} of ${keyOf(route)} has passed`,
          detail: `The endpoint is at epoch ${endpoint.epoch}.`,
        });
      }
    }
    for (const { route, endpoint } of found) {
      endpoint.apply(route);
      const { cluster, kind, epoch, state, cut } = route;
      this.#log.info("route", {
        cluster,
        kind,
        epoch,
        state,
        cut,
        targets: route.targets.map((target) => target.member),
      });
    }
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
    if (!this.#isListening && this.#shared.connections === 0) this.#drained();
  }
}

function keyOf(route: Pick<Route, "cluster" | "kind">): string {
  return `${route.cluster}/${route.kind}`;
}

function samePort(a: EndpointConfig, b: EndpointConfig): boolean {
  return a.listenHost === b.listenHost && a.listenPort === b.listenPort;
}
