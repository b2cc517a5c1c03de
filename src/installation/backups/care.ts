/**
 * What the agent of the primary's host does about backups by itself: it takes those that are due, tells when a repository
 * cannot be used and when it can again, and fetches secrets that this host lacks. What is due follows from what lies in
 * the repository, so that neither a new agent nor a new primary forgets a turn or takes one twice.
 */
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import {
  dueBackup,
  type Backup,
  type BackupKind,
  type Repository,
  type RepositoryNumber,
} from "../../domain/backup.ts";
import { isToRest, type ClusterRecord } from "../../domain/cluster.ts";
import { dailyAtMs } from "../../domain/snapshot.ts";
import { archiveFilesOf } from "../../drivers/postgres/archive/command.ts";
import { readBook, writeBook } from "../../drivers/pgbackrest/book.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { behindSince } from "../../drivers/pgbackrest/push.ts";
import { OpError } from "../../errors/op-error.ts";
import { isHere, type Parts } from "../parts.ts";
import { fillLog, type Filled, type RepositoryGap } from "./fill.ts";
import { isOverdue, ownBackups } from "./look.ts";
import { primaryMember } from "./members.ts";
import { fetchBook, forgetOthers, handOut } from "./share.ts";
import { findStanza, type Found } from "./stanza.ts";
import { beginBackup } from "./take.ts";

const lookEveryMs = 10_000;
const firstLookMs = 5000;
/** A repository that was well is asked again after so long; at once when the log does not get there. */
const askEveryMs = 300_000;
const retryMs = 900_000;
/** Longer than the archive takes to bring in what a host still has: what is missing then is lost. */
const givenUpMs = 150_000;
const matriarch = { by: "matriarch" } as const;

/** What is asked of the agent, so that it can be tried on a clock of a test's own. */
export interface CareParts {
  readonly records: () => readonly ClusterRecord[];
  /** the primary's files are on this host */
  readonly isOurs: (record: ClusterRecord) => boolean;
  readonly wallNow: () => number;
  /** @throws OpError when nothing can be asked at all */
  readonly look: (cluster: string) => Promise<{ readonly found: Found; readonly looks: readonly RepositoryLook[] }>;
  /** its place in the repositories goes on with the identity that the cluster has now */
  readonly adopt: (found: Found, looks: readonly RepositoryLook[]) => Promise<void>;
  /** pushes to those that answer what they lack: what the primary before left, or what came while they were away */
  readonly fill: (found: Found, looks: readonly RepositoryLook[]) => Promise<Filled>;
  /** the last file of the log was not taken, by any repository */
  readonly isStuck: (cluster: ClusterRecord) => Promise<boolean>;
  /** the log goes on without these */
  readonly behind: (cluster: ClusterRecord) => Promise<readonly RepositoryNumber[]>;
  readonly isBusy: (cluster: string) => boolean;
  readonly begin: (cluster: string, number: RepositoryNumber, kind: BackupKind) => Promise<unknown>;
  readonly tell: Teller;
  readonly failed: (cluster: string, error: unknown) => void;
}

/** Events that have a beginning and an end: what was told last stands in the events themselves. */
export interface Teller {
  isTold(cluster: string, trouble: Trouble, number: RepositoryNumber): boolean;
  begun(cluster: string, trouble: Trouble, number: RepositoryNumber, reason: string): void;
  over(cluster: string, trouble: Trouble, number: RepositoryNumber): void;
  /** once for each */
  gap(cluster: string, number: RepositoryNumber, gap: RepositoryGap): void;
}
export type Trouble = "lost" | "overdue";

interface Seen {
  readonly look: RepositoryLook | undefined;
  /** why it did not take what it lacks */
  readonly unfilled: string | undefined;
}

export class BackupCare {
  readonly #parts: CareParts;
  readonly #asked = new Map<string, number>();
  readonly #tried = new Map<string, number>();
  /** the epoch up to which nothing is missing */
  readonly #filled = new Map<string, number>();
  /** by repository: since when the gap that begins with this file is seen */
  readonly #gaps = new Map<string, ReadonlyMap<string, number>>();
  /** by repository: the last file that it lacks for good, until a backup begins behind it */
  readonly #cutAt = new Map<string, string>();

  constructor(parts: CareParts) {
    this.#parts = parts;
  }

