/**
 * Waiting with a bound. Used by everything here that talks to a server or watches a process: a wedged server must never
 * wedge its agent. Never decides anything about the thing waited for: a deadline that passes means "not known".
 */
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../../errors/op-error.ts";

/** Monotonic milliseconds of this host, as every time in `Server` is given. */
export interface MonotonicClock {
  now(): number;
}

export const hostClock: MonotonicClock = { now: () => performance.now() };

/** The value of `work`, or `late()` once `withinMs` have passed; `work` then goes on unheard. */
export async function within<T, L>(work: Promise<T>, withinMs: number, late: () => L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<L>((resolve, reject) => {
    timer = setTimeout(
      () => {
        try {
          resolve(late());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      },
      Math.max(0, withinMs),
    );
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `check` every `everyMs` until it says true. @returns false when `withinMs` have passed before */
export async function until(
  check: () => boolean | Promise<boolean>,
  withinMs: number,
  everyMs: number,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  for (;;) {
    if (await check()) return true;
    if (performance.now() >= end) return false;
    await sleep(everyMs);
  }
}

export function unresponsive(what: string, cause?: unknown): OpError {
  return new OpError("server-unresponsive", { message: what, ...(cause === undefined ? {} : { cause }) });
}
