/** Waiting for a condition, with a deadline, and with what was seen last when it passes. */
import { setTimeout as sleep } from "node:timers/promises";

/** @returns the first thing that `look` returns which is not undefined */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  { withinMs = 30_000, seen }: { readonly withinMs?: number; readonly seen?: () => string } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline)
      throw new Error(`waited ${withinMs} ms for ${what}${seen ? `; seen last: ${seen()}` : ""}`);
    await sleep(25);
  }
}
