/**
 * The right to make a test restore of a cluster, in the store. What is under way is told from host to host, and one that is
 * cut off for seconds is taken for lost while its test restore goes on: so whoever makes one writes that down first, and
 * again while it lasts. Of one that is silent for longer another may take the place; then only that one's record is kept.
 */
import { clearInterval, setInterval } from "node:timers";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { isRunHeld, runHeldMs, withProof, type Proof, type ProofRecord, type ProofRun } from "../../domain/proof.ts";
import { OpError } from "../../errors/op-error.ts";
import type { OperationRecord } from "../../events/event.ts";
import type { Parts } from "../parts.ts";
import { changeBook, proofsOf, refreshProofs } from "./book.ts";

const keepEveryMs = 20_000;

type RunParts = Pick<Parts, "store" | "proofs" | "hostName"> & {
  readonly clock: Pick<Parts["clock"], "wallNow">;
  readonly log: Pick<Parts["log"], "warn">;
  readonly operations: {
    has(id: string): boolean;
    get(id: string): Pick<OperationRecord, "state">;
  };
};
type Subject = Pick<ClusterSpec, "name" | "systemIdentifier">;

/** Before anything is begun. @throws OpError busy */
export async function refuseHeld(parts: RunParts, spec: Subject): Promise<void> {
  await refreshProofs(parts);
  refuseOther(parts, spec.name, proofsOf(parts, spec).run);
}

/** @throws OpError busy */
export async function takeRun(
  parts: RunParts,
  spec: Subject,
  { id, by }: { readonly id: string; readonly by: string },
): Promise<ProofRun> {
  const taken = (number: number): ProofRun => ({
    number,
    operation: id,
    host: parts.hostName,
    by,
    until: untilOf(parts),
  });
  let run = taken(1);
  await changeBook(parts, spec, (before) => {
    refuseOther(parts, spec.name, before.run);
    run = taken((before.run?.number ?? 0) + 1);
    return { ...before, run };
  });
  return run;
}

/** Until it is stopped. The signal says that another one has taken its place. */
export function keepRun(
  parts: RunParts,
  spec: Subject,
  run: ProofRun,
  everyMs = keepEveryMs,
): { readonly signal: AbortSignal; stop(): void } {
  const over = new AbortController();
  const keep = (before: ProofRecord): ProofRecord => {
    const own = ownRun(spec.name, run, before);
    // It ended while this was on its way.
    return own.until === 0 ? before : { ...before, run: { ...own, until: untilOf(parts) } };
  };
  const timer = setInterval(() => {
    changeBook(parts, spec, keep).catch((error: unknown) => {
      if (isOvertaken(error)) over.abort(error);
      else parts.log.warn("a test restore that goes on is not written down", { cluster: spec.name, error });
    });
  }, everyMs);
  timer.unref();
  return { signal: over.signal, stop: () => clearInterval(timer) };
}

/** The record and the end of the run are one. @throws OpError operation-failed when another one has taken its place */
export async function recordProof(parts: RunParts, spec: Subject, run: ProofRun, proof: Proof): Promise<void> {
  await changeBook(parts, spec, (before) => withProof(ended(spec.name, run, before), proof));
}

/** It has nothing to show. Left undone, it lapses. */
export async function giveRunBack(parts: RunParts, spec: Subject, run: ProofRun): Promise<void> {
  await changeBook(parts, spec, (before) => ended(spec.name, run, before)).catch((error: unknown) => {
    if (!isOvertaken(error))
      parts.log.warn("the end of a test restore is not written down", { cluster: spec.name, error });
  });
}

function ended(name: string, run: ProofRun, before: ProofRecord): ProofRecord {
  return { ...before, run: { ...ownRun(name, run, before), until: 0 } };
}

/** An agent of an older release may have left it out when it wrote something else. */
function ownRun(name: string, run: ProofRun, { run: found = run }: ProofRecord): ProofRun {
  if (found.operation === run.operation) return found;
  throw new OpError("operation-failed", {
    message: `another test restore of "${name}" was begun meanwhile on host "${found.host}"`,
    detail: "This one had not reached the store for two minutes. Only the record of the other one is kept.",
    hint: `See what it has shown: matriarch backup list ${name}`,
  });
}

function isOvertaken(error: unknown): boolean {
  return error instanceof OpError && error.code === "operation-failed";
}

function untilOf({ clock }: RunParts): number {
  return clock.wallNow() + runHeldMs;
}

function refuseOther({ clock, operations }: RunParts, name: string, run: ProofRun | undefined): void {
  if (!isRunHeld(run, clock.wallNow())) return;
  // Its host's agent ended in the middle, and has told so.
  if (operations.has(run.operation) && operations.get(run.operation).state !== "running") return;
  throw new OpError("busy", {
    message: `a test restore of "${name}" is under way already`,
    detail: `It was begun by "${run.by}" on host "${run.host}".`,
    hint: "Wait for its end and try again.",
  });
}
