/**
 * The protocol under faults: every invariant holds on every seed, everything recovers, every seed that ever failed
 * stays, and each mutation of a rule is found. `SIM_SEEDS` and `SIM_FROM` run more. A machine that is many times slower
 * than ours begins no further round of seeds after `budgetMs`, and says how many it has run.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { mutations } from "./mutations.ts";
import { runAll, type Job } from "./pool.ts";
import { replayLine } from "./report.ts";
import type { RunResult } from "./run.ts";

const count = Number(process.env["SIM_SEEDS"] ?? 2000);
const from = Number(process.env["SIM_FROM"] ?? 1);
const leastSeeds = Math.min(count, 400);
const seedsARound = 200;
const budgetMs = process.env["SIM_SEEDS"] === undefined ? 150_000 : Infinity;
const threads = Math.max(2, availableParallelism());
/** Far more than a free machine takes: one that is shared must not look like a protocol that hangs. */
const options = { timeout: 1_800_000 };

async function runSeeds(seeds: readonly number[]): Promise<readonly RunResult[]> {
  const results: RunResult[] = [];
  const jobs = seeds.map((seed): Job => ({ kind: "seed", options: { seed } }));
  await runAll(jobs, threads, (outcome) => {
    if (outcome.kind === "seed") results.push(outcome.result);
  });
  return results;
}

function assertAllHold(results: readonly RunResult[]): void {
  const broken = results.filter((result) => result.invariant !== undefined);
  assert.deepEqual(broken.map(replayLine), []);
}

test(`simulator: ${count} seeds hold every invariant and recover`, options, async (t) => {
  const results: RunResult[] = [];
  const begun = performance.now();
  while (results.length < count && (results.length < leastSeeds || performance.now() - begun < budgetMs)) {
    const left = Math.min(seedsARound, count - results.length);
    results.push(...(await runSeeds(Array.from({ length: left }, (_, index) => from + results.length + index))));
  }
  t.diagnostic(`${results.length} seeds in ${Math.round((performance.now() - begun) / 1000)} s`);
  assertAllHold(results);
  // A simulator that does nothing proves nothing.
  const mean = (of: (result: RunResult) => number): number =>
    results.reduce((sum, r) => sum + of(r), 0) / results.length;
  assert.ok(mean((result) => result.steps) > 1500, "too few steps");
  assert.ok(mean((result) => result.epochs) > 2, "too few changes of the holder");
  assert.ok(mean((result) => result.acknowledged) > 200, "too few writes");
  assert.ok(mean((result) => result.sleeps) > 0.05, "it sleeps too seldom");
});

test("simulator: every seed that ever failed holds", options, async () => {
  const lines = readFileSync(new URL("seeds.txt", import.meta.url), "utf8").split("\n");
  const seeds = lines.map((line) => Number.parseInt(line, 10)).filter((seed) => Number.isFinite(seed));
  assertAllHold(await runSeeds(seeds));
});

test("simulator: the same seed gives the same run", options, async () => {
  const [one, two] = await runSeeds([7, 7]);
  assert.deepEqual(one, two);
});

test("mutations: there is one for each rule of the protocol", () => {
  const rules = new Set(mutations.map((mutation) => mutation.breaks));
  for (let rule = 1; rule <= 12; rule += 1) assert.ok(rules.has(`P${rule}`), `P${rule}`);
});

test("mutations: each is found within its budget", options, async (t) => {
  const missed: string[] = [];
  const jobs = mutations.map(({ name }): Job => ({ kind: "mutation", name }));
  await runAll(jobs, threads, (outcome) => {
    if (outcome.kind !== "mutation") return;
    const { tried, found, control } = outcome.hunt;
    if (!found) missed.push(`${outcome.name}: not found in ${tried} seeds`);
    else t.diagnostic(`${outcome.name}: seed ${found.seed} after ${tried}, ${found.invariant}`);
    if (control?.message !== undefined) missed.push(`${outcome.name}: without it too, ${replayLine(control)}`);
  });
  assert.deepEqual(missed, []);
});
