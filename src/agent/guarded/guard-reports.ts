/**
 * What this host's guard has reported last, and who waits for news of it. It decides when a report is too old to be
 * believed. Called by host-guard.ts, and by the simulator in its place; has no timers and sends nothing by itself.
 */
import type { GuardReport, MemberReport } from "../../guard/wire.ts";

/** It reports with each heartbeat, of 200 ms. */
const staleMs = 600;
const unsureMs = 300;

export interface GuardReportsParts {
  /** monotonic */
  readonly now: () => number;
  /** Nothing has been heard for long: asks the guard, and calls `wakeAll` after so many milliseconds. */
  readonly isSilent: (thenAfterMs: number) => void;
  readonly fenced: (member: MemberReport, because: NonNullable<MemberReport["fenced"]>["because"]) => void;
}

export class GuardReports {
  readonly #parts: GuardReportsParts;
  readonly #reports = new Map<string, MemberReport>();
  readonly #wakers = new Map<string, () => void>();
  #report: GuardReport | undefined;
  #heardAt = -Infinity;
  #unsureSince: number | undefined;

  /** @param parts.fenced told once of each server that the guard has ended by itself */
  constructor(parts: GuardReportsParts) {
    this.#parts = parts;
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
      this.#parts.isSilent(unsureMs);
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
  }

  hear(report: GuardReport): void {
    const first = this.#report === undefined;
    this.#report = report;
    this.#heardAt = this.#parts.now();
    for (const member of report.members) {
      const key = keyOf(member);
      const before = this.#reports.get(key);
      this.#reports.set(key, member);
      // What a guard did before this agent was there has been told by the one before.
      if (!first && member.fenced && member.fenced.at !== before?.fenced?.at)
        this.#parts.fenced(member, member.fenced.because);
      if (first || isNews(before, member)) this.#wakers.get(key)?.();
    }
    if (first || this.#unsureSince !== undefined) this.wakeAll();
  }

  wakeAll(): void {
    for (const wake of this.#wakers.values()) wake();
  }
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

export function keyOf({ cluster, member }: { readonly cluster: string; readonly member: string }): string {
  return `${cluster}/${member}`;
}
