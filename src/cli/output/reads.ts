/** How far behind the standbys are that serve reads, and how far they may be. */
import type { ClusterStatus } from "../../contract/cluster.ts";
import { formatDuration, formatSize } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";

const fallbacks = { primary: "the primary serves reads", refuse: "reads wait, and are refused" } as const;

export function renderReads({ name, reads, members }: ClusterStatus, paint: Paint): string {
  if (reads === null) return `${paint("strong", name)} is told of by an agent that does not know.`;
  const limits = `${formatDuration(reads.max_lag_ms)} and ${formatSize(reads.max_lag_bytes)}`;
  return [
    `Standbys of ${paint("strong", name)} serve reads up to ${limits} behind; with none fit ${fallbacks[reads.fallback]}.`,
    ...members.flatMap(({ id, read }) => (read ? [`${id.padEnd(16)}${behind(read)}`] : [])),
  ].join("\n");
}

function behind({
  lag_ms: lagMs,
  lag_bytes: bytes,
  serves,
}: NonNullable<ClusterStatus["members"][number]["read"]>): string {
  const lag = lagMs === null ? "long" : formatDuration(lagMs);
  return `${lag}, ${formatSize(bytes)} behind${serves ? "" : "; serves no reads"}`;
}
