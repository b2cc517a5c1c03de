/**
 * The router as a process: adopted or started, told what it has to know, replaced at once when it dies or is of
 * another version. Called by the agent through port.ts. It never ends a router unasked: client sessions live there.
 */
import { OpError } from "../../errors/op-error.ts";
import type { EndpointConfig, Route, RouterStatus } from "../../router/wire.ts";
import { KeptProcess } from "../process/kept-process.ts";
import { findOlder } from "../process/older.ts";
import type { Program } from "../process/program.ts";
import { openRouterLink, routerName, type RouterLink } from "./link.ts";
import type { RouterDriver, RouterRestart } from "./port.ts";

/** Elsewhere the old router has to leave its ports before the new one can have them. */
const canSharePorts = process.platform === "linux" || process.platform === "freebsd";
/** Sessions of a router that has been replaced may go on for so long. */
const drainMs = 24 * 3600 * 1000;

export function createRouterDriver(program: Program): RouterDriver {
  return new ProcessRouter(program);
}

class ProcessRouter implements RouterDriver {
  readonly #program: Program;
  readonly #process: KeptProcess<RouterLink>;
  /** routers that drain, and one that will when the new one is ready */
  readonly #older = new Set<RouterLink>();
  #predecessor: RouterLink | undefined;
  #endpoints: readonly EndpointConfig[] | undefined;
  readonly #routes = new Map<string, Route>();

  constructor(program: Program) {
    this.#program = program;
    this.#process = new KeptProcess<RouterLink>({
      ...routerName,
      program,
      patience: { everyMs: 1000, answerMs: 2000, missedMax: 2, endsStopped: false },
      open: () => openRouterLink(program.controlPath),
      takeOver: async (running) => {
        this.#predecessor = running;
        this.#older.add(running);
      },
      brief: (link) => this.#brief(link),
      askToEnd: (link) => link.request({ kind: "drain", withinMs: 0 }),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async ensure(): Promise<"adopted" | "started" | "replaced"> {
    const isFirst = this.pid === undefined;
    const how = await this.#process.ensure();
    if (isFirst) await this.#findOlder();
    return how;
  }

  async configure(endpoints: readonly EndpointConfig[]): Promise<void> {
    this.#endpoints = endpoints;
    const kept = new Set(endpoints.map(keyOf));
    for (const key of this.#routes.keys()) if (!kept.has(key)) this.#routes.delete(key);
    if (!canSharePorts) await this.#drainPredecessor();
    await this.#process.tell((link) => this.#sendEndpoints(link));
  }

  async route(routes: readonly Route[]): Promise<void> {
    for (const route of routes) this.#refuseOldEpoch(route);
    for (const route of routes) this.#routes.set(keyOf(route), route);
    // Sessions in older routers are cut first: they may lead to a server that must not be written to.
    const older = [...this.#older].map((link) => link.request({ kind: "route", routes }).catch(() => undefined));
    await this.#process.tell((link) => link.request({ kind: "route", routes }));
    await Promise.all(older);
    await this.#drainPredecessor();
  }

  async status(): Promise<RouterStatus> {
    const status = await (await this.#process.current()).request({ kind: "status" });
    if (!status) throw new OpError("router-unreachable", { message: "the router does not say how it is" });
    return status;
  }

  onRestart(listener: (restart: RouterRestart) => void): void {
    this.#process.onRestart(listener);
  }

  async close(): Promise<void> {
    await this.#process.close();
    for (const older of this.#older) older.close();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#process.stop(), ...[...this.#older].map((link) => this.#process.end(link))]);
  }

  #sendEndpoints(link: RouterLink): Promise<unknown> {
    const sharePorts = this.#predecessor !== undefined;
    return link.request({ kind: "configure", endpoints: this.#endpoints ?? [], sharePorts });
  }

  async #brief(link: RouterLink): Promise<void> {
    if (this.#endpoints) await this.#sendEndpoints(link).catch(passOverPorts);
    if (this.#routes.size > 0) await link.request({ kind: "route", routes: [...this.#routes.values()] });
  }

  #refuseOldEpoch(route: Route): void {
    const known = this.#routes.get(keyOf(route));
    if (!known || route.epoch >= known.epoch) return;
    throw new OpError("old-epoch", {
      message: `epoch ${route.epoch} of ${keyOf(route)} has passed`,
      detail: `The endpoint is at epoch ${known.epoch}.`,
    });
  }

  async #drainPredecessor(): Promise<void> {
    const predecessor = this.#predecessor;
    if (!predecessor) return;
    this.#predecessor = undefined;
    predecessor.onClose(() => this.#older.delete(predecessor));
    await predecessor.request({ kind: "drain", withinMs: drainMs }).catch(() => undefined);
  }

  /** Routers that drain since before this agent was started. */
  async #findOlder(): Promise<void> {
    const known = [this.pid, this.#predecessor?.pid];
    for (const link of await findOlder(this.#program.controlPath, known, openRouterLink)) {
      this.#older.add(link);
      link.onClose(() => this.#older.delete(link));
    }
  }
}

/** An endpoint whose port is taken must not keep the others from being served. */
function passOverPorts(error: unknown): void {
  if (!(error instanceof OpError && error.code === "port-in-use")) throw error;
}

function keyOf(route: Pick<Route, "cluster" | "kind">): string {
  return `${route.cluster}/${route.kind}`;
}
