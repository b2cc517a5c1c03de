/** `bench/simulate`: many seeds with a table, or one with its story. */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { Durability } from "../../src/domain/cluster.ts";
import { runAll, type Job } from "./pool.ts";
import { count, formatTotals, newTotals, replayLine } from "./report.ts";
import { runSeed } from "./run.ts";

const help = `usage: bench/simulate [--seeds N] [--from S] [--jobs J] [--members M] [--durability D]
       bench/simulate --seed S [--trace] [--members M] [--durability D]

Runs the decision core on virtual time under seeded faults and checks every invariant (docs/protocol.md).`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
    members: { type: "string" },
    durability: { type: "string" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const shape = {
  members: values.members === undefined ? undefined : Number(values.members),
  durability: parseDurability(values.durability),
};

if (values.help) console.log(help);
else if (values.seed !== undefined) one(Number(values.seed));
else await many(Number(values.from), Number(values.seeds), Number(values.jobs));

function parseDurability(text: string | undefined): Durability | undefined {
  if (text === undefined || text === "quorum" || text === "strict" || text === "async") return text;
  throw new RangeError(`not a durability: ${text}`);
}

function one(seed: number): void {
  const result = runSeed({ seed, ...shape, tracing: values.trace });
  for (const line of result.lines) console.log(line);
  const health = `healthy ${((result.healedMs ?? 0) / 1000).toFixed(1)} s after everything healed`;
  console.log(result.invariant === undefined ? `seed ${seed} holds, ${health}` : replayLine(result));
  process.exitCode = result.invariant === undefined ? 0 : 1;
}

async function many(from: number, seeds: number, jobs: number): Promise<void> {
  const totals = newTotals();
  const began = performance.now();
  const all = Array.from({ length: seeds }, (_, at): Job => ({ kind: "seed", options: { seed: from + at, ...shape } }));
  await runAll(all, jobs, (outcome) => {
    if (outcome.kind !== "seed") return;
    count(totals, outcome.result);
    if (outcome.result.invariant !== undefined) console.log(replayLine(outcome.result));
  });
  console.log(`commit ${commit()}, seeds ${from} to ${from + seeds - 1}, ${jobs} threads`);
  console.log(formatTotals(totals, performance.now() - began));
  process.exitCode = totals.broken.size === 0 ? 0 : 1;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
