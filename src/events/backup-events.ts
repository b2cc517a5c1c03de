/** Events about backups in repositories elsewhere. See catalog.ts. */
import { define } from "./kind.ts";

export const backupEvents = {
  "backup.enabled": define<{ repository: number; to: string; encrypted: boolean }>(
    "info",
    "The cluster was given a repository elsewhere: its log goes there from now on, and backups are taken by themselves.",
    (e) =>
      `"${e.cluster}" is backed up to repository ${e.repository} (${e.to}, ${e.encrypted ? "encrypted" : "not encrypted"})`,
  ),
  "backup.disabled": define<{ repository: number; deleted: boolean }>(
    "warning",
    "Somebody ended the backups to a repository. What is in it stays, unless its deletion was asked for.",
    (e) =>
      `"${e.cluster}" is backed up to repository ${e.repository} no more; its backups there ${e.deleted ? "were deleted" : "stay"}`,
  ),
  "backup.connected": define<{ repository: number }>(
    "info",
    "The repository of a cluster that is not there was made known, so that its backups can be restored.",
    (e) => `repository ${e.repository} of "${e.cluster}" is known here; its backups can be restored`,
  ),
  "backup.policy-changed": define<{ kept_days: number }>(
    "info",
    "When backups are taken, or how long they are kept, was changed.",
    (e) => `when backups of "${e.cluster}" are taken was changed; ${e.kept_days} days can be restored`,
  ),
  "backup.taken": define<{ backup: string; kind: string; repository: number; size_bytes: number; own_bytes: number }>(
    "info",
    "A backup has come to its end and lies in the repository. It ends the trouble that an earlier failure told of.",
    (e) =>
      `${e.kind} backup ${e.backup} of "${e.cluster}" lies in repository ${e.repository}: ${size(e.own_bytes)} of ${size(e.size_bytes)}`,
  ),
  "backup.failed": define<{ repository: number; reason: string }>(
    "error",
    "A backup was not taken. One that is due is tried again after a quarter of an hour; backup.taken ends the trouble.",
    (e) => `no backup of "${e.cluster}" was taken to repository ${e.repository}: ${e.reason}`,
  ),
  "backup.expired": define<{ repository: number; backups: string }>(
    "info",
    "Backups had been kept for their time, and were removed with those that build on them.",
    (e) => `removed from repository ${e.repository} after their time: ${e.backups}`,
  ),
  "backup.identity-changed": define<{ was: string }>(
    "info",
    "The cluster was restored in place, and is another system to Postgres since. Its repositories go on with it; a full backup follows.",
    (e) => `the repositories of "${e.cluster}" go on after its restore in place; they knew it as system ${e.was}`,
  ),
  "backup.repository-lost": define<{ repository: number; reason: string }>(
    "error",
    "A repository cannot be used. With another one the log goes on there, and this one catches up; alone, the primary keeps its log until it can, or until backup.left-behind. backup.repository-back tells when.",
    (e) => `repository ${e.repository} of "${e.cluster}" cannot be used: ${e.reason}`,
  ),
  "backup.repository-back": define<{ repository: number }>(
    "info",
    "A repository that could not be used answers again.",
    (e) => `repository ${e.repository} of "${e.cluster}" can be used again`,
  ),
  "backup.left-behind": define<{ repositories: string; waiting_bytes: number }>(
    "error",
    "No repository took the log until what waited for them could have filled the disk: the primary keeps it no longer for them. They get it from the archive on the host as soon as they answer; what that has let go by then is told as backup.gap.",
    (e) =>
      `the log of "${e.cluster}" goes on without repository ${e.repositories}: ${size(e.waiting_bytes)} waited, and the archive on the host has it for later`,
  ),
  "backup.gap": define<{ repository: number; first: string; last: string; segments: number }>(
    "error",
    "A repository lacks files of the log that nobody here has any more, mostly because it was away for longer than the archive on the host keeps them. Moments from there up to its next backup cannot be restored from it; that backup is begun at once.",
    (e) =>
      `repository ${e.repository} of "${e.cluster}" lacks ${e.first === e.last ? e.first : `${e.first} to ${e.last} (${e.segments} files)`}, and nobody here has them; a backup begins its restorable time anew`,
  ),
  "backup.overdue": define<{ repository: number }>(
    "error",
    "Two turns have passed without a backup. matriarch backup show tells what keeps it; backup.taken ends it.",
    (e) => `the backup of "${e.cluster}" to repository ${e.repository} is overdue`,
  ),
  "backup.verified": define<{ repository: number; backups: number; segments: number }>(
    "info",
    "All that lies in a repository was read and is what was written. It ends the trouble that backup.damaged told of.",
    (e) =>
      `repository ${e.repository} of "${e.cluster}" was read: ${e.backups} backups and ${e.segments} files of the log are as they were written`,
  ),
  "backup.damaged": define<{ repository: number; backups: string; damaged: string }>(
    "error",
    "Something in a repository is missing or not what was written. Backups that it belongs to cannot be relied on: take a new full one.",
    (e) =>
      `repository ${e.repository} of "${e.cluster}" is damaged${e.backups === "" ? "" : ` (${e.backups})`}: ${e.damaged}`,
  ),
  "backup.locked": define<{ backup: string; until: string }>(
    "info",
    "A backup was locked against deletion until a date.",
    (e) => `backup ${e.backup} of "${e.cluster}" is locked until ${e.until.slice(0, 10)}`,
  ),
  "backup.unlocked": define<{ backup: string }>(
    "warning",
    "The lock of a backup was taken away: it goes when its time is over.",
    (e) => `backup ${e.backup} of "${e.cluster}" is not locked any more`,
  ),
} as const;

const units = ["B", "kB", "MB", "GB", "TB"];

function size(bytes: number): string {
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 1024 ** step).toFixed(1))} ${units[step]}`;
}
