/** Looks for the first seed that shows a mutation. Called by the mutation tests and by bench/simulate. */
import { runSeed, type RunResult } from "./run.ts";
import { faithful } from "./wiring.ts";
import type { Mutation } from "./mutations.ts";

export interface Hunt {
  readonly tried: number;
  readonly found: RunResult | undefined;
  /** the same seed without the mutation: it must hold, or the seed shows something else */
  readonly control: RunResult | undefined;
}

export function hunt(mutation: Mutation): Hunt {
  const { wiring, members, far, cascaded, durability, sleepy, faults, script, likely, shownBy, budget } = mutation;
  const seeds = Array.from({ length: budget }, (_, at) => at + 1);
  if (likely !== undefined) seeds.unshift(likely);
  for (const [at, seed] of seeds.entries()) {
    const options = { seed, members, far, cascaded, durability, sleepy, faults, script };
    const found = runSeed({ ...options, wiring });
    if (found.invariant === undefined || found.invariant !== (shownBy ?? found.invariant)) continue;
    return { tried: at + 1, found, control: runSeed({ ...options, wiring: faithful }) };
  }
  return { tried: seeds.length, found: undefined, control: undefined };
}
