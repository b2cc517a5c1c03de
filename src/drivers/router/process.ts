/**
 * The router as a process: adopted or started, told what it has to know, replaced at once when it dies or is of
 * another version. Called by the agent through port.ts. It never ends a router unasked: client sessions live there.
 */
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../errors/op-error.ts";
import type { EndpointConfig, Route, RouterStatus } from "../../router/wire.ts";
import { RouterLink } from "./link.ts";
import type { RouterDriver, RouterRestart } from "./port.ts";
import { spawnRouter, type RouterProgram } from "./spawn.ts";
import { endWhenSilent } from "./watch.ts";

const stopMs = 3000;
/** Elsewhere the old router has to leave its ports before the new one can have them. */
const canSharePorts = process.platform === "linux" || process.platform === "freebsd";
const backoffMsMax = 2000;
/** Sessions of a router that has been replaced may go on for so long. */
const drainMs = 24 * 3600 * 1000;

export function createRouterDriver(program: RouterProgram): RouterDriver {
  return new ProcessRouter(program);
}

class ProcessRouter implements RouterDriver {
  readonly #program: RouterProgram;
  #link: Promise<RouterLink> | undefined;
  #pid: number | undefined;
  /** routers that drain, and one that will when the new one is ready */
  readonly #older = new Set<RouterLink>();
  #predecessor: RouterLink | undefined;
  #endpoints: readonly EndpointConfig[] | undefined;
  readonly #routes = new Map<string, Route>();
  readonly #listeners: ((restart: RouterRestart) => void)[] = [];
  #closed = false;

  constructor(program: RouterProgram) {
    this.#program = program;
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  async ensure(): Promise<"adopted" | "started" | "replaced"> {
    if (this.#link) {
      await this.#link;
      return "adopted";
    }
    const running = await RouterLink.open(this.#program.controlPath);
    await this.#findOlder(running?.pid);
    if (running?.version === this.#program.version) {
      await this.#use(Promise.resolve(running));
      return "adopted";
    }
    if (running) {
      this.#predecessor = running;
      this.#older.add(running);
    }
    await this.#use(this.#start());
    return running ? "replaced" : "started";
  }

  async configure(endpoints: readonly EndpointConfig[]): Promise<void> {
    this.#endpoints = endpoints;
    const kept = new Set(endpoints.map(keyOf));
    for (const key of this.#routes.keys()) if (!kept.has(key)) this.#routes.delete(key);
    if (!canSharePorts) await this.#drainPredecessor();
    await this.#tell((link) => this.#sendEndpoints(link));
  }

  async route(routes: readonly Route[]): Promise<void> {
    for (const route of routes) this.#refuseOldEpoch(route);
    for (const route of routes) this.#routes.set(keyOf(route), route);
    // Sessions in older routers are cut first: they may lead to a server that must not be written to.
    const older = [...this.#older].map((link) => link.request({ kind: "route", routes }).catch(() => undefined));
    await this.#tell((link) => link.request({ kind: "route", routes }));
    await Promise.all(older);
    await this.#drainPredecessor();
  }

  async status(): Promise<RouterStatus> {
    const status = await (await this.#current()).request({ kind: "status" });
    if (!status) throw new OpError("router-unreachable", { message: "the router does not say how it is" });
    return status;
  }

  onRestart(listener: (restart: RouterRestart) => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    link?.close();
    for (const older of this.#older) older.close();
    this.#link = undefined;
  }

  async stop(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    const all = link ? [link, ...this.#older] : [...this.#older];
    await Promise.all(all.map(endRouter));
    this.#link = undefined;
    this.#pid = undefined;
  }

  #current(): Promise<RouterLink> {
    return this.#link ?? Promise.reject(new OpError("router-unreachable", { message: "there is no router yet" }));
  }

  /** A router that dies meanwhile is told again, when it is back; it has been told once by then, which does no harm. */
  async #tell(say: (link: RouterLink) => Promise<unknown>): Promise<void> {
    const link = await this.#current();
    try {
      await say(link);
    } catch (error) {
      if (!link.isClosed || this.#closed) throw error;
      await say(await this.#current());
    }
  }

  #sendEndpoints(link: RouterLink): Promise<unknown> {
    const sharePorts = this.#predecessor !== undefined;
    return link.request({ kind: "configure", endpoints: this.#endpoints ?? [], sharePorts });
  }

  /** From now on this is the router; when it dies there is another at once. */
  #use(link: Promise<RouterLink>): Promise<RouterLink> {
    this.#link = link;
    void link.then(
      (open) => {
        this.#pid = open.pid;
        open.onClose(() => this.#died(open));
        void endWhenSilent(open, killQuietly);
      },
      () => {
        if (this.#link === link) this.#link = undefined;
      },
    );
    return link;
  }

  async #start(): Promise<RouterLink> {
    await spawnRouter(this.#program);
    const link = await RouterLink.open(this.#program.controlPath);
    if (!link) throw new OpError("router-unreachable", { message: "the router ended while it started" });
    return link;
  }

  #died(old: RouterLink): void {
    if (this.#closed) return;
    const since = performance.now();
    const tell = (link: RouterLink) => {
      const restart = { oldPid: old.pid, newPid: link.pid, tookMs: performance.now() - since };
      for (const listener of this.#listeners) listener(restart);
    };
    void this.#use(this.#startUntilItWorks()).then(tell, () => undefined);
  }

  async #startUntilItWorks(): Promise<RouterLink> {
    for (let waitMs = 50; ; waitMs = Math.min(2 * waitMs, backoffMsMax)) {
      try {
        return await this.#startAsBefore();
      } catch (error) {
        if (this.#closed) throw error;
        await sleep(waitMs);
      }
    }
  }

  async #startAsBefore(): Promise<RouterLink> {
    // Only the connection may have ended, and the router still has the ports.
    const link = (await RouterLink.open(this.#program.controlPath)) ?? (await this.#start());
    try {
      if (this.#endpoints) await this.#sendEndpoints(link).catch(passOverPorts);
      if (this.#routes.size > 0) await link.request({ kind: "route", routes: [...this.#routes.values()] });
      return link;
    } catch (error) {
      await endRouter(link);
      throw error;
    }
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

  /** Routers that drain since before this agent was started; sockets that nobody listens on are removed. */
  async #findOlder(currentPid: number | undefined): Promise<void> {
    const directory = dirname(this.#program.controlPath);
    const prefix = `${basename(this.#program.controlPath)}.`;
    for (const name of await readdir(directory)) {
      const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : NaN;
      if (!Number.isInteger(pid) || pid === currentPid) continue;
      const link = await RouterLink.open(join(directory, name));
      if (!link) await unlink(join(directory, name)).catch(() => undefined);
      else {
        this.#older.add(link);
        link.onClose(() => this.#older.delete(link));
      }
    }
  }
}

/** Asked to end, and ended if it does not. */
async function endRouter(link: RouterLink): Promise<void> {
  const closed = new Promise<boolean>((resolve) => link.onClose(() => resolve(true)));
  await link.request({ kind: "drain", withinMs: 0 }).catch(() => undefined);
  const ended = await Promise.race([closed, sleep(stopMs, false, { ref: false })]);
  if (!ended) killQuietly(link.pid);
  link.close();
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** An endpoint whose port is taken must not keep the others from being served. */
function passOverPorts(error: unknown): void {
  if (!(error instanceof OpError && error.code === "port-in-use")) throw error;
}

function keyOf(route: Pick<Route, "cluster" | "kind">): string {
  return `${route.cluster}/${route.kind}`;
}
