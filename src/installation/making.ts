/** Operations that make a cluster, and what is told of one before it has records, or when it came to nothing. */
import { OpError } from "../errors/op-error.ts";
import type { OperationRecord } from "../events/event.ts";

export const createKind = "create";
/** Of a copy of another one: as it is or was, and as it was at a chosen time. */
export const forkKind = "fork";
export const restoreKind = "restore";

export function makesCluster(kind: string): boolean {
  return kind === createKind || kind === forkKind || kind === restoreKind;
}

/** @param operations of a name that no cluster has, newest first */
export function noSuchCluster(name: string, operations: readonly OperationRecord[]): OpError {
  const [newest] = operations;
  if (newest?.state === "running" && makesCluster(newest.kind))
    return new OpError("busy", {
      message: `cluster "${name}" is being made`,
      detail: `Its ${newest.kind}, begun by "${newest.by}", is at: ${newest.step}.`,
      hint: `Watch it with: matriarch status ${name} --watch`,
    });
  const failed = newest?.state === "failed" && makesCluster(newest.kind) ? newest : undefined;
  return new OpError("cluster-not-found", {
    message: `cluster "${name}" does not exist`,
    ...(failed && { detail: `Its ${failed.kind} failed: ${failed.error?.message ?? "nobody knows why"}.` }),
    hint: "See what there is with: matriarch list",
  });
}
