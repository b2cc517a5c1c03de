/**
 * What there is: each repository as it answers now, its backups, and how far the log has come. Asked by the command line,
 * and by the care once in a while; what was seen last stands in the cluster's status.
 */
import { readFile } from "node:fs/promises";
import type { BackupStatus, Backups, RepositoryStatus } from "../../contract/backups.ts";
import { backupsSchema } from "../../contract/backups.ts";
import { formatPlace } from "../../contract/repository-place.ts";
import {
  nextTurnAt,
  type Backup,
  type BackupWish,
  type Repository,
  type RepositoryNumber,
} from "../../domain/backup.ts";
import { dailyAtMs } from "../../domain/snapshot.ts";
import { archiveFilesOf } from "../../drivers/postgres/archive/command.ts";
import { readBook } from "../../drivers/pgbackrest/book.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { findBackupProgram } from "../../drivers/pgbackrest/program.ts";
import { OpError } from "../../errors/op-error.ts";
import { isHere, type Parts } from "../parts.ts";
import { pathOf } from "./forward.ts";
import { inRepositoriesUntil } from "./reach.ts";
import { findStanza, type Found } from "./stanza.ts";

const askMs = 60_000;
const hourMs = 3_600_000;

export async function showBackups(parts: Parts, name: string, here = false): Promise<Backups> {
  const elsewhere = here ? undefined : await hostThatKnows(parts, name);
  if (elsewhere !== undefined) {
    const call = {
      method: "GET",
      path: pathOf(name, "?here=true"),
      deadlineMs: askMs,
      as: { by: "matriarch", role: "viewer" },
    } as const;
    return backupsSchema.parse(await parts.hosts.call(elsewhere, call));
  }
  const found = await findStanza(parts, name);
  return describe(parts, found, await found.driver.look());
}

/** undefined: this one, or nobody who could be asked. A host with a member has the secrets, and the primary's has all. */
async function hostThatKnows(parts: Parts, name: string): Promise<string | undefined> {
  const record = parts.runtime.clusters.get(name)?.record;
  if (record) {
    const holder = record.members[record.reign.value.holder]?.value;
    return !holder || isHere(parts, holder) || !parts.hosts.isHeard(holder.host) ? undefined : holder.host;
  }
  if (parts.hosts.self === undefined || (await readBook(parts, name)) !== undefined) return undefined;
  for (const { name: host } of parts.hosts.all()) {
    if (host === parts.hosts.self.name || !parts.hosts.isHeard(host)) continue;
    const call = { method: "POST", path: "/v1/peer/backup-book", body: { cluster: name }, deadlineMs: 5000 } as const;
    const answer = await parts.hosts.call(host, call).catch(() => undefined);
    if (answer !== null && typeof answer === "object" && "book" in answer && answer.book !== null) return host;
  }
  return undefined;
}

export async function describe(parts: Parts, found: Found, looks: readonly RepositoryLook[]): Promise<Backups> {
  const { name, spec, wish, systemIdentifier } = found;
  const now = parts.clock.wallNow();
  const { policy } = wish;
  const push = await pushState(parts, name, wish);
  const isNext = spec?.wish === "running";
  return {
    cluster: name,
    stanza: wish.stanza,
    exists: spec !== undefined,
    program: await findBackupProgram().then(({ version }) => version),
    repositories: wish.repositories.map((repository) => {
      const look = looks.find(({ number }) => number === repository.number);
      return repositoryStatus({ repository, look, found, now, archivedUntil: push.archivedUntil(repository.number) });
    }),
    policy: {
      full_every_days: policy.fullEveryDays,
      between_every_hours: policy.betweenEveryHours,
      between: policy.between,
      kept_days: policy.keptDays,
      kept_fulls: policy.keptFulls,
      next_at: isNext ? new Date(nextTurnAt(now, policy, dailyAtMs(name))).toISOString() : null,
    },
    push_problem: push.problem,
    backups: looks
      .flatMap(({ backups }) => backups)
      .toSorted((a, b) => a.startedAt - b.startedAt)
      .map((backup) => backupStatus(backup, systemIdentifier, now)),
  };
}

