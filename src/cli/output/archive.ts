/** The archive of a cluster's log in a line or two of its status: what can be restored to, and what keeps it from working. */
import type { ClusterStatus } from "../../contract/cluster.ts";
import { formatDuration, formatSize } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";

export function archiveWords({ name, archive }: ClusterStatus, paint: Paint, now: number): readonly string[] {
  if (archive === null) return [];
  const { repository_until: until } = archive;
  const elsewhere = until === null ? [] : [`in every repository elsewhere up to ${ago(until, now)}`];
  return [...hereWords(name, archive, paint, now), ...elsewhere];
}

function hereWords(name: string, archive: Archive, paint: Paint, now: number): readonly string[] {
  const waits = archive.waiting_bytes > 0 ? `; ${formatSize(archive.waiting_bytes)} wait` : "";
  switch (archive.state) {
    case "archiving":
      return [restorable(name, archive, now)];
    case "failing":
      return [restorable(name, archive, now), paint("warn", `not taken: ${archive.reason ?? ""}${waits}`)];
    case "given-up":
      return [
        restorable(name, archive, now),
        paint("bad", `log is left out: ${archive.reason ?? ""}; free some room, and it goes on by itself`),
      ];
    case "after-restart":
      return [`begins when the primary starts next: matriarch restart ${name}`];
  }
}

/** The newest window; those before a gap are in --json. */
function restorable(name: string, archive: Archive, now: number): string {
  const { restorable: windows, archived_until: archived } = archive;
  const until = archived === null ? "nothing is archived yet" : `archived up to ${ago(archived, now)}`;
  const window = windows.at(-1);
  if (window === undefined) return `${nothingWords(name, archive, now)}; ${until}`;
  const isNow = now - Date.parse(window.until) < nowMs;
  return `restorable from ${ago(window.from, now)} up to ${isNow ? "now" : ago(window.until, now)}; ${until}`;
}

function nothingWords(
  name: string,
  { first_snapshot_at: first, has_earlier: hasEarlier }: Archive,
  now: number,
): string {
  const next =
    first === null
      ? `none is taken by itself: matriarch snapshot create ${name}`
      : `one is taken in ${formatDuration(Math.max(0, Date.parse(first) - now))}`;
  const earlier = hasEarlier ? `; what had its name before: matriarch restore-point list ${name}` : "";
  return `no snapshot to restore from yet, ${next}${earlier}`;
}

type Archive = NonNullable<ClusterStatus["archive"]>;

/** The look that it comes from is as old. */
const nowMs = 120_000;

function ago(at: string, now: number): string {
  return `${formatDuration(Math.max(0, now - Date.parse(at)))} ago`;
}
