/** How a run is told to a person: the line that replays it, and the table of many. */
import type { RunResult } from "./run.ts";

/** One line that replays the run; the seed alone chooses everything else. */
export function replayLine(result: RunResult): string {
  const { seed, members, far, cascaded, durability, invariant, message } = result;
  const more = [far > 0 ? ` and ${far} far` : "", cascaded > 0 ? ` and ${cascaded} cascaded` : ""].join("");
  return `./bench/simulate --seed ${seed}   # ${members} members${more}, ${durability}; ${invariant}: ${message}`;
}

export interface Totals {
  seeds: number;
  steps: number;
  epochs: number;
  acknowledged: number;
  healedMs: number[];
  broken: Map<string, number>;
}

export function newTotals(): Totals {
  return { seeds: 0, steps: 0, epochs: 0, acknowledged: 0, healedMs: [], broken: new Map() };
}

export function count(totals: Totals, result: RunResult): void {
  totals.seeds += 1;
  totals.steps += result.steps;
  totals.epochs += result.epochs;
  totals.acknowledged += result.acknowledged;
  if (result.healedMs !== undefined) totals.healedMs.push(result.healedMs);
  if (result.invariant !== undefined)
    totals.broken.set(result.invariant, (totals.broken.get(result.invariant) ?? 0) + 1);
}

export function formatTotals(totals: Totals, tookMs: number): string {
  const healed = totals.healedMs.toSorted((a, b) => a - b);
  const at = (share: number): string => ((healed[Math.floor(share * (healed.length - 1))] ?? 0) / 1000).toFixed(1);
  const rows: readonly (readonly [string, string])[] = [
    ["seeds", `${totals.seeds} (${((1000 * totals.seeds) / tookMs).toFixed(1)} a second)`],
    ["steps", `${Math.round(totals.steps / totals.seeds)} a seed`],
    ["changes of the holder", `${(totals.epochs / totals.seeds).toFixed(1)} a seed`],
    ["acknowledged writes", `${Math.round(totals.acknowledged / totals.seeds)} a seed`],
    ["back to full health", `median ${at(0.5)} s, 99 % ${at(0.99)} s, worst ${at(1)} s of virtual time`],
    ["broken", totals.broken.size === 0 ? "nothing" : [...totals.broken].map(([i, n]) => `${i}: ${n}`).join(", ")],
  ];
  return rows.map(([name, value]) => `${name.padEnd(22)} ${value}`).join("\n");
}