  async look(): Promise<void> {
    for (const record of this.#parts.records()) {
      const spec = record.spec.value;
      if (!spec.backups || isToRest(record) || !this.#parts.isOurs(record)) continue;
      await this.#lookAt(record).catch((error: unknown) => this.#parts.failed(spec.name, error));
    }
  }

  async #lookAt(record: ClusterRecord): Promise<void> {
    const { name } = record.spec.value;
    const { wallNow, look, isBusy, isStuck, behind: behindOf } = this.#parts;
    const now = wallNow();
    const askedAt = this.#asked.get(name);
    // A clock that went back asks at once.
    const isFresh = askedAt !== undefined && now >= askedAt && now - askedAt < askEveryMs;
    const { epoch } = record.reign.value;
    const isFilled = this.#filled.get(name) === epoch;
    if (isBusy(name)) return;
    const behind = await behindOf(record);
    if (isFresh && isFilled && behind.length === 0 && !(await isStuck(record))) return;
    const { found, looks } = await look(name);
    const isOther = looks.some(
      ({ problem, databases }) => !problem && databases.at(-1)?.systemIdentifier !== found.systemIdentifier,
    );
    if (isOther) {
      // A full backup is due as soon as they have.
      this.#asked.delete(name);
      return await this.#parts.adopt(found, looks);
    }
    const well = looks.filter(({ problem }) => problem === undefined);
    const isWell = well.length === looks.length;
    const toFill = well.filter(({ number }) => !isFilled || behind.includes(number));
    const filled = toFill.length === 0 ? undefined : await this.#parts.fill(found, toFill);
    const isDone = filled && this.#isDone(name, filled);
    if (isDone && isWell) this.#filled.set(name, epoch);
    // It is pushed to again by now, and looks as if nothing were missing.
    if (isDone === false) this.#filled.delete(name);
    if (isWell) this.#asked.set(name, now);
    else this.#asked.delete(name);
    for (const repository of found.wish.repositories) {
      const { number } = repository;
      const seen = looks.find((one) => one.number === number);
      await this.#judge(found, repository, { look: seen, unfilled: filled?.problems.get(number) });
    }
  }

  /** Nothing more can be given to any of them. What they lack for good is told, and a backup begins behind it. */
  #isDone(name: string, { isWhole, problems, gaps }: Filled): boolean {
    const now = this.#parts.wallNow();
    let isSettled = gaps.size > 0 && problems.size === 0;
    for (const [number, found] of gaps) {
      const key = `${name} ${number}`;
      const before = this.#gaps.get(key);
      const seen = new Map(found.map(({ first }) => [first, Math.min(before?.get(first) ?? now, now)]));
      this.#gaps.set(key, seen);
      const lost = found.filter(({ first, isLetGo }) => isLetGo || now - (seen.get(first) ?? now) >= givenUpMs);
      for (const gap of lost) this.#parts.tell.gap(name, number, gap);
      const last = lost.at(-1)?.last;
      if (last !== undefined) this.#cutAt.set(key, last);
      isSettled &&= lost.length === found.length;
    }
    return isWhole || isSettled;
  }

  /** It has the log from there on, and no backup with which that could be used. */
  #isCutOff(key: string, newest: Pick<Backup, "wal"> | undefined): boolean {
    const last = this.#cutAt.get(key);
    // Timelines come first in their names.
    const isCutOff = last !== undefined && (newest?.wal.from ?? "").slice(8) <= last.slice(8);
    if (!isCutOff) this.#cutAt.delete(key);
    return isCutOff;
  }

  async #judge(found: Found, { number }: Repository, { look, unfilled }: Seen): Promise<void> {
    const { name, wish } = found;
    const { wallNow, tell, isBusy, begin } = this.#parts;
    const now = wallNow();
    const reason = look === undefined ? "it says nothing" : (look.problem?.text ?? unfilled);
    if (reason !== undefined) {
      if (!tell.isTold(name, "lost", number)) tell.begun(name, "lost", number, reason);
    } else if (tell.isTold(name, "lost", number)) tell.over(name, "lost", number);
    const own = ownBackups(look, found.systemIdentifier);
    if (isOverdue(found, own.at(-1), now) && !tell.isTold(name, "overdue", number))
      tell.begun(name, "overdue", number, "");
    if (reason !== undefined || isBusy(name)) return;
    const key = `${name} ${number}`;
    const due = dueBackup({ policy: wish.policy, jitterMs: dailyAtMs(name), now }, own);
    const kind = due ?? (this.#isCutOff(key, own.at(-1)) ? wish.policy.between : undefined);
    const triedAt = this.#tried.get(key);
    if (kind === undefined || (triedAt !== undefined && now >= triedAt && now - triedAt < retryMs)) return;
    this.#tried.set(key, now);
    await begin(name, number, kind);
    // What came of it is looked at as soon as it has ended.
    this.#asked.delete(name);
  }
}

