/** How long writes usually pause when the primary of a cluster is moved as planned: what its own ledger says. */
import type { Pause } from "../../contract/downtime.ts";
import { pausesOf } from "../downtime.ts";
import type { Parts } from "../parts.ts";

const planned: ReadonlySet<Pause["why"]> = new Set(["switchover", "restart", "upgrade", "config"]);
const countedMax = 20;

/** The median of the last ones; null when there was none yet. */
export function usualPauseMs(parts: Parts, name: string): number | null {
  const lengths = pausesOf(parts, name)
    .filter(({ why, to }) => planned.has(why) && to !== null)
    .slice(-countedMax)
    .map(({ ms }) => ms)
    .toSorted((a, b) => a - b);
  return lengths[Math.floor(lengths.length / 2)] ?? null;
}
