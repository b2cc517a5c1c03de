/**
 * This host's guard as its clusters use it: gathers what every member's loop says into one feed, keeps what the guard
 * reported last, and wakes whoever it concerns. One for each agent of an installation over several hosts.
 */
import type { GuardDriver } from "../../drivers/guard/port.ts";
import type { MemberFeed, MemberReport } from "../../guard/wire.ts";
import type { Log } from "../../log/log.ts";
import type { Clock } from "../clock.ts";
import { GuardReports, keyOf } from "./guard-reports.ts";

/** A guard that gets no feed for long stops its heartbeats (P7); this keeps far away from that. */
export const feedEveryMs = 1000;

/** The guard as the promises of one cluster use it; the simulator has another one. */
export interface GuardOfHost {
  /** the guard's own start; undefined until it was heard */
  readonly startedAt: number | undefined;
  /** what was reported last is too old to be decided on, and more may be on its way */
  isUnsure(now: number): boolean;
  reportOf(cluster: string, member: string): MemberReport | undefined;
  /** `wake` is called when the member's promises begin, end, or its server was ended by the guard */
  watch(cluster: string, member: string, wake: () => void): void;
  forget(cluster: string, member: string): void;
  tell(feed: MemberFeed): void;
  /** Resolves once the guard has what was told before the call. @throws OpError guard-unreachable */
  inForce(): Promise<void>;
  release(cluster: string, epoch: number): Promise<void>;
}

export interface HostGuardParts {
  readonly driver: GuardDriver;
  readonly clock: Clock;
  readonly log: Log;
  readonly fenced: (member: MemberReport, because: NonNullable<MemberReport["fenced"]>["because"]) => void;
}

export class HostGuard implements GuardOfHost {
  readonly #driver: GuardDriver;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #feeds = new Map<string, MemberFeed>();
  readonly #reports: GuardReports;
  readonly #timer: NodeJS.Timeout;
  #sent = "";
  #sending: Promise<void> | undefined;
  #dirty = false;

  /** @param fenced told once of each server that the guard has ended by itself */
  constructor({ driver, clock, log, fenced }: HostGuardParts) {
    this.#driver = driver;
    this.#clock = clock;
    this.#log = log;
    this.#reports = new GuardReports({ now: () => clock.now(), isSilent: (ms) => this.#ask(ms), fenced });
    driver.onReport((report) => this.#reports.hear(report));
    this.#timer = setInterval(() => this.#sendQuietly(), feedEveryMs);
  }

  isUnsure(now: number): boolean {
    return this.#reports.isUnsure(now);
  }

  get startedAt(): number | undefined {
    return this.#reports.startedAt;
  }

  reportOf(cluster: string, member: string): MemberReport | undefined {
    return this.#reports.reportOf(cluster, member);
  }

  watch(cluster: string, member: string, wake: () => void): void {
    this.#reports.watch(cluster, member, wake);
  }

  forget(cluster: string, member: string): void {
    this.#reports.forget(cluster, member);
    if (this.#feeds.delete(keyOf({ cluster, member }))) this.#sendQuietly();
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

  #ask(thenAfterMs: number): void {
    this.#sendQuietly();
    setTimeout(() => this.#reports.wakeAll(), thenAfterMs);
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
}

/** The promises that are held come from the guard itself; it is told of them now and then, for the guard after it. */
export function essenceOf(feeds: readonly MemberFeed[]): string {
  return JSON.stringify(feeds.map(({ held: _held, ...essence }) => essence));
}
