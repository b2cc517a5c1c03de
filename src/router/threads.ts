/**
 * The threads of the router as one: what the agent asks is done by all of them before it is answered, and their counts
 * are added up. Called by control.ts. The main thread works like the others; one of those that dies is replaced, one
 * that does not do as told is ended, because its sessions might lead to a server that must not be written to.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { OpError } from "../errors/op-error.ts";
import { canShare } from "../links/listen.ts";
import type { Log } from "../links/log.ts";
import { HealthPorts } from "./health/ports.ts";
import { Mailbox, type Question } from "./mailbox.ts";
import { Router } from "./router.ts";
import type { Limits } from "./shared.ts";
import { mergeStatus } from "./status.ts";
import { Tally, tallyMemory } from "./tally.ts";
import type { ThreadData } from "./worker.ts";
import type { RouterNews, RouterRequest, RouterStatus } from "./wire.ts";

const answerMs = 2000;
const endMs = 1000;
const cancelMs = 5500;
const restartMs = 1000;
/** The second thread comes with the second connection, each further one with so many more. */
const connectionsPerThread = 64;
/** Little is ever kept: small limits keep the memory of a thread small. */
const resourceLimits = { maxYoungGenerationSizeMb: 2 };

export interface ThreadsOptions {
  readonly version: string;
  readonly limits: Limits;
  readonly log: Log;
  /** program of a further thread: calls runWorker */
  readonly threadFile: string;
  /** called when draining is over in all threads */
  readonly drained: () => void;
  readonly clientWaits: (news: RouterNews) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly mailbox: Mailbox;
}

