/**
 * Ends a process that is there and does not answer (frozen, or lost in a loop), so that another takes its place: what
 * it did is lost either way. Called by kept-process.ts for the process that it uses.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeptLink } from "./control-link.ts";

export interface Patience {
  readonly everyMs: number;
  readonly answerMs: number;
  /**
   * So many answers missed in a row end it. At least two: when this process itself was frozen, its own deadline is over
   * before it has read the answer that is long there.
   */
  readonly missedMax: number;
  /** One that a signal has stopped is ended at the first: waiting gains nothing, and on a slow machine tells nothing. */
  readonly endsStopped: boolean;
}

/** Returns when the link is closed, or has to be by the end of the process. */
export async function endWhenSilent(link: KeptLink, patience: Patience, end: (pid: number) => void): Promise<void> {
  for (let missed = 0; missed < patience.missedMax;) {
    await sleep(patience.everyMs, undefined, { ref: false });
    if (link.isClosed) return;
    missed = (await link.answers(patience.answerMs)) ? 0 : missed + 1;
    if (missed > 0 && patience.endsStopped && isStopped(link.pid)) break;
  }
  if (!link.isClosed) end(link.pid);
}

/** By SIGSTOP or a debugger. Always false where there is no procfs. */
function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return /^[Tt]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
