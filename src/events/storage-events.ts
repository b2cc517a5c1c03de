/** Events about where members' data lies: volumes. See catalog.ts. */
import { define } from "./kind.ts";

export const storageEvents = {
  "volume.extended": define<{ from_bytes: number | null; size_bytes: number }>(
    "info",
    "The volumes of the members were given a larger size, or a size for the first time.",
    (e) =>
      `volumes ${e.from_bytes === null ? "given" : `extended from ${size(e.from_bytes)} to`} ${size(e.size_bytes)}`,
  ),
  "cluster.forked": define<{ of: string; as_of: string; until: string | null }>(
    "info",
    "The cluster began as a copy of another one, with an identity and passwords of its own.",
    (e) =>
      `cluster "${e.cluster}" began as "${e.of}" was at ${e.as_of}${e.until === null ? "" : `; it is destroyed at ${e.until}`}`,
  ),
  "cluster.restored": define<{ of: string; as_of: string; until: string | null }>(
    "info",
    "The cluster began as what another one was at a chosen time, with an identity and passwords of its own.",
    (e) => `cluster "${e.cluster}" was restored from "${e.of}" as of ${e.as_of}`,
  ),
  "cluster.put-back": define<{ snapshot: string | null }>(
    "warning",
    "A restore in place put the cluster back to what it was: later changes are not in it. What it was until then is a snapshot, from which it can be undone.",
    (e) =>
      `cluster "${e.cluster}" was put back to what it was${e.snapshot === null ? "" : `; until then it was as in snapshot ${e.snapshot}`}`,
  ),
  "restore.kept": define<{ snapshot: string; host: string }>(
    "info",
    "What a cluster was before a restore in place is a snapshot on the host where it was written, from which the restore can be undone.",
    (e) =>
      `what "${e.cluster}" was before it was put back is snapshot ${e.snapshot} on host "${e.host}"; to undo it: matriarch restore ${e.cluster} --undo`,
  ),
  "restore.copy-removed": define<{ kept_as: string; snapshot: string }>(
    "info",
    "The directory of a standby that a restore in place replaced had been put aside, while the host of the old primary was away. What it is a copy of is a snapshot there now: it was removed.",
    (e) =>
      `"${e.kept_as}" of "${e.member}" is removed: what it is a copy of is kept as snapshot ${e.snapshot} of "${e.cluster}"`,
  ),
  "restore.abandoned": define<{ host: string }>(
    "warning",
    "The host that was putting a cluster back to what it was is lost, and had stopped the cluster for that: it is started again as it was. Give the command again when it is wanted still.",
    (e) =>
      `host "${e.host}", which was restoring "${e.cluster}" in place, is lost: the cluster is started again as it was`,
  ),
  "restore.point-made": define<{ point: string; lsn: string }>(
    "info",
    "This moment of the cluster was given a name, to which it can be restored.",
    (e) => `restore point "${e.point}" made at ${e.lsn}`,
  ),
  "clock.jumped": define<{ ahead_ms: number }>(
    "warning",
    "The host's clock is far ahead of what its agent saw last: it was wrong or is, or the host was off. Forks and snapshots whose time is over by it are removed later, a day's worth in an hour. Look at the clock.",
    (e) => `the clock is ${days(e.ahead_ms)} ahead of what was seen last; what is over by it goes later`,
  ),
  "cluster.expired": define<{ of: string }>(
    "info",
    "A fork was made for a time, which is over: it is destroyed now. Its snapshots are kept for theirs.",
    (e) => `the time of fork "${e.cluster}" of "${e.of}" is over; it is destroyed`,
  ),
  "snapshot.taken": define<{ snapshot: string; size_bytes: number; why: string }>(
    "info",
    "A copy of a member's volume was made on its host, from which a cluster can be made.",
    (e) =>
      `snapshot ${e.snapshot} taken of "${e.member}"${e.why === "daily" ? ", as every day" : ""}: ${size(e.size_bytes)}`,
  ),
  "snapshot.failed": define<{ reason: string }>(
    "warning",
    "A snapshot was not taken; nothing is left of it. A daily one is tried again after an hour.",
    (e) => `no snapshot was taken of "${e.cluster}": ${e.reason}`,
  ),
  "snapshot.skipped": define<{ reason: string }>(
    "warning",
    "The daily snapshot was left out, because its copy would take too much of the disk. Free some, put the home on xfs or btrfs, or turn daily snapshots off.",
    (e) => `today's snapshot of "${e.cluster}" was left out: ${e.reason}`,
  ),
  "snapshot.deleted": define<{ snapshot: string }>(
    "info",
    "A snapshot was deleted because somebody asked for it.",
    (e) => `snapshot ${e.snapshot} deleted`,
  ),
  "snapshot.expired": define<{ snapshot: string; kept_days: number }>(
    "info",
    "A snapshot had been kept for its time, and was removed.",
    (e) => `snapshot ${e.snapshot} removed after ${e.kept_days} ${e.kept_days === 1 ? "day" : "days"}`,
  ),
  "archive.failing": define<{ reason: string; waiting_bytes: number }>(
    "warning",
    "Complete files of the primary's log could not be put into the archive. The server keeps them and tries again; until then the newest changes can be restored only while a member has them.",
    (e) => `the log of "${e.cluster}" is not archived (${size(e.waiting_bytes)} wait): ${e.reason}`,
  ),
  "archive.working": define(
    "info",
    "The log is archived again, and none that waited is left.",
    (e) => `the log of "${e.cluster}" is archived again, and nothing waits`,
  ),
  "archive.given-up": define<{ reason: string; waiting_bytes: number; free_bytes: number }>(
    "error",
    "Log that waits for the archive, or the archive itself, was about to fill the disk: it is left out, so that the servers can go on writing. The archive goes on by itself when there is room, after a gap, and a new snapshot is taken.",
    (e) =>
      `the archive of "${e.cluster}" leaves out log, so that the disk does not become full: ${size(e.waiting_bytes)} waited, ${size(e.free_bytes)} are free${e.reason === "" ? "" : ` (${e.reason})`}`,
  ),
  "archive.resumed": define(
    "info",
    "There is room again: complete files of the log are archived from now on.",
    (e) => `the archive of "${e.cluster}" takes the log again`,
  ),
  "archive.gap": define<{ first: string; last: string; segments: number }>(
    "error",
    "Files of the log are missing in the archive and no member here has them any more. Times behind them can be restored to only from a later snapshot; one is taken at once.",
    (e) =>
      `the archive of "${e.cluster}" lacks ${e.first === e.last ? e.first : `${e.first} to ${e.last} (${e.segments} files)`}; a new snapshot begins a new restorable time`,
  ),
  "snapshot.policy-changed": define<{ daily: boolean; kept_days: number }>(
    "info",
    "How snapshots of the cluster are taken and kept was changed.",
    (e) => `snapshots are ${e.daily ? "taken every day" : "not taken by themselves"} and kept for ${e.kept_days} days`,
  ),
} as const;

function days(ms: number): string {
  const hours = Math.round(ms / 3_600_000);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

function size(bytes: number): string {
  const [amount, unit] = bytes < 2 ** 30 ? [bytes / 2 ** 20, "MB"] : [bytes / 2 ** 30, "GB"];
  return `${Number(amount.toFixed(1))} ${unit}`;
}
