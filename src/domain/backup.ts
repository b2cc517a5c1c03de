/**
 * Backups in repositories elsewhere: where they go, when they are taken, and how long they are kept. What users call a
 * backup, its repository and its policy, as plain values. Secrets are no part of them (drivers/pgbackrest/port.ts).
 */

export const backupKinds = ["full", "differential", "incremental"] as const;
export type BackupKind = (typeof backupKinds)[number];

/** Where a repository lies. `path` begins with a slash; other clusters may use the same one. */
export type RepositoryPlace =
  | {
      readonly kind: "s3";
      readonly bucket: string;
      readonly path: string;
      /** without a scheme */
      readonly endpoint: string;
      readonly port?: number;
      readonly region: string;
      /** `https://bucket.endpoint/…`, or `https://endpoint/bucket/…` */
      readonly style: "host" | "path";
    }
  | {
      readonly kind: "azure";
      readonly account: string;
      readonly container: string;
      readonly path: string;
      readonly endpoint?: string;
      readonly port?: number;
      /** `https://account.endpoint/…`, or `https://endpoint/account/…` */
      readonly style: "host" | "path";
    }
  | {
      readonly kind: "gcs";
      readonly bucket: string;
      readonly path: string;
      readonly endpoint?: string;
      readonly port?: number;
    }
  | {
      readonly kind: "sftp";
      readonly host: string;
      readonly port?: number;
      readonly user: string;
      readonly path: string;
      /** SHA-256 of the server's key, in hex */
      readonly fingerprint: string;
    }
  /** a directory that every host with a member sees */
  | { readonly kind: "path"; readonly path: string };

export type RepositoryNumber = 1 | 2;

export interface Repository {
  readonly number: RepositoryNumber;
  readonly place: RepositoryPlace;
  /** with a key that the user holds */
  readonly encrypted: boolean;
  /** the installation may show the key again, and keeps it when the cluster is gone */
  readonly escrow: boolean;
  /** of the secrets that belong to it: a host that has others fetches them */
  readonly secrets: string;
}

export interface BackupPolicy {
  readonly fullEveryDays: number;
  readonly betweenEveryHours: number;
  readonly between: "differential" | "incremental";
  /** any moment of the last so many days can be restored */
  readonly keptDays: number;
  /** and at least so many full backups are there, however old */
  readonly keptFulls: number;
}

/** As it stands in a cluster's spec. */
export interface BackupWish {
  /** pgBackRest's name for what belongs to one cluster in a repository */
  readonly stanza: string;
  readonly repositories: readonly Repository[];
  readonly policy: BackupPolicy;
}

export const defaultBackupPolicy: BackupPolicy = {
  fullEveryDays: 7,
  betweenEveryHours: 24,
  between: "incremental",
  keptDays: 14,
  keptFulls: 2,
};

/** One backup in one repository. Times are wall-clock milliseconds; pgBackRest writes whole seconds. */
export interface Backup {
  readonly label: string;
  readonly repository: RepositoryNumber;
  readonly kind: BackupKind;
  readonly startedAt: number;
  readonly endedAt: number;
  /** of the database as it was */
  readonly bytes: number;
  /** that this backup alone takes in the repository */
  readonly ownBytes: number;
  /** that it and those that it needs take in the repository */
  readonly repositoryBytes: number;
  /** first and last segment that it cannot be restored without */
  readonly wal: { readonly from: string; readonly to: string };
  readonly lsn: { readonly from: string; readonly to: string };
  /** the full one that it begins with, itself if it is one */
  readonly full: string;
  /** others that it cannot be restored without */
  readonly needs: readonly string[];
  readonly systemIdentifier: string;
  readonly major: number;
  /** found damaged by pgBackRest while it was taken */
  readonly hasBadPages: boolean;
  /** it is not deleted before */
  readonly lockedUntil: number | undefined;
  /** what a verification or a test restore has found last */
  readonly proof: BackupProof | undefined;
  /** id of the operation that took it */
  readonly operation: string | undefined;
  /** the cluster's as it was, as one word; undefined when it was not taken by us */
  readonly spec: string | undefined;
}

export interface BackupProof {
  readonly at: number;
  readonly how: "verified" | "restored";
  readonly isGood: boolean;
}

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/**
 * What is due now, of one repository; undefined: nothing. `backups` are those of this cluster there, oldest first.
 * A full one is due that many days after the last began, less the jitter's reach, so that it does not wander by a day.
 */
export function dueBackup(
  { policy, jitterMs, now }: { readonly policy: BackupPolicy; readonly jitterMs: number; readonly now: number },
  backups: readonly Pick<Backup, "kind" | "startedAt">[],
): BackupKind | undefined {
  const full = backups.findLast(({ kind }) => kind === "full");
  if (!full) return "full";
  const newest = backups.at(-1) ?? full;
  const turn = turnAt(now, policy.betweenEveryHours * hourMs, jitterMs);
  if (newest.startedAt >= turn) return undefined;
  // A clock that went ahead when the newest was taken must not keep the next one away for ever.
  return turn - full.startedAt > policy.fullEveryDays * dayMs - policy.betweenEveryHours * hourMs
    ? "full"
    : policy.between;
}

/** The last turn that has come: turns are `everyMs` apart, at a time of day of the cluster's own. */
function turnAt(now: number, everyMs: number, jitterMs: number): number {
  return Math.floor((now - jitterMs) / everyMs) * everyMs + jitterMs;
}

/** When the next turn comes. */
export function nextTurnAt(now: number, policy: BackupPolicy, jitterMs: number): number {
  const everyMs = policy.betweenEveryHours * hourMs;
  return turnAt(now, everyMs, jitterMs) + everyMs;
}

/** The full backups that may go, with all that build on them, oldest first; of one repository and one cluster. */
export function expiredFulls(backups: readonly Backup[], policy: BackupPolicy, now: number): readonly string[] {
  const fulls = backups.filter(({ kind }) => kind === "full").toSorted((a, b) => a.startedAt - b.startedAt);
  const isLocked = ({ label }: Backup): boolean =>
    backups.some(({ full, lockedUntil }) => full === label && lockedUntil !== undefined && lockedUntil > now);
  return fulls.flatMap((full, index) => {
    const later = fulls.slice(index + 1);
    const next = later[0];
    // Moments before the next full one ended can be restored only from this one.
    const isNeeded = next === undefined || next.endedAt > now - policy.keptDays * dayMs;
    return isNeeded || later.length < policy.keptFulls || isLocked(full) ? [] : [full.label];
  });
}

/** How many of the newest full backups the continuous log is kept for: as many as moments can be restored from. */
export function fullsWithLog(backups: readonly Backup[], policy: BackupPolicy, now: number): number {
  const fulls = backups.filter(({ kind }) => kind === "full").toSorted((a, b) => b.startedAt - a.startedAt);
  const since = now - policy.keptDays * dayMs;
  const before = fulls.findIndex(({ endedAt }) => endedAt <= since);
  return Math.max(policy.keptFulls, before === -1 ? fulls.length : before + 1, 1);
}
