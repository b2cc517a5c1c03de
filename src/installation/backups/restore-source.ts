/**
 * A backup in a repository as what a new cluster is made of: the copy, and the log that leads from it to the target, file
 * by file as recovery asks for them. The cluster that it was taken of need not exist any more, nor its host.
 */
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RestoreRequest } from "../../contract/storage.ts";
import { formatSize } from "../../contract/units.ts";
import type { Backup } from "../../domain/backup.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { formatLsn, parseLsn, type Lsn } from "../../domain/lsn.ts";
import type { RecoveryTarget } from "../../domain/recovery.ts";
import { parseHistoryFile } from "../../domain/timeline.ts";
import {
  gapAt,
  historyFileName,
  parseHistoryName,
  parseSegmentName,
  reachOf,
  segmentsBetween,
  segmentStart,
  usualSegmentBytes,
  type WalLine,
} from "../../domain/wal-file.ts";
import type { Recovery } from "../../drivers/postgres/clone/recover.ts";
import { readBook } from "../../drivers/pgbackrest/book.ts";
import { makeOwnDirectory } from "../../drivers/pgbackrest/owned.ts";
import type { BackupMember, RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { problemError } from "../../drivers/pgbackrest/problems.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { writtenBy } from "../storage/own-engine.ts";
import { otherHosts } from "../storage/snapshots/list.ts";
import type { Source } from "../storage/sources.ts";
import { fillLog } from "./fill.ts";
import { backupOf } from "./look.ts";
import { unpackSpec } from "./packed-spec.ts";
import { isPushed, refuseBeyond, refuseUnwritten, writtenUpTo } from "./pushed.ts";
import { hostWithSecrets } from "./share.ts";
import { findStanza, type Found } from "./stanza.ts";

const replayBytes = 256 * 2 ** 20;
/** The care of the primary's host looks each few seconds what was not pushed. */
const patienceMs = 30_000;
const againMs = 1000;

type Wish = Pick<RestoreRequest, "backup" | "from_repository">;

/** It was asked for; else it is used where no host has anything that leads to the target. */
export function isOfRepository({ backup, from_repository: isWanted }: Wish): boolean {
  return backup !== undefined || isWanted === true;
}

/** A repository of it is known, here or on a host that answers. */
export async function isInRepository(parts: Parts, name: string): Promise<boolean> {
  if ((await hostWithSecrets(parts, name)) !== undefined) return true;
  // Without secrets of its own this host could only say that.
  if ((await readBook(parts, name)) === undefined) return false;
  return await findStanza(parts, name).then(
    () => true,
    () => false,
  );
}

/** Those to try in turn, at least one. @throws OpError backup-not-found, restore-out-of-window, backup-repository */
export async function ofRepository(
  parts: Parts,
  name: string,
  target: RecoveryTarget,
  label: string | undefined,
): Promise<readonly Source[]> {
  const found = await findStanza(parts, name);
  const looks = await found.driver.look();
  const backups = choose(found, looks, target, label);
  const [newest] = backups;
  const newestAt = async (): Promise<number | undefined> =>
    newest && found.driver.newestSegmentAt(newest.repository, archiveOf(looks, newest));
  if (found.spec === undefined && target.kind === "time") refuseBeyond(name, target, await newestAt());
  if (target.kind === "lsn") refuseUnwritten(name, target, await endOfLog(parts, found, looks, newest));
  return backups.map((backup) => ofBackup(parts, found, looks, { backup, target }));
}

function ofBackup(
  parts: Parts,
  found: Found,
  looks: readonly RepositoryLook[],
  { backup, target }: Pick<Aim, "backup" | "target">,
): Source {
  const spec = specOf(parts, found, backup);
  const { pool, owner } = parts.servers;
  return {
    spec,
    version: writtenBy(parts, spec),
    at: target.kind === "time" ? target.ms : backup.endedAt,
    base: backup.label,
    // Which transactions it begins with it does not say.
    mayBeTooNew: target.kind === "xid",
    check: async (copies) => {
      const { poolFreeBytes: free } = await pool.usage(parts.home);
      const needed = backup.bytes * 1.1 * (pool.sharesBlocks ? 1 : copies) + replayBytes;
      if (free > needed) return;
      throw new OpError("too-little-disk", {
        message: `a copy of backup ${backup.label} takes ${formatSize(needed)}, and ${formatSize(free)} are free`,
        hint: "Free some room.",
      });
    },
    copy: async (volume, { spec: { volumeBytes: sizeBytes }, told, signal }) => {
      const data = join(volume, "data");
      await pool.create(volume, { owner, sizeBytes });
      await makeOwnDirectory(data, owner);
      const request = {
        repository: backup.repository,
        label: backup.label,
        member: memberAt(data),
        links: join(volume, "tablespaces"),
      };
      const from = `fetching ${backup.label} from repository ${backup.repository}`;
      told(from);
      await found.driver.restore(request, (done) => told(`${from}: ${Math.floor(done * 100)} %`), signal);
    },
    recovery: async (dataDirectory) => {
      const { systemIdentifier, repository } = backup;
      const where = { name: found.name, systemIdentifier, repository };
      const holdsTarget = target.kind === "newest" || (await isPushed(parts, where, target));
      return await recoveryOf(parts, found, looks, { backup, target, holdsTarget }, memberAt(dataDirectory));
    },
  };
}

/** Of the cluster's, where it runs: what its primary has written is pushed when it is needed. Else of the repository's. */
async function endOfLog(
  parts: Parts,
  { name, spec }: Found,
  looks: readonly RepositoryLook[],
  backup: Backup | undefined,
): Promise<Lsn | undefined> {
  if (spec) return await writtenUpTo(parts, name);
  const newest = looks.find(({ number }) => number === backup?.repository)?.newestSegment;
  const last = newest === undefined ? undefined : parseSegmentName(newest, usualSegmentBytes);
  return last && segmentStart(last.segment + 1, usualSegmentBytes);
}

/** A directory that no server runs in yet. */
function memberAt(dataDirectory: string): BackupMember {
  const volume = dirname(dataDirectory);
  return { id: volume.slice(volume.lastIndexOf("/") + 1), dataDirectory, socketDirectory: volume, port: 5432 };
}

/** The named one, or those that ended before the target, the newest first; of the first repository that has one. */
function choose(
  found: Found,
  looks: readonly RepositoryLook[],
  target: RecoveryTarget,
  label: string | undefined,
): readonly Backup[] {
  const { name, systemIdentifier } = found;
  const usable = looks.filter(({ problem }) => problem === undefined);
  const [bad] = looks;
  if (usable.length === 0 && bad?.problem) throw problemError(bad.problem);
  if (label !== undefined) {
    const [named] = backupOf(usable, name, label);
    if (named && leadsTo(named, target)) return [named];
    throw outOfWindow(name, named ? [named] : [], target);
  }
  for (const { backups } of usable) {
    const own = backups.filter((backup) => backup.systemIdentifier === systemIdentifier);
    const fit = own.filter((backup) => leadsTo(backup, target));
    if (fit.length > 0) return fit.toSorted((a, b) => b.endedAt - a.endedAt);
  }
  throw outOfWindow(
    name,
    usable.flatMap(({ backups }) => backups),
    target,
  );
}

function leadsTo({ endedAt, lsn }: Backup, target: RecoveryTarget): boolean {
  switch (target.kind) {
    case "time":
      // It is known to the second, and may have ended at the end of that.
      return endedAt + 1000 <= target.ms;
    case "lsn":
      return parseLsn(lsn.to) <= target.lsn;
    case "newest":
    case "base":
    case "xid":
      return true;
  }
}

function outOfWindow(name: string, backups: readonly Backup[], target: RecoveryTarget): OpError {
  const [first] = backups.toSorted((a, b) => a.endedAt - b.endedAt);
  return new OpError("restore-out-of-window", {
    message: first ? `no backup of "${name}" is old enough` : `there is no backup of "${name}" in its repository`,
    ...(first && {
      detail: `The oldest, ${first.label}, ended at ${new Date(first.endedAt).toISOString()}${target.kind === "lsn" ? ` (${first.lsn.to})` : ""}.`,
    }),
    hint: `See those that there are: matriarch backup list ${name}`,
  });
}

/** @throws OpError not-supported for one that was taken by hand */
function specOf({ runtime }: Parts, { name, systemIdentifier }: Found, backup: Backup): ClusterSpec {
  const now = runtime.clusters.get(name)?.record.spec.value;
  const then = unpackSpec(backup.spec);
  if (now?.systemIdentifier === systemIdentifier && backup.systemIdentifier === systemIdentifier) return now;
  if (then) return then;
  throw new OpError("not-supported", {
    message: `backup ${backup.label} does not say what its cluster was like`,
    detail: "It was taken by pgBackRest alone, or by a newer version of Matriarch.",
    hint: "docs/backups.md tells how to restore it by hand.",
  });
}

interface Aim {
  readonly backup: Backup;
  readonly target: RecoveryTarget;
  readonly holdsTarget: boolean;
}

function archiveOf(looks: readonly RepositoryLook[], { repository, systemIdentifier }: Backup): string {
  const databases = looks.find(({ number }) => number === repository)?.databases ?? [];
  return databases.find((database) => database.systemIdentifier === systemIdentifier)?.archive ?? "";
}

/** Only files of the line that the cluster has followed are given out: a branch that lost has files of the same places. */
async function recoveryOf(
  parts: Parts,
  found: Found,
  looks: readonly RepositoryLook[],
  { backup, target, holdsTarget }: Aim,
  member: BackupMember,
): Promise<Recovery> {
  const { driver } = found;
  const { repository } = backup;
  const log = await wholeLog(parts, found, looks, { backup, target, member });
  refuseGap(found.name, log, { backup, target });
  const { segments, line, reached } = log;
  const from = parseLsn(backup.lsn.from);
  const end = target.kind === "base" ? parseLsn(backup.lsn.to) : reached;
  if (segments.length === 0 || reached < parseLsn(backup.lsn.to))
    throw new OpError("clone-failed", {
      message: `the log that backup ${backup.label} needs is not in its repository`,
      hint: "Restore another one; matriarch backup verify tells what is damaged.",
    });
  const timelines = [...line.before.map(({ parent }) => parent), line.timeline].filter((timeline) => timeline > 1);
  const served = [...segmentsBetween(line, from, end, usualSegmentBytes), ...timelines.map(historyFileName)];
  const fetch = await driver.fetchWords(repository, member);
  const isThere = log.gap === undefined && (target.kind !== "lsn" || target.lsn <= reached);
  return { target, timeline: line.timeline, served, fetch, holdsTarget: holdsTarget && isThere };
}

interface RepositoryLog {
  readonly segments: readonly string[];
  readonly line: WalLine;
  /** from the backup on, without a break */
  readonly reached: Lsn;
  /** the file that is missing there, where there is more behind it */
  readonly gap: string | undefined;
}

interface Of extends Pick<Aim, "backup" | "target"> {
  readonly member: BackupMember;
}

/**
 * What a former primary had not pushed comes from the archives of hosts, seconds after the primary has moved: it is brought
 * now, and where another host has to do that it is waited for.
 */
async function wholeLog(parts: Parts, found: Found, looks: readonly RepositoryLook[], of: Of): Promise<RepositoryLog> {
  const own = looks.filter(({ number }) => number === of.backup.repository);
  const end = parts.clock.now() + (otherHosts(parts).length === 0 ? 0 : patienceMs);
  let log = await logOf(found.driver, looks, of);
  if (of.target.kind === "base" || found.spec === undefined) return log;
  while (log.gap !== undefined) {
    await fillLog(parts, found, own);
    log = await logOf(found.driver, looks, of);
    if (parts.clock.now() >= end) break;
    await sleep(againMs, undefined, { signal: parts.signal });
  }
  return log;
}

async function logOf(
  driver: Found["driver"],
  looks: readonly RepositoryLook[],
  { backup, target, member }: Of,
): Promise<RepositoryLog> {
  const { repository } = backup;
  const listed = await driver.listLog(repository, archiveOf(looks, backup));
  const names = new Set(
    listed.flatMap((path) => /([0-9A-F]{24}|[0-9A-F]{8}\.history)(?:-[0-9a-f]{40}.*)?$/.exec(path)?.[1] ?? []),
  );
  const newest = await lineOf(driver, { repository, member }, [...names]);
  const line = target.kind === "base" ? lineUpTo(newest, Number.parseInt(backup.wal.to.slice(0, 8), 16)) : newest;
  const segments = [...names].filter((file) => parseSegmentName(file, usualSegmentBytes) !== undefined);
  const has = (file: string): boolean => names.has(file);
  const reached = reachOf(line, parseLsn(backup.lsn.from), has, usualSegmentBytes);
  return { segments, line, reached, gap: gapAt(line, reached, names, usualSegmentBytes) };
}

/** Of a time, recovery itself finds out on which side of the gap it lies. @throws OpError restore-out-of-window */
function refuseGap(
  name: string,
  { gap, reached }: RepositoryLog,
  { backup: { label, repository }, target }: Pick<Aim, "backup" | "target">,
): void {
  const isBeyond = target.kind === "newest" || (target.kind === "lsn" && target.lsn > reached);
  if (gap === undefined || !isBeyond) return;
  throw new OpError("restore-out-of-window", {
    message: `the log of "${name}" in repository ${repository} has a gap: ${gap} is missing`,
    detail: `From backup ${label} on it leads up to ${formatLsn(reached)}.`,
    hint: "It is looked for on every host, and pushed: try again in a minute. Or give a time or --lsn before it.",
  });
}

/** What came later is of no use to a copy that is to be as it was taken. */
function lineUpTo({ before, timeline }: WalLine, last: number): WalLine {
  const at = before.findIndex(({ parent }) => parent === last);
  return at === -1 ? { before, timeline } : { before: before.slice(0, at), timeline: last };
}

interface Reading {
  readonly repository: Backup["repository"];
  readonly member: BackupMember;
}

/** The newest timeline whose history tells where it came from. */
async function lineOf(
  driver: Found["driver"],
  { repository, member }: Reading,
  names: readonly string[],
): Promise<WalLine> {
  const timelines = [...new Set(names.flatMap((name) => parseHistoryName(name) ?? []))].toSorted((a, b) => b - a);
  for (const timeline of timelines) {
    const text = await readHistory(driver, { repository, member }, timeline);
    const before = parseHistoryFile(text);
    if (before.length > 0) return { before, timeline };
  }
  return { before: [], timeline: 1 };
}

/** Through the member's own volume: pgBackRest writes as the servers' user. */
async function readHistory(
  driver: Found["driver"],
  { repository, member }: Reading,
  timeline: number,
): Promise<string> {
  const file = join(member.socketDirectory, "history");
  try {
    const isThere = await driver.fetchLog(repository, member, historyFileName(timeline), file);
    return isThere ? await readFile(file, "utf8") : "";
  } finally {
    await rm(file, { force: true });
  }
}
