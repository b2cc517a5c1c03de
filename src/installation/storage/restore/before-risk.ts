/**
 * What is done by itself before something that cannot be taken back: a restore point, which costs nothing, and where
 * copies share their blocks a snapshot. Whatever comes of it, the change itself goes on: it never fails, and takes no
 * longer than a moment.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Parts } from "../../parts.ts";
import { beginSnapshot } from "../snapshots/take.ts";
import { makeOwnPoint } from "./points.ts";

const withinMs = 20_000;
const lookMs = 100;

/** @param what for the point's name: `upgrade`, `drop-stock` */
export async function pointBefore(parts: Parts, name: string, what: string): Promise<void> {
  await makeOwnPoint(parts, name, what).catch((error: unknown) =>
    parts.log.warn("no restore point before a change", { cluster: name, what, error }),
  );
}

export async function snapshotBefore(parts: Parts, name: string, what: string): Promise<void> {
  await pointBefore(parts, name, what);
  if (!parts.servers.pool.sharesBlocks) return;
  await takeWithin(parts, name).catch((error: unknown) =>
    parts.log.warn("no snapshot before a change", { cluster: name, what, error }),
  );
}

async function takeWithin(parts: Parts, name: string): Promise<void> {
  const request = { why: "before-change", here: false } as const;
  const { id } = await beginSnapshot(parts, name, request, { by: "matriarch" });
  const until = parts.clock.now() + withinMs;
  while (parts.operations.get(id).state === "running" && parts.clock.now() < until)
    await sleep(lookMs, undefined, { signal: parts.signal });
}
