/**
 * Ends a router that is there and does not answer (frozen, or lost in a loop), so that another takes its place: its
 * sessions are lost either way. Called by process.ts for the router that it uses.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { RouterLink } from "./link.ts";

const everyMs = 1000;
const answerMs = 2000;
/**
 * Two in a row: when this process itself was frozen, its own deadline is over before it has read the answer that is
 * long there.
 */
const missedMax = 2;

/** Returns when the link is closed, or has to be by the end of the router. */
export async function endWhenSilent(link: RouterLink, end: (pid: number) => void): Promise<void> {
  for (let missed = 0; missed < missedMax;) {
    await sleep(everyMs, undefined, { ref: false });
    if (link.isClosed) return;
    missed = (await answers(link)) ? 0 : missed + 1;
  }
  if (!link.isClosed) end(link.pid);
}

async function answers(link: RouterLink): Promise<boolean> {
  try {
    await link.request({ kind: "status" }, answerMs);
    return true;
  } catch {
    return false;
  }
}