export class Threads {
  readonly #options: ThreadsOptions;
  /** at most; without shared listening ports the main thread is alone */
  readonly #threadsMax: number;
  readonly #memory: SharedArrayBuffer;
  readonly #tally: Tally;
  readonly #main: Router;
  readonly #health: HealthPorts;
  /** by number, those that know all that the main one knows; 0 is the main one */
  readonly #others = new Map<number, Thread>();
  readonly #starting = new Set<number>();
  readonly #drained = new Set<number>();
  #draining = false;
  /** requests are carried out one after the other, so that all threads see them in the same order */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ThreadsOptions) {
    this.#options = options;
    this.#threadsMax = canShare ? options.limits.threads : 1;
    this.#memory = tallyMemory(this.#threadsMax);
    this.#tally = new Tally(this.#memory, 0);
    this.#main = new Router({
      ...options,
      tally: this.#tally,
      drained: () => this.#hasDrained(0),
      cancelElsewhere: (key) => this.#cancel(key, 0),
      admitted: () => this.grow(this.#tally.connections),
      portOpened: () => void this.#inTurn(() => this.#tellEndpoints()),
    });
    this.#health = new HealthPorts(options.log, (cluster) => this.#main.leadsTo(cluster));
  }

  async handle(request: RouterRequest): Promise<RouterStatus | undefined> {
    this.#health.heard();
    if (request.kind === "status") return this.#status();
    return this.#inTurn(() => this.#carryOut(request));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #carryOut(request: Exclude<RouterRequest, { kind: "status" }>): Promise<undefined> {
    switch (request.kind) {
      case "configure":
        await this.#configure(request);
        return undefined;
      case "route":
        await this.#route(request);
        return undefined;
      case "health-ports":
        await this.#health.configure(request.config, request.sharePorts === true);
        return undefined;
      case "health":
        this.#health.tell(request.facts);
        return undefined;
      case "drain": {
        this.#draining = true;
        await this.#health.leave();
        const others = this.#askAll({ kind: "request", request });
        await this.#main.handle(request);
        await others;
        return undefined;
      }
    }
  }

  async #configure(request: RouterRequest & { kind: "configure" }): Promise<void> {
    if (this.#draining) throw new OpError("router-unreachable", { message: "the router is draining" });
    this.#options.log.info("configured", {
      endpoints: request.endpoints.map(({ cluster, kind }) => `${cluster}/${kind}`),
    });
    // The others get what the main thread could open, and all that is known about it.
    await this.#main.handle(request).finally(() => this.#tellEndpoints());
  }

  async #route(request: RouterRequest & { kind: "route" }): Promise<void> {
    this.#main.check(request.routes);
    const routes = request.routes.filter((route) => this.#main.isOpen(route));
    const others = this.#askAll({ kind: "request", request: { ...request, routes } });
    await this.#main.handle(request);
    await others;
    for (const { targets, ...route } of request.routes) {
      this.#options.log.info("route", { ...route, targets: targets.map((target) => target.member) });
    }
  }

  async #tellEndpoints(): Promise<void> {
    await Promise.all([...this.#others.keys()].map((number) => this.#bringUpToDate(number)));
  }

  async #bringUpToDate(number: number): Promise<void> {
    const { endpoints, routes } = this.#main.open();
    await this.#ask(number, { kind: "request", request: { id: 0, kind: "configure", endpoints, sharePorts: true } });
    await this.#ask(number, { kind: "request", request: { id: 0, kind: "route", routes } });
  }

  async #status(): Promise<RouterStatus | undefined> {
    const others = this.#askAll({ kind: "request", request: { id: 0, kind: "status" } });
    const own = await this.#main.handle({ id: 0, kind: "status" });
    return own && { ...mergeStatus(own, await others), threads: this.#others.size + 1 };
  }

  async #askAll(question: Question): Promise<readonly (RouterStatus | undefined)[]> {
    return Promise.all([...this.#others.keys()].map((number) => this.#ask(number, question)));
  }

  async #ask(number: number, question: Question): Promise<RouterStatus | undefined> {
    const thread = this.#others.get(number);
    try {
      return await thread?.mailbox.ask(question, answerMs);
    } catch (error) {
      this.#options.log.error("thread does not do as told", { thread: number, error });
      if (thread) await this.#end(thread.worker);
      return undefined;
    }
  }

  /** Its sockets go with it. If even that fails, the kernel closes them with the process. */
  async #end(worker: Worker): Promise<void> {
    const ended = await Promise.race([worker.terminate(), sleep(endMs, "late" as const)]);
    if (ended === "late") process.kill(process.pid, "SIGKILL");
  }

  /** A cancel request for a key that thread `asking` does not know. */
  async #cancel(key: string, asking: number): Promise<void> {
    const others = [...this.#others].filter(([number]) => number !== asking);
    const asked = others.map(([, { mailbox }]) => mailbox.ask({ kind: "cancel", key }, cancelMs));
    await Promise.allSettled(asking === 0 ? asked : [this.#main.cancel(key), ...asked]);
  }

  /** A thread takes 16 MB: there are no more than the connections make worth while, and they stay. */
  grow(connections: number): void {
    const wanted = connections < 2 ? 1 : 2 + Math.floor(connections / connectionsPerThread);
    for (let number = 1; number < Math.min(wanted, this.#threadsMax); number += 1) {
      if (!this.#draining && !this.#starting.has(number) && !this.#others.has(number)) this.#add(number);
    }
  }

  #add(number: number): void {
    this.#starting.add(number);
    const { version, limits, threadFile, log } = this.#options;
    const workerData: ThreadData = { thread: number, version, limits, tally: this.#memory };
    const worker = new Worker(threadFile, { workerData, resourceLimits });
    const thread: Thread = { worker, mailbox: this.#mailboxOf(number, worker, () => void this.#join(number, thread)) };
    worker.on("error", (error) => log.error("thread failed", { thread: number, error }));
    worker.once("exit", () => this.#gone(number, thread));
  }

  /** It belongs to the others from the moment when it is told all that they know. */
  async #join(number: number, thread: Thread): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#draining) return this.#end(thread.worker);
      this.#others.set(number, thread);
      await this.#bringUpToDate(number);
    });
    this.#starting.delete(number);
  }

  #mailboxOf(number: number, worker: Worker, ready: () => void): Mailbox {
    return new Mailbox(worker, {
      answer: async (question) => {
        if (question.kind === "cancel") await this.#cancel(question.key, number);
        return undefined;
      },
      hear: (news) => {
        if (news.kind === "ready") ready();
        else if (news.kind === "for-agent") this.#options.clientWaits(news.news);
        else if (news.kind === "drained") this.#hasDrained(number);
        else this.#options.log[news.level](news.message, news.fields);
      },
    });
  }

  #gone(number: number, thread: Thread): void {
    this.#options.log.error("thread ended", { thread: number });
    this.#starting.delete(number);
    if (this.#others.get(number) === thread) this.#others.delete(number);
    this.#tally.clear(number);
    thread.mailbox.close();
    this.#hasDrained(number);
    setTimeout(() => this.grow(this.#tally.connections), restartMs);
  }

  #hasDrained(number: number): void {
    if (!this.#draining) return;
    this.#drained.add(number);
    const left = [0, ...this.#others.keys()].filter((other) => !this.#drained.has(other));
    if (left.length === 0) this.#options.drained();
  }
}
