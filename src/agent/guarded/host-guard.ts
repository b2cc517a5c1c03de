/**
 * This host's guard as its clusters use it: gathers what every member's loop says into one feed, keeps what the guard
 * reported last, and wakes whoever it concerns. One for each agent of an installation over several hosts.
 */
import type { GuardDriver } from "../../drivers/guard/port.ts";
import type { GuardReport, MemberFeed, MemberReport } from "../../guard/wire.ts";
import type { Log } from "../../log/log.ts";
import type { Clock } from "../clock.ts";

/** A guard that gets no feed for long stops its heartbeats (P7); this keeps far away from that. */
const feedEveryMs = 1000;
/** It reports with each heartbeat, of 200 ms. */
const staleMs = 600;
const unsureMs = 300;

export interface HostGuardParts {
  readonly driver: GuardDriver;
  readonly clock: Clock;
  readonly log: Log;
  readonly fenced: (member: MemberReport, because: NonNullable<MemberReport["fenced"]>["because"]) => void;
}

export class HostGuard {
  readonly #driver: GuardDriver;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fenced: HostGuardParts["fenced"];
  readonly #feeds = new Map<string, MemberFeed>();
  readonly #reports = new Map<string, MemberReport>();
  readonly #wakers = new Map<string, () => void>();
  readonly #timer: NodeJS.Timeout;
  #report: GuardReport | undefined;
  /** monotonic */
  #heardAt = -Infinity;
  #unsureSince: number | undefined;
  #sent = "";
  #sending: Promise<void> | undefined;
  #dirty = false;

  /** @param fenced told once of each server that the guard has ended by itself */
  constructor({ driver, clock, log, fenced }: HostGuardParts) {
    this.#driver = driver;
    this.#clock = clock;
    this.#log = log;
    this.#fenced = fenced;
    driver.onReport((report) => this.#hear(report));
    this.#timer = setInterval(() => this.#sendQuietly(), feedEveryMs);
  }

  /**
   * Nothing was heard for several heartbeats, and it is not known yet whether for want of a guard: an agent that stood
   * still finds the reports waiting, and must read them before it ends a server for promises that look old.
   */
  isUnsure(now: number): boolean {
    if (now - this.#heardAt <= staleMs) {
      this.#unsureSince = undefined;
      return false;
    }
    if (this.#unsureSince === undefined) {
      this.#unsureSince = now;
      this.#sendQuietly();
      setTimeout(() => this.#wakeAll(), unsureMs);
    }
    return now - this.#unsureSince < unsureMs;
  }

  /** The guard's own start; undefined until it was heard. */
  get startedAt(): number | undefined {
    return this.#report?.startedAt;
  }

  reportOf(cluster: string, member: string): MemberReport | undefined {
    return this.#reports.get(keyOf({ cluster, member }));
  }

  /** `wake` is called when the member's promises begin, end, or its server was ended by the guard. */
  watch(cluster: string, member: string, wake: () => void): void {
    this.#wakers.set(keyOf({ cluster, member }), wake);
  }

  forget(cluster: string, member: string): void {
    const key = keyOf({ cluster, member });
    this.#wakers.delete(key);
    this.#reports.delete(key);
    if (this.#feeds.delete(key)) this.#sendQuietly();
  }

  tell(feed: MemberFeed): void {
    const key = keyOf(feed);
    const before = this.#feeds.get(key);
    this.#feeds.set(key, feed);
    if (before === undefined || essenceOf([before]) !== essenceOf([feed])) this.#sendQuietly();
  }

  /** Resolves once the guard has what was told before the call. @throws OpError guard-unreachable */
  async inForce(): Promise<void> {
    while (this.#sending || this.#isNews()) {
      await (this.#sending ?? this.#send());
    }
  }

  release(cluster: string, epoch: number): Promise<void> {
    return this.#driver.release(cluster, epoch);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #isNews(): boolean {
    return essenceOf([...this.#feeds.values()]) !== this.#sent;
  }

  #sendQuietly(): void {
    this.#dirty = true;
    if (this.#sending) return;
    this.#send().catch((error: unknown) => this.#log.warn("guard not fed", { error }));
  }

  /** One at a time; what comes meanwhile goes with the next. */
  #send(): Promise<void> {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      if (this.#dirty) this.#sendQuietly();
    });
    return this.#sending;
  }

  async #sendAll(): Promise<void> {
    this.#dirty = false;
    const members = [...this.#feeds.values()];
    const text = essenceOf(members);
    await this.#driver.feed(members, this.#clock.now());
    this.#sent = text;
  }

  #hear(report: GuardReport): void {
    const first = this.#report === undefined;
    this.#report = report;
    this.#heardAt = this.#clock.now();
    for (const member of report.members) {
      const key = keyOf(member);
      const before = this.#reports.get(key);
      this.#reports.set(key, member);
      // What a guard did before this agent was there has been told by the one before.
      if (!first && member.fenced && member.fenced.at !== before?.fenced?.at)
        this.#fenced(member, member.fenced.because);
      if (first || isNews(before, member)) this.#wakers.get(key)?.();
    }
    if (first || this.#unsureSince !== undefined) this.#wakeAll();
  }

  #wakeAll(): void {
    for (const wake of this.#wakers.values()) wake();
  }
}

/** The promises that are held come from the guard itself; it is told of them now and then, for the guard after it. */
function essenceOf(feeds: readonly MemberFeed[]): string {
  return JSON.stringify(feeds.map(({ held: _held, ...essence }) => essence));
}

/** Renewals are no news: a loop looks at them when it looks. */
function isNews(before: MemberReport | undefined, after: MemberReport): boolean {
  return (
    before?.epoch !== after.epoch ||
    before.held.length !== after.held.length ||
    (before.given === null) !== (after.given === null) ||
    (before.given !== null && after.given !== null && after.given.until < before.given.until) ||
    (before.heardHolderAt === null) !== (after.heardHolderAt === null) ||
    before.fenced?.at !== after.fenced?.at
  );
}

function keyOf({ cluster, member }: { readonly cluster: string; readonly member: string }): string {
  return `${cluster}/${member}`;
}