interface Seen {
  readonly repository: Repository;
  readonly look: RepositoryLook | undefined;
  readonly found: Found;
  readonly now: number;
  readonly archivedUntil: string | null;
}

function repositoryStatus({ repository, look, found, now, archivedUntil }: Seen): RepositoryStatus {
  const { number, place, encrypted, escrow } = repository;
  const own = ownBackups(look, found.systemIdentifier);
  const newest = own.at(-1);
  return {
    number,
    kind: place.kind,
    to: formatPlace(place),
    encrypted,
    escrow,
    problem: look?.problem?.text ?? null,
    newest_segment: look?.newestSegment ?? null,
    archived_until: look?.problem || look?.newestSegment === undefined ? null : archivedUntil,
    backups: own.length,
    newest_backup_at: newest ? new Date(newest.endedAt).toISOString() : null,
    is_overdue: isOverdue(found, newest, now),
  };
}

export function ownBackups(look: RepositoryLook | undefined, systemIdentifier: string): readonly Backup[] {
  return (look?.backups ?? []).filter((backup) => backup.systemIdentifier === systemIdentifier);
}

/** Two turns have passed without one. */
export function isOverdue(
  { spec, wish }: Pick<Found, "spec" | "wish">,
  newest: Backup | undefined,
  now: number,
): boolean {
  if (spec?.wish !== "running") return false;
  return now - (newest?.startedAt ?? spec.createdAt) > 2 * wish.policy.betweenEveryHours * hourMs;
}

function backupStatus(backup: Backup, systemIdentifier: string, now: number): BackupStatus {
  const { proof, lockedUntil } = backup;
  return {
    label: backup.label,
    repository: backup.repository,
    kind: backup.kind,
    started_at: new Date(backup.startedAt).toISOString(),
    ended_at: new Date(backup.endedAt).toISOString(),
    size_bytes: backup.bytes,
    own_bytes: backup.ownBytes,
    wal: backup.wal,
    lsn: backup.lsn,
    needs: [...backup.needs],
    version: backup.major,
    has_bad_pages: backup.hasBadPages,
    locked_until: lockedUntil === undefined || lockedUntil <= now ? null : new Date(lockedUntil).toISOString(),
    proof: proof ? { at: new Date(proof.at).toISOString(), how: proof.how, is_good: proof.isGood } : null,
    is_current: backup.systemIdentifier === systemIdentifier,
  };
}

interface PushState {
  /** a moment up to which all that was committed is in the repository; null when it is not known */
  readonly archivedUntil: (number: RepositoryNumber) => string | null;
  readonly problem: string | null;
}

/** As the primary's archiver sees it; a member of another host says nothing here. */
async function pushState(parts: Parts, name: string, { repositories }: BackupWish): Promise<PushState> {
  const nothing = { archivedUntil: () => null, problem: null };
  const cluster = parts.runtime.clusters.get(name);
  const holder = cluster?.record.members[cluster.record.reign.value.holder]?.value;
  if (!cluster || !holder || !isHere(parts, holder)) return nothing;
  const problem = (await readFile(archiveFilesOf(holder.dataDirectory).problem, "utf8").catch(() => "")).trim();
  const { systemIdentifier } = cluster.record.spec.value;
  const until = new Map<RepositoryNumber, string>();
  for (const { number } of repositories) {
    const archiver = { cluster: name, systemIdentifier, member: holder, numbers: [number] };
    const reached = await inRepositoriesUntil(parts, archiver);
    if (reached !== undefined) until.set(number, new Date(reached).toISOString());
  }
  return { archivedUntil: (number) => until.get(number) ?? null, problem: problem === "" ? null : problem };
}

/** @throws OpError backup-not-found */
export function backupOf(looks: readonly RepositoryLook[], name: string, label: string): readonly Backup[] {
  const found = looks.flatMap(({ backups }) => backups).filter((backup) => backup.label === label);
  if (found.length > 0) return found;
  throw new OpError("backup-not-found", {
    message: `there is no backup "${label}" of "${name}"`,
    hint: `See those that there are: matriarch backup list ${name}`,
  });
}
