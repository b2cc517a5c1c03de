/**
 * What a host does about its storage by itself: it looks how full volumes are, for the history of their growth, brings
 * those that missed a change of size to it, and takes and removes snapshots. Begun by the agent's entry; every look ends before the next.
 */
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isHere, type Parts } from "../parts.ts";
import { destroyExpired } from "./expiry.ts";
import { collectForSnapshots } from "./restore/collect-here.ts";
import { PatientTime } from "./patient-time.ts";
import { dailySnapshots, endExpired } from "./snapshots/care.ts";
import { applySize } from "./volumes.ts";

const lookEveryMs = 60_000;
/** Volumes are measured every so many looks. */
const measureEvery = 15;
/** Not while the agent takes its clusters up. */
const firstLookMs = 60_000;

/** Until the agent ends. */
export async function careForStorage(parts: Parts): Promise<void> {
  await sleep(firstLookMs, undefined, { signal: parts.signal, ref: false }).catch(() => undefined);
  const daily = dailySnapshots(parts);
  const jumped = (ms: number): unknown => parts.events.emit("clock.jumped", {}, { ahead_ms: Math.round(ms) });
  const patient = new PatientTime({ clock: parts.clock, file: join(parts.home, "time-seen.json"), jumped });
  const failed = (error: unknown): void => parts.log.warn("the look at the snapshots failed", { error });
  for (let turn = 0; !parts.signal.aborted; turn += 1) {
    if (turn % measureEvery === 0) await measure(parts);
    await daily.look().catch(failed);
    await collectForSnapshots(parts).catch(failed);
    await endWhatIsOver(parts, patient).catch(failed);
    await sleep(lookEveryMs, undefined, { signal: parts.signal, ref: false }).catch(() => undefined);
  }
}

async function endWhatIsOver(parts: Parts, patient: PatientTime): Promise<void> {
  const now = await patient.now();
  await endExpired(parts, now);
  destroyExpired(parts, now);
}

async function measure(parts: Parts): Promise<void> {
  for (const name of parts.runtime.clusters.keys())
    await lookAt(parts, name).catch((error: unknown) =>
      parts.log.warn("the look at a cluster's volumes failed", { cluster: name, error }),
    );
}

async function lookAt(parts: Parts, name: string): Promise<void> {
  const record = parts.runtime.clusters.get(name)?.record;
  if (!record) return;
  for (const { value: member } of Object.values(record.members)) {
    if (!isHere(parts, member)) continue;
    const { usedBytes } = await parts.servers.pool.usage(dirname(member.dataDirectory));
    parts.usage.add(member.id, { at: parts.clock.wallNow(), bytes: usedBytes });
  }
  if (record.spec.value.volumeBytes !== undefined) await applySize(parts, name);
}
