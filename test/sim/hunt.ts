/** Looks for the first seed that shows a mutation. Called by the mutation tests and by bench/simulate. */
import { runSeed, type RunResult } from "./run.ts";
import type { Mutation } from "./mutations.ts";

export function hunt(mutation: Mutation, from = 1): { readonly tried: number; readonly found: RunResult | undefined } {
  for (let tried = 1; tried <= mutation.budget; tried += 1) {
    const { wiring, members, durability, faults } = mutation;
    const result = runSeed({ seed: from + tried - 1, wiring, members, durability, faults });
    if (result.invariant !== undefined) return { tried, found: result };
  }
  return { tried: mutation.budget, found: undefined };
}
