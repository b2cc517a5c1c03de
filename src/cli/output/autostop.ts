/** Whether a cluster falls asleep without clients, and whether it does now. */
import type { ClusterStatus } from "../../contract/cluster.ts";
import { formatDuration } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";

export function renderAutostop(status: ClusterStatus, paint: Paint, now: number = Date.now()): string {
  const name = paint("strong", status.name);
  if (status.autostop_ms === null) return `${name} never falls asleep.`;
  return [
    `${name} falls asleep after ${formatDuration(status.autostop_ms)} without a client.`,
    ...asleepLines(status, now),
  ].join("\n");
}

/** What to know of one that sleeps; nothing of one that is awake. */
export function asleepLines({ name, asleep_since: since }: ClusterStatus, now: number): readonly string[] {
  if (since === null) return [];
  const forMs = Math.max(0, now - Date.parse(since));
  return [`Asleep for ${formatDuration(forMs)}, since ${since}. Off: matriarch autostop ${name} off`];
}
