/**
 * The guard with its timers, sockets and signals: core.ts decides, this carries it between the agents' requests, the
 * other guards and the servers of this host. Made by main.ts.
 */
import type { Log } from "../links/log.ts";
import type { TlsIdentity } from "../links/tls-files.ts";
import { GuardCore, type GuardPorts } from "./core.ts";
import { Fencing } from "./fencing.ts";
import type { KnownServers } from "./known-servers.ts";
import { Peers } from "./peers.ts";
import type { GuardMessage, GuardReport, GuardRequest, GuardTimings } from "./wire.ts";

/** Until the agent has said other ones. */
const firstTimings: GuardTimings = { heartbeatMs: 200, promiseMs: 1500, marginMs: 300 };

export interface GuardOptions {
  readonly host: string;
  readonly version: string;
  readonly identity: TlsIdentity;
  readonly known: KnownServers;
  readonly log: Log;
  /** to every agent that is connected */
  readonly tell: (report: GuardReport) => void;
  readonly stop: () => void;
}

export class Guard {
  readonly #options: GuardOptions;
  readonly #core: GuardCore;
  readonly #peers: Peers;
  #beatTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #watchAt = Infinity;
  #willTell = false;

  constructor(options: GuardOptions) {
    this.#options = options;
    const fencing = new Fencing(options.log);
    const ports: GuardPorts = {
      now,
      send: (host, message) => this.#peers.send(host, message),
      fence: (server, because) => fencing.fence(server, because),
      changed: () => this.#tellSoon(),
    };
    this.#core = new GuardCore({ host: options.host, timings: firstTimings, left: options.known.atStart }, ports);
    this.#peers = new Peers({
      host: options.host,
      identity: options.identity,
      log: options.log,
      now,
      hear: (from, message) => this.#hear(from, message),
      reached: (host) => this.#core.reached(host),
    });
    this.#beatEvery(firstTimings.heartbeatMs);
    this.#watch();
  }

  async handle(request: GuardRequest): Promise<GuardReport | undefined> {
    switch (request.kind) {
      case "feed":
        this.#core.feed(request.members, request.at);
        this.#watch();
        this.#options.known.keep(this.#core.servers);
        // What was promised before the agent's word of a vote came is known to it before that word is answered (P4).
        this.#options.tell(this.report());
        return undefined;
      case "hosts":
        this.#configure(request);
        return undefined;
      case "release":
        this.#core.release(request.cluster, request.epoch);
        this.#watch();
        return undefined;
      case "status":
        return this.report();
      case "stop":
        this.#close();
        return undefined;
    }
  }

  greet(): void {
    this.#core.greet();
    this.#watch();
  }

  report(): GuardReport {
    return {
      kind: "report",
      startedAt: this.#core.startedAt,
      pid: process.pid,
      version: this.#options.version,
      members: this.#core.members(),
      heard: this.#peers.heard(),
    };
  }

  #configure({ hosts, timings }: Extract<GuardRequest, { kind: "hosts" }>): void {
    if (timings.heartbeatMs !== this.#core.timings.heartbeatMs) this.#beatEvery(timings.heartbeatMs);
    this.#core.timings = timings;
    this.#peers.configure(hosts);
  }

  #hear(from: string, message: GuardMessage): GuardMessage | undefined {
    const reply = this.#core.hear(from, message);
    this.#watch();
    return reply;
  }

  #beatEvery(heartbeatMs: number): void {
    clearInterval(this.#beatTimer);
    this.#beatTimer = setInterval(() => {
      this.#core.beat();
      this.#watch();
      this.#peers.beat();
      this.#options.tell(this.report());
    }, heartbeatMs);
  }

  /** Ends what is due, and comes again at the next moment at which something can be. */
  #watch(): void {
    const next = this.#core.watch();
    if (next >= this.#watchAt) return;
    clearTimeout(this.#watchTimer);
    this.#watchAt = next;
    this.#watchTimer = setTimeout(
      () => {
        this.#watchAt = Infinity;
        this.#watch();
      },
      Math.max(0, Math.ceil(next - now())),
    );
  }

  #tellSoon(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    setImmediate(() => {
      this.#willTell = false;
      this.#options.tell(this.report());
    });
  }

  #close(): void {
    clearInterval(this.#beatTimer);
    clearTimeout(this.#watchTimer);
    this.#peers.close();
    this.#options.stop();
  }
}

/** CLOCK_MONOTONIC, which the agent of this host reads as well. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
