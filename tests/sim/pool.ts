/** Runs seeds on several threads, each with its own worlds. Called by sim.test.ts and bench/simulate. */
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { runSeed, type RunOptions, type RunResult } from "./run.ts";
import { hunt, type Hunt } from "./hunt.ts";
import { mutations } from "./mutations.ts";

export type Job =
  | { readonly kind: "seed"; readonly options: RunOptions }
  | { readonly kind: "mutation"; readonly name: string };
export type Outcome =
  | { readonly kind: "seed"; readonly result: RunResult }
  | { readonly kind: "mutation"; readonly name: string; readonly hunt: Hunt };

/** Seeds are handed out in batches: a message for each would cost more than its run. */
const batch = 10;

/** @param ended called for each outcome, in no particular order */
export async function runAll(jobs: readonly Job[], threads: number, ended: (outcome: Outcome) => void): Promise<void> {
  const left = [...jobs];
  await Promise.all(Array.from({ length: Math.min(threads, jobs.length) }, () => runOne(left, ended)));
}

function runOne(left: Job[], ended: (outcome: Outcome) => void): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { simulates: true } });
  return new Promise((resolve, reject) => {
    const next = (): void => {
      const taken = left.splice(0, left[0]?.kind === "mutation" ? 1 : batch);
      if (taken.length > 0) return worker.postMessage(taken);
      void worker.terminate().then(() => resolve());
    };
    worker.on("message", (outcomes: readonly Outcome[]) => {
      for (const outcome of outcomes) ended(outcome);
      next();
    });
    worker.on("error", reject);
    next();
  });
}

function carryOut(job: Job): Outcome {
  if (job.kind === "seed") return { kind: "seed", result: runSeed(job.options) };
  const mutation = mutations.find((candidate) => candidate.name === job.name);
  if (!mutation) throw new Error(`no mutation ${job.name}`);
  return { kind: "mutation", name: job.name, hunt: hunt(mutation) };
}

const isOurs: boolean =
  !isMainThread && typeof workerData === "object" && workerData !== null && "simulates" in workerData;
if (isOurs) parentPort?.on("message", (jobs: readonly Job[]) => parentPort?.postMessage(jobs.map(carryOut)));