/** Until the agent ends. */
export async function careForBackups(parts: Parts): Promise<void> {
  const care = new BackupCare({
    records: () => [...parts.runtime.clusters.values()].map(({ record }) => record),
    isOurs: ({ members, reign }) => {
      const holder = members[reign.value.holder]?.value;
      return holder !== undefined && reign.value.phase === "open" && isHere(parts, holder);
    },
    wallNow: () => parts.clock.wallNow(),
    look: async (name) => {
      const found = await findStanza(parts, name);
      return { found, looks: await found.driver.look() };
    },
    fill: (found, looks) => fillLog(parts, found, looks),
    adopt: (found, looks) => adoptIdentity(parts, found, looks),
    isStuck: async ({ members, reign }) => {
      const holder = members[reign.value.holder]?.value;
      return holder !== undefined && (await exists(archiveFilesOf(holder.dataDirectory).problem));
    },
    behind: (record) => leftBehind(record),
    isBusy: (cluster) => parts.operations.underWay(cluster).length > 0,
    begin: (cluster, number, kind) => beginBackup(parts, cluster, { number, kind, here: true }, matriarch),
    tell: tellerOf(parts),
    failed: (cluster, error) => {
      if (!(error instanceof OpError && error.code === "busy"))
        parts.log.warn("the look at backups failed", { cluster, error });
    },
  });
  await pause(parts, firstLookMs);
  while (!parts.signal.aborted) {
    await fetchMissing(parts).catch((error: unknown) =>
      parts.log.warn("secrets of repositories not fetched", { error }),
    );
    await care.look();
    await pause(parts, lookEveryMs);
  }
}

async function leftBehind({ spec, members, reign }: ClusterRecord): Promise<readonly RepositoryNumber[]> {
  const repositories = spec.value.backups?.repositories ?? [];
  const directory = members[reign.value.holder]?.value.dataDirectory;
  if (directory === undefined) return [];
  const left = repositories.map(async ({ number }) =>
    (await behindSince(directory, number)) === undefined ? [] : [number],
  );
  return (await Promise.all(left)).flat();
}

/** Only of a cluster that was the one before: restored in place it is another system to Postgres. */
async function adoptIdentity(
  parts: Parts,
  { name, spec, driver }: Found,
  looks: readonly RepositoryLook[],
): Promise<void> {
  const book = await readBook(parts, name);
  if (!book || !spec || book.systemIdentifier === spec.systemIdentifier) return;
  for (const { number, problem, databases } of looks)
    if (!problem && databases.at(-1)?.systemIdentifier !== spec.systemIdentifier)
      await driver.upgrade(number, primaryMember(parts, name));
  // One that is away goes on with it when it is back; until then it is known what it knew.
  if (looks.some(({ problem }) => problem !== undefined)) return;
  const now = { ...book, systemIdentifier: spec.systemIdentifier };
  await writeBook(parts, now);
  await handOut(parts, now);
  parts.events.emit("backup.identity-changed", { cluster: name }, { was: book.systemIdentifier });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function pause({ signal }: Parts, ms: number): Promise<unknown> {
  return sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}

/** For the members of this host, one of which may be primary in a moment. */
async function fetchMissing(parts: Parts): Promise<void> {
  for (const { record } of parts.runtime.clusters.values()) {
    const spec = record.spec.value;
    const isMember = Object.values(record.members).some(({ value }) => isHere(parts, value));
    if (isMember && spec.backups) await fetchBook(parts, spec);
    // One that is being enabled is the cluster's in a moment.
    if (parts.operations.list({ cluster: spec.name, state: "running" }).length === 0) await forgetOthers(parts, spec);
  }
}

const beginsWith = { lost: "backup.repository-lost", overdue: "backup.overdue" } as const;
const endsWith = { lost: "backup.repository-back", overdue: "backup.taken" } as const;

function tellerOf({ events }: Parts): Teller {
  const newest = (cluster: string, type: string, number: RepositoryNumber): number =>
    events.list({ cluster, type, limit: 20 }).findLast(({ details }) => details["repository"] === number)?.id ?? 0;
  return {
    isTold: (cluster, trouble, number) =>
      newest(cluster, beginsWith[trouble], number) > newest(cluster, endsWith[trouble], number),
    begun: (cluster, trouble, repository, reason) => {
      if (trouble === "lost") events.emit("backup.repository-lost", { cluster }, { repository, reason });
      else events.emit("backup.overdue", { cluster }, { repository });
    },
    over: (cluster, trouble, repository) => {
      if (trouble === "lost") events.emit("backup.repository-back", { cluster }, { repository });
    },
    gap: (cluster, repository, { first, last, segments }) => {
      const told = events.list({ cluster, type: "backup.gap", limit: 20 });
      const isTold = told.some(({ details }) => details["repository"] === repository && details["first"] === first);
      if (!isTold) events.emit("backup.gap", { cluster }, { repository, first, last, segments });
    },
  };
}
