/**
 * While a cluster's primary moves its newest log belongs to nobody for a moment, and files of the timeline that it left
 * get other names: what cannot be read then is looked for again. Called by whoever reads the log that was kept.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isToRest } from "../../../domain/cluster.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { servingPrimary } from "../../status.ts";

/** Less than the command line waits for an answer, also when it is done twice. */
const settleMs = 6000;
const againMs = 250;
/** A primary that is so new may not have archived the history of its timeline, nor its standbys have it. */
const newMs = 15_000;

/** @throws OpError as `read` does, when it still does after a while */
export async function onceSettled<T>(
  parts: Pick<Parts, "runtime" | "clock">,
  name: string,
  read: () => Promise<T>,
  withinMs = settleMs,
): Promise<T> {
  const deadline = parts.clock.now() + withinMs;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const isOfMove = error instanceof OpError && error.code === "restore-out-of-window" && isMoving(parts, name);
      if (!isOfMove || parts.clock.now() > deadline) throw error;
    }
    await sleep(againMs);
  }
}

function isMoving({ runtime, clock }: Pick<Parts, "runtime" | "clock">, name: string): boolean {
  const cluster = runtime.clusters.get(name);
  if (!cluster || isToRest(cluster.record)) return false;
  return servingPrimary(cluster) === undefined || clock.wallNow() - cluster.record.reign.value.since < newMs;
}
