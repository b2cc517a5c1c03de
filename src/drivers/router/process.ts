/**
 * The router as a process: adopted or started, told what it has to know, replaced at once when it dies or is of
 * another version. Called by the agent through port.ts. It never ends a router unasked: client sessions live there.
 */
import { z } from "zod";
import { OpError } from "../../errors/op-error.ts";
import {
  endpointKinds,
  type EndpointConfig,
  type EndpointKind,
  type HealthConfig,
  type HealthFacts,
  type Route,
  type RouterNews,
  type RouterStatus,
} from "../../router/wire.ts";
import { DrainedProcess } from "../process/drained-process.ts";
import type { Restart } from "../process/port.ts";
import type { Program } from "../process/program.ts";
import { openRouterLink, routerName, type RouterLink } from "./link.ts";
import type { RouterDriver } from "./port.ts";

const newsSchema: z.ZodType<RouterNews> = z.object({
  kind: z.literal("client-waits"),
  cluster: z.string(),
  endpoint: z.enum(endpointKinds),
});

export function createRouterDriver(program: Program): RouterDriver {
  return new ProcessRouter(program);
}

class ProcessRouter implements RouterDriver {
  readonly #process: DrainedProcess<RouterLink>;
  #endpoints: readonly EndpointConfig[] | undefined;
  readonly #routes = new Map<string, Route>();
  #health: HealthConfig | undefined;
  readonly #facts = new Map<string, HealthFacts>();
  readonly #listeners: ((cluster: string, endpoint: EndpointKind) => void)[] = [];

  constructor(program: Program) {
    this.#process = new DrainedProcess<RouterLink>({
      ...routerName,
      program,
      patience: { everyMs: 1000, answerMs: 2000, missedMax: 2, endsStopped: false },
      openAt: (path) => openRouterLink(path, (said) => this.#hear(said)),
      brief: (link) => this.#brief(link),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  ensure(): Promise<"adopted" | "started" | "replaced"> {
    return this.#process.ensure();
  }

  async configure(endpoints: readonly EndpointConfig[]): Promise<void> {
    this.#endpoints = endpoints;
    const kept = new Set(endpoints.map(keyOf));
    for (const key of this.#routes.keys()) if (!kept.has(key)) this.#routes.delete(key);
    await this.#process.tellPorts((link) => this.#sendEndpoints(link));
  }

  async route(routes: readonly Route[]): Promise<void> {
    for (const route of routes) this.#refuseOldEpoch(route);
    for (const route of routes) this.#routes.set(keyOf(route), route);
    await this.#process.tellAll((link) => link.request({ kind: "route", routes }));
    await this.#process.drainPredecessor();
  }

  async status(): Promise<RouterStatus> {
    const status = await (await this.#process.current()).request({ kind: "status" });
    if (!status) throw new OpError("router-unreachable", { message: "the router does not say how it is" });
    return status;
  }

  async configureHealth(config: HealthConfig): Promise<void> {
    this.#health = config;
    await this.#process.tellPorts((link) => this.#sendHealthPorts(link));
  }

  async tellHealth(facts: HealthFacts): Promise<void> {
    if (facts.members.length === 0) this.#facts.delete(facts.cluster);
    else this.#facts.set(facts.cluster, facts);
    await (await this.#process.current()).request({ kind: "health", facts });
  }

  onClientWaits(listener: (cluster: string, endpoint: EndpointKind) => void): void {
    this.#listeners.push(listener);
  }

  onRestart(listener: (restart: Restart) => void): void {
    this.#process.onRestart(listener);
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#process.onFailure(listener);
  }

  close(): Promise<void> {
    return this.#process.close();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  /** A router of another version may say more. */
  #hear(said: unknown): void {
    const news = newsSchema.safeParse(said);
    if (news.success) for (const listener of this.#listeners) listener(news.data.cluster, news.data.endpoint);
  }

  #sendEndpoints(link: RouterLink): Promise<unknown> {
    const sharePorts = this.#process.hasPredecessor;
    return link.request({ kind: "configure", endpoints: this.#endpoints ?? [], sharePorts });
  }

  #sendHealthPorts(link: RouterLink): Promise<unknown> {
    if (!this.#health) return Promise.resolve();
    return link.request({ kind: "health-ports", config: this.#health, sharePorts: this.#process.hasPredecessor });
  }

  async #brief(link: RouterLink): Promise<void> {
    if (this.#endpoints) await this.#sendEndpoints(link).catch(passOverPorts);
    if (this.#routes.size > 0) await link.request({ kind: "route", routes: [...this.#routes.values()] });
    for (const facts of this.#facts.values()) await link.request({ kind: "health", facts });
    await this.#sendHealthPorts(link).catch(passOverPorts);
  }

  #refuseOldEpoch(route: Route): void {
    const known = this.#routes.get(keyOf(route));
    if (!known || route.epoch >= known.epoch) return;
    throw new OpError("old-epoch", {
      message: `epoch ${route.epoch} of ${keyOf(route)} has passed`,
      detail: `The endpoint is at epoch ${known.epoch}.`,
    });
  }
}

/** An endpoint whose port is taken must not keep the others from being served. */
function passOverPorts(error: unknown): void {
  if (!(error instanceof OpError && error.code === "port-in-use")) throw error;
}

function keyOf(route: Pick<Route, "cluster" | "kind">): string {
  return `${route.cluster}/${route.kind}`;
}
