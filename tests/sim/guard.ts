/**
 * A host's guard as a process: the product's own GuardCore, with the network, the timers and the signals that
 * src/guard/guard.ts gives it. What a mutation breaks is broken around the core, as everywhere in the simulator.
 */
import { feedKeptMs, GuardCore, type GuardPorts, type KnownServer } from "../../src/guard/core.ts";
import type { GuardMessage, MemberFeed, MemberReport, Postmaster } from "../../src/guard/wire.ts";
import { Part } from "./time.ts";
import type { Host, World } from "./world.ts";

export class Guard {
  readonly part: Part;
  #core: GuardCore | undefined;
  /** kept in a file, for the guard after this one */
  #known: readonly KnownServer[] = [];
  #startedAt = -Infinity;
  #fed: MemberFeed | undefined;
  #watchAt = Infinity;
  #willTell = false;
  readonly #world: World;
  readonly #host: Host;

  constructor(world: World, host: Host) {
    this.#world = world;
    this.#host = host;
    this.part = new Part(world.scheduler);
    this.part.alive = false;
  }

  start(): void {
    this.part.start();
    this.#startedAt = this.#host.clock.now();
    this.#fed = undefined;
    this.#willTell = false;
    this.#watchAt = Infinity;
    const { heartbeatMs, promiseMs } = this.#world.timings;
    const { switches } = this.#world.wiring;
    const marginMs = switches.has("margin-ignored") ? -600 : this.#world.timings.marginMs;
    const timings = { heartbeatMs, promiseMs, marginMs };
    this.#core = new GuardCore({ host: this.#host.id, timings, left: this.#known }, this.#ports());
    this.#beat();
    this.#watch();
    this.#host.agent.guardIsThere();
  }

  /**
   * It knows by now whether its server may serve, and ends it when it may not (I4). Agent and guard may both have been
   * started while the store is away, which the agent here does not remember: then that takes as long as a feed is kept.
   */
  get isInCharge(): boolean {
    const { alive, frozen } = this.part;
    const settled = this.#fed ? this.#world.timings.marginMs : feedKeptMs;
    return alive && !frozen && this.#host.clock.now() > this.#startedAt + settled;
  }

  /** A request of the agent. */
  take(step: (core: GuardCore) => void): void {
    if (!this.#core) return;
    step(this.#core);
    this.#watch();
    this.#known = this.#core.servers;
    this.#tell();
  }

  fed(feed: MemberFeed): void {
    if (!this.#fed) this.#startedAt = this.#host.clock.now();
    this.#fed = feed;
  }

  hear(from: string, message: GuardMessage): void {
    const reply = this.#core?.hear(from, this.#twisted(message));
    this.#watch();
    if (reply) this.#send(from, reply);
  }

  #ports(): GuardPorts {
    return {
      now: () => this.#host.clock.now(),
      send: (host, message) => this.#send(host, message),
      fence: (server, because) => this.#fence(server, because),
      changed: () => this.#tellSoon(),
    };
  }

  #beat(): void {
    const stuck = this.#world.wiring.switches.has("heartbeat-without-agent");
    if (this.#fed && stuck) this.#core?.feed([this.#fed], this.#host.clock.now());
    this.#core?.beat();
    this.#watch();
    this.#tell();
    this.part.after(this.#world.timings.heartbeatMs, () => this.#beat());
  }

  #watch(): void {
    const next = this.#core?.watch() ?? Infinity;
    if (next >= this.#watchAt) return;
    this.#watchAt = next;
    this.part.after(Math.ceil(this.#host.clock.until(next)), () => {
      if (this.#watchAt !== next) return;
      this.#watchAt = Infinity;
      this.#watch();
    });
  }

  #send(to: string, message: GuardMessage): void {
    const { guard } = this.#world.host(to);
    this.#world.network.send(this.#host.id, to, () => guard.part.run(() => guard.hear(this.#host.id, message)));
  }

  #fence({ pid }: Postmaster, because: string): boolean {
    const { server } = this.#host;
    if (this.#world.wiring.switches.has("guard-never-fences")) return true;
    if (server.state === "stopped" || server.part.life !== pid) return false;
    this.#world.trace(this.#host.member, `guard fences: ${because}`);
    server.crash();
    return true;
  }

  #tellSoon(): void {
    if (this.#willTell) return;
    this.#willTell = true;
    this.part.after(0, () => {
      this.#willTell = false;
      this.#tell();
    });
  }

  #tell(): void {
    const { agent } = this.#host;
    const members = (this.#core?.members() ?? []).map((member) => this.#twistedReport(member));
    const startedAt = this.#core?.startedAt ?? 0;
    const report = { kind: "report", startedAt, pid: 1, version: "1", members, heard: {} } as const;
    this.#world.scheduler.after(this.#world.random.between(0.05, 0.3), () =>
      agent.part.run(() => agent.hearGuard(report)),
    );
  }

  #twisted(message: GuardMessage): GuardMessage {
    const { switches } = this.#world.wiring;
    if (message.kind !== "promises" || !switches.has("promise-counted-from-answer")) return message;
    const now = this.#host.clock.now();
    return { ...message, promises: message.promises.map((promise) => ({ ...promise, sentAt: now })) };
  }

  #twistedReport(report: MemberReport): MemberReport {
    return this.#world.wiring.switches.has("given-not-reported") ? { ...report, given: null } : report;
  }
}
