/**
 * Ends a process that is there and does not answer (frozen, or lost in a loop), so that another takes its place: what
 * it did is lost either way. Called by kept-process.ts for the process that it uses.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { KeptLink } from "./control-link.ts";

export interface Patience {
  readonly everyMs: number;
  readonly answerMs: number;
}

/**
 * Two in a row: when this process itself was frozen, its own deadline is over before it has read the answer that is
 * long there.
 */
const missedMax = 2;

/** Returns when the link is closed, or has to be by the end of the process. */
export async function endWhenSilent(link: KeptLink, patience: Patience, end: (pid: number) => void): Promise<void> {
  for (let missed = 0; missed < missedMax;) {
    await sleep(patience.everyMs, undefined, { ref: false });
    if (link.isClosed) return;
    missed = (await link.answers(patience.answerMs)) ? 0 : missed + 1;
  }
  if (!link.isClosed) end(link.pid);
}
