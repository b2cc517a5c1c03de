/**
 * A host's guard: it sends heartbeats while its agent feeds it, answers those of other hosts with promises, and ends
 * its own primary when the promises run out, agent or no agent. The rules of time are domain/lease.ts's.
 */
import type { CommitRule, Voter } from "../../src/domain/rule.ts";
import {
  hearHeartbeat,
  leaseEnd,
  recordPromise,
  type Heartbeat,
  type HeldPromise,
  type PromiseAnswer,
  type VoterState,
} from "../../src/domain/lease.ts";
import { Part } from "./time.ts";
import type { Host, World } from "./world.ts";

/** What the agent tells its guard at every look. */
export interface Feed {
  readonly at: number;
  readonly epoch: number;
  readonly holds: boolean;
  /** serving, or about to be: its end of time matters */
  readonly open: boolean;
  readonly released: boolean;
  /** under each of these its time must hold */
  readonly rules: readonly CommitRule[];
  readonly voter: Voter;
  /** its vote may stand: nothing is promised for epochs below this */
  readonly votedFor: number | undefined;
}

const feedKeptMs = 10_000;
/** a guard that starts and hears of no agent for so long knows of no right to serve */
const unfedMs = 1000;

export class Guard {
  readonly part: Part;
  startedAt = 0;
  held: readonly HeldPromise[] = [];
  voter: VoterState;
  feed: Feed | undefined;
  readonly #world: World;
  readonly #host: Host;

  constructor(world: World, host: Host) {
    this.#world = world;
    this.#host = host;
    this.part = new Part(world.scheduler);
    this.voter = this.#fresh();
    this.part.alive = false;
  }

  #fresh(): VoterState {
    const voter = { member: this.#host.member, incarnation: 1 };
    return { voter, epoch: 0, given: undefined, votedFor: undefined, heardHolderAt: undefined };
  }

  start(): void {
    this.part.start();
    this.startedAt = this.#host.clock.now();
    this.held = [];
    this.voter = this.#fresh();
    this.feed = undefined;
    this.#beat();
    this.part.after(unfedMs, () => {
      if (this.feed === undefined && this.#host.server.role === "primary") this.#host.server.crash();
    });
  }

  /** The agent's word on who holds what. */
  hear(feed: Feed): void {
    const before = this.feed;
    this.feed = feed;
    if (before?.epoch !== feed.epoch) this.held = [];
    const newer = feed.epoch > this.voter.epoch;
    const heardHolderAt = newer ? undefined : this.voter.heardHolderAt;
    const { votedFor } = feed;
    const epoch = Math.max(this.voter.epoch, feed.epoch);
    this.voter = { ...this.voter, voter: feed.voter, epoch, heardHolderAt, votedFor };
    if (before?.epoch !== feed.epoch && feed.holds) this.#sendHeartbeats();
    this.watchEnd();
  }

  #beat(): void {
    this.#sendHeartbeats();
    this.watchEnd();
    this.part.after(this.#world.timings.heartbeatMs, () => this.#beat());
  }

  #sendHeartbeats(): void {
    const { feed } = this;
    if (!feed?.holds || feed.released) return;
    const sentAt = this.#host.clock.now();
    const starved = sentAt - feed.at > feedKeptMs && !this.#world.wiring.switches.has("heartbeat-without-agent");
    if (starved) return;
    const heartbeat: Heartbeat = { cluster: "shop", epoch: feed.epoch, holder: this.#host.member, sentAt };
    for (const other of this.#world.hosts.values()) {
      if (other === this.#host) continue;
      this.#world.network.send(this.#host.id, other.id, () =>
        other.guard.part.run(() => other.guard.answer(heartbeat, this.#host)),
      );
    }
  }

  answer(heartbeat: Heartbeat, from: Host): void {
    const heard = hearHeartbeat(this.voter, heartbeat, this.#host.clock.now(), this.#world.timings.promiseMs);
    this.voter = heard.state;
    const { answer } = heard;
    if (!answer) return;
    this.#world.network.send(this.#host.id, from.id, () => from.guard.part.run(() => from.guard.hearAnswer(answer)));
  }

  hearAnswer(answer: PromiseAnswer): void {
    if (!this.feed?.holds || answer.epoch !== this.feed.epoch) return;
    const { switches } = this.#world.wiring;
    const late = switches.has("promise-counted-from-answer");
    const counted = late ? { ...answer, sentAt: this.#host.clock.now() } : answer;
    const marginMs = switches.has("margin-ignored") ? -600 : this.#world.timings.marginMs;
    const before = this.held;
    this.held = recordPromise(this.held, counted, marginMs);
    if (before.length === 0) this.#host.agent.wake();
    this.watchEnd();
  }

  /** The holder gave its time back: what was promised to it binds no more. */
  hearRelease(epoch: number): void {
    const { given } = this.voter;
    if (given && given.epoch <= epoch) this.voter = { ...this.voter, given: undefined };
    this.#host.agent.wake();
  }

  end(): number {
    return Math.min(...(this.feed?.rules ?? []).map((rule) => leaseEnd(rule, this.held)));
  }

  /** Fences when the time is up, whatever the agent does. */
  watchEnd(): void {
    const { feed } = this;
    const server = this.#host.server;
    if (feed && !feed.holds && server.role === "primary") server.crash();
    if (!feed?.holds || !feed.open || server.state === "stopped" || server.role !== "primary") return;
    if (this.#world.wiring.switches.has("guard-never-fences")) return;
    const endsAt = this.end();
    if (endsAt === Infinity) return;
    const leftMs = this.#host.clock.until(endsAt);
    if (leftMs > 0) return this.#lookAgain(leftMs);
    this.#world.trace(this.#host.member, "guard fences: promises ended");
    server.crash();
  }

  #watchedUntil = 0;
  #lookAgain(leftMs: number): void {
    const at = this.#world.scheduler.now + leftMs;
    if (this.#watchedUntil > this.#world.scheduler.now && this.#watchedUntil <= at) return;
    this.#watchedUntil = at;
    this.part.after(leftMs, () => {
      this.#watchedUntil = 0;
      this.watchEnd();
    });
  }
}
