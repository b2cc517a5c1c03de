/**
 * How much one caller may ask of an agent: each has a bucket that fills at a steady rate, so a burst is let through and a
 * flood is not. Asked by access/roles.ts for every request before anything is done for it. Who shows nothing, or
 * something that is not good, counts by address; the socket of this machine is for its owner and has room for any script.
 */
import { OpError } from "../errors/op-error.ts";
import type { Caller } from "./access/caller.ts";

export interface Allowance {
  /** at once, after a pause */
  readonly burst: number;
  readonly perSecond: number;
}

export interface RateLimits {
  readonly socket: Allowance;
  readonly known: Allowance;
  readonly stranger: Allowance;
}

export const usualLimits: RateLimits = {
  socket: { burst: 5000, perSecond: 1000 },
  known: { burst: 300, perSecond: 50 },
  stranger: { burst: 60, perSecond: 5 },
};

/** Beyond it the one that has been silent longest is forgotten, and begins anew with a full bucket. */
const bucketsMax = 10_000;

interface Bucket {
  left: number;
  at: number;
}

export class RateLimiter {
  readonly #limits: RateLimits;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();

  /** @param now monotonic, milliseconds */
  constructor(limits: RateLimits = usualLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** @returns seconds to wait when it is too much, else 0 */
  take(caller: Caller | undefined, address: string | undefined): number {
    // The agents of the installation see to themselves, and what they say keeps databases up.
    if (caller?.role === "host") return 0;
    if (caller === undefined) return this.#takeFrom(`stranger ${address ?? ""}`, this.#limits.stranger);
    return caller.via === "socket"
      ? this.#takeFrom(`socket ${caller.by}`, this.#limits.socket)
      : this.#takeFrom(`${caller.via} ${caller.by} ${address ?? ""}`, this.#limits.known);
  }

  #takeFrom(key: string, { burst, perSecond }: Allowance): number {
    const now = this.#now();
    const before = this.#buckets.get(key) ?? { left: burst, at: now };
    const left = Math.min(burst, before.left + ((now - before.at) / 1000) * perSecond);
    // Those that ask again go to the end: the first is always the one that was silent longest.
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: left < 1 ? left : left - 1, at: now });
    if (this.#buckets.size > bucketsMax) this.#buckets.delete(this.#buckets.keys().next().value ?? "");
    return left < 1 ? Math.max(1, Math.ceil((1 - left) / perSecond)) : 0;
  }
}

export function tooMany(waitSeconds: number): OpError {
  return new OpError("rate-limited", {
    message: "too many requests",
    detail: `The next one is let through in ${waitSeconds} s.`,
    hint: "Ask less often; to follow what happens use a stream. Retry-After says how long to wait.",
  });
}

const noteEveryMs = 60_000;

/** Floods that have been written down: one entry for each caller and minute. */
export class FloodBook {
  readonly #notedAt = new Map<string, number>();

  /** @returns whether it has to be written down */
  note({ via, by }: Caller, now: number): boolean {
    const key = `${via} ${by}`;
    const before = this.#notedAt.get(key);
    if (before !== undefined && now - before < noteEveryMs) return false;
    this.#notedAt.delete(key);
    this.#notedAt.set(key, now);
    if (this.#notedAt.size > bucketsMax) this.#notedAt.delete(this.#notedAt.keys().next().value ?? "");
    return true;
  }
}
