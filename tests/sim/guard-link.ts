/**
 * An agent's connection to its guard, as src/agent/guarded/host-guard.ts keeps it: the last feed, sent when it has
 * changed and each second, one at a time, and what the guard reported last. Without promises, because virtual time
 * waits for none. Used by agent.ts.
 */
import { GuardReports } from "../../src/agent/guarded/guard-reports.ts";
import { essenceOf, feedEveryMs, type GuardOfHost } from "../../src/agent/guarded/host-guard.ts";
import type { GuardCore } from "../../src/guard/core.ts";
import type { GuardReport, MemberFeed, MemberReport } from "../../src/guard/wire.ts";
import type { Host, World } from "./world.ts";

/** The driver's own deadline. */
const answerMs = 500;

type Done = (isDone: boolean) => void;

export class GuardLink implements GuardOfHost {
  readonly #world: World;
  readonly #host: Host;
  readonly #life: number;
  readonly #reports: GuardReports;
  #feed: MemberFeed | undefined;
  #fedAt = 0;
  #sent = "";
  #isSending = false;
  #isDirty = false;
  #waiting: Done[] = [];

  /** Of one life of the agent. */
  constructor(world: World, host: Host) {
    this.#world = world;
    this.#host = host;
    this.#life = host.agent.part.life;
    this.#reports = new GuardReports({
      now: () => host.clock.now(),
      isSilent: (ms) => {
        this.#send();
        this.#after(ms, () => this.#reports.wakeAll());
      },
      fenced: () => undefined,
    });
    this.connect();
    this.#feedRegularly();
  }

  /** Its guard is there, or is there again: it is told the last feed. */
  connect(): void {
    this.#request(
      (core) => core.greet(),
      () => undefined,
    );
    const feed = this.#feedWithPromises();
    if (!feed) return;
    const at = this.#fedAt;
    this.#request(
      (core) => this.#give(core, feed, at),
      () => undefined,
    );
  }

  hear(report: GuardReport): void {
    this.#reports.hear(report);
  }

  get startedAt(): number | undefined {
    return this.#reports.startedAt;
  }

  isUnsure(now: number): boolean {
    return this.#reports.isUnsure(now);
  }

  reportOf(cluster: string, member: string): MemberReport | undefined {
    return this.#reports.reportOf(cluster, member);
  }

  watch(cluster: string, member: string, wake: () => void): void {
    this.#reports.watch(cluster, member, wake);
  }

  forget(cluster: string, member: string): void {
    this.#reports.forget(cluster, member);
    this.#feed = undefined;
  }

  tell(told: MemberFeed): void {
    const despite = this.#world.wiring.switches.has("promises-despite-vote");
    const feed = despite ? { ...told, votedFor: null } : told;
    const before = this.#feed;
    this.#feed = feed;
    if (before === undefined || essenceOf([before]) !== essenceOf([feed])) this.#send();
  }

  /** Calls `done` once the guard has what was told before; false: it does not answer. */
  whenInForce(done: Done): void {
    if (!this.#isSending && !this.#isNews()) return done(true);
    this.#waiting.push(done);
    this.#send();
  }

  giveBack(epoch: number, done: Done): void {
    this.#request((core) => core.release("shop", epoch), done);
  }

  async inForce(): Promise<void> {
    throw new Error("the simulator waits with whenInForce");
  }

  async release(): Promise<void> {
    throw new Error("the simulator releases with giveBack");
  }

  #isNews(): boolean {
    return essenceOf(this.#feed ? [this.#feed] : []) !== this.#sent;
  }

  #send(): void {
    this.#isDirty = true;
    if (this.#isSending) return;
    this.#isDirty = false;
    this.#isSending = true;
    const feed = this.#feed;
    const at = (this.#fedAt = this.#host.clock.now());
    const text = essenceOf(feed ? [feed] : []);
    this.#request(
      (core) => this.#give(core, feed, at),
      (isDone) => {
        this.#isSending = false;
        if (isDone) this.#sent = text;
        const isOver = !isDone || !this.#isNews();
        const waiting = isOver ? this.#waiting.splice(0) : [];
        for (const done of waiting) done(isDone);
        if (this.#isDirty || !isOver) this.#send();
      },
    );
  }

  #give(core: GuardCore, feed: MemberFeed | undefined, at: number): void {
    core.feed(feed ? [feed] : [], at);
    if (feed) this.#host.guard.fed(feed);
  }

  /** As the driver does for a guard that was restarted. */
  #feedWithPromises(): MemberFeed | undefined {
    const feed = this.#feed;
    const known = feed && this.#reports.reportOf(feed.cluster, feed.member);
    return known?.epoch === feed?.epoch && feed && known ? { ...feed, held: [...feed.held, ...known.held] } : feed;
  }

  #feedRegularly(): void {
    this.#after(feedEveryMs, () => {
      this.#send();
      this.#feedRegularly();
    });
  }

  #request(step: (core: GuardCore) => void, done: Done): void {
    const { scheduler, random } = this.#world;
    const { guard, agent } = this.#host;
    let isSettled = false;
    const settle = (isDone: boolean): void => {
      if (isSettled) return;
      isSettled = true;
      if (agent.part.life === this.#life) agent.part.run(() => agent.part.life === this.#life && done(isDone));
    };
    scheduler.after(random.between(0.05, 0.4), () => {
      guard.part.run(() => {
        guard.take(step);
        scheduler.after(random.between(0.05, 0.4), () => settle(true));
      });
    });
    scheduler.after(answerMs, () => settle(false));
  }

  #after(ms: number, step: () => void): void {
    if (this.#host.agent.part.life === this.#life) this.#host.agent.part.after(ms, step);
  }
}
