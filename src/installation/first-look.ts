/**
 * Just after its start the agent knows from the store who should serve, and has not yet looked whether they do: a healthy
 * cluster would be told as one that fails over. Whoever asks then waits a moment. Called by installation.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";

import type { ClusterRuntime } from "../agent/runtime.ts";
import type { Parts } from "./parts.ts";

/** A member that hangs, or whose host is lost, keeps nobody waiting for longer, and later nobody at all. */
const waitMs = 2000;
const startMs = 5000;
const lookEveryMs = 20;

/** @param clusters those that are asked about */
export async function firstLook(
  { startedAt }: Pick<Parts, "startedAt">,
  clusters: () => readonly ClusterRuntime[],
): Promise<readonly ClusterRuntime[]> {
  const begun = Date.now();
  const until = Math.min(begun + waitMs, startedAt + startMs);
  while (!clusters().every(isLookedAt) && Date.now() >= begun && Date.now() < until) await sleep(lookEveryMs);
  return clusters();
}

function isLookedAt({ members }: ClusterRuntime): boolean {
  return [...members.values()].every(({ decision }) => decision !== undefined);
}
