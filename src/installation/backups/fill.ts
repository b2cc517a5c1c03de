/**
 * The log that a primary had not pushed when it ended: its successor's server begins with a timeline of its own and pushes
 * nothing of the one before. And that of a repository that was away while the other took the log. It is in the archive on
 * the host (storage/archive/fill.ts sees to that), and goes to the repositories from there. Called by the care after each
 * change of the primary, and for a repository that is left behind, until nothing is missing that anybody has.
 */
import { join } from "node:path";
import type { RepositoryNumber } from "../../domain/backup.ts";
import { parseSegmentName, segmentsBetween, segmentStart, type WalLine } from "../../domain/wal-file.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { pushAgain } from "../../drivers/pgbackrest/push.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { readArchive } from "../storage/archive/files.ts";
import { gapsIn, oldestOn, type WalGap } from "../storage/archive/gaps.ts";
import { readKeptLog } from "../storage/restore/kept-log.ts";
import { primaryMember } from "./members.ts";
import type { Found } from "./stanza.ts";

export interface Filled {
  /** each of them has all that the archive has since its own beginning, without a gap */
  readonly isWhole: boolean;
  /** why one did not take what it lacks */
  readonly problems: ReadonlyMap<RepositoryNumber, string>;
  /** what is missing behind the newest full backup of each, oldest first, although all that there is was given to it */
  readonly gaps: ReadonlyMap<RepositoryNumber, readonly RepositoryGap[]>;
}

export interface RepositoryGap extends WalGap {
  /** the archive on this host begins behind it: what it does not have it will not get */
  readonly isLetGo: boolean;
}

/** @param looks of repositories that answer */
export async function fillLog(parts: Parts, found: Found, looks: readonly RepositoryLook[]): Promise<Filled> {
  const problems = new Map<RepositoryNumber, string>();
  const gaps = new Map<RepositoryNumber, readonly RepositoryGap[]>();
  let isWhole = true;
  for (const look of looks)
    try {
      const left = await fillOne(parts, found, look);
      if (left && left.length > 0) gaps.set(look.number, left);
      isWhole &&= left?.length === 0;
    } catch (error) {
      if (!(error instanceof OpError)) throw error;
      isWhole = false;
      problems.set(look.number, error.message);
    }
  return { isWhole, problems, gaps };
}

/** @returns what it lacks then; undefined: that cannot be told at the moment */
async function fillOne(
  parts: Parts,
  { name, driver, systemIdentifier }: Found,
  { number, databases, backups }: RepositoryLook,
): Promise<readonly RepositoryGap[] | undefined> {
  const [primary] = primaryMember(parts, name);
  const place = databases.at(-1)?.archive;
  if (place === undefined || !primary) return [];
  await pushAgain(primary.dataDirectory, number);
  // Read after that: whatever is archived from now on is pushed by the server.
  const archive = await readArchive(parts, name, systemIdentifier);
  const listed = await driver.listLog(number, place);
  const missing = missingOf(listed, [...archive.names], archive.segmentBytes);
  await driver.push(
    number,
    primary,
    missing.map((file) => join(archive.directory, file)),
  );
  const now = missing.length === 0 ? listed : await driver.listLog(number, place);
  // While the primary moves its newest log belongs to nobody.
  const log = await readKeptLog(parts, name, systemIdentifier).catch(() => undefined);
  const full = backups.findLast((backup) => backup.kind === "full" && backup.systemIdentifier === systemIdentifier);
  const { segmentBytes } = archive;
  return log && gapsOf(namesIn(now), archive.names, { line: log.line, segmentBytes, since: full?.wal.from });
}

interface Wanted {
  readonly line: WalLine;
  readonly segmentBytes: number;
  /** a file: of log from before it there is only what backups need, on purpose */
  readonly since: string | undefined;
}

/** In a repository, between the first and the last file that it has of the line. */
export function gapsOf(
  there: ReadonlySet<string>,
  kept: ReadonlySet<string>,
  { line, segmentBytes, since }: Wanted,
): readonly RepositoryGap[] {
  const placeOf = (file: string): number => parseSegmentName(file, segmentBytes)?.segment ?? 0;
  const from = since === undefined ? oldestOn(line, there, segmentBytes) : segmentStart(placeOf(since), segmentBytes);
  const last = Math.max(0, ...[...there].map(placeOf));
  const to = segmentStart(last + 1, segmentBytes);
  if (from === undefined || from >= to) return [];
  const begins = oldestOn(line, kept, segmentBytes);
  return gapsIn(segmentsBetween(line, from, to, segmentBytes), (file) => there.has(file)).map((gap) => ({
    ...gap,
    isLetGo: begins !== undefined && segmentStart(placeOf(gap.last), segmentBytes) < begins,
  }));
}

/** As Postgres calls them. */
function namesIn(listed: readonly string[]): ReadonlySet<string> {
  return new Set(
    listed.flatMap((path) => /([0-9A-F]{24}|[0-9A-F]{8}\.history)(?:-[0-9a-f]{40}.*)?$/.exec(path)?.[1] ?? []),
  );
}

/** Histories, and segments from the first that the repository has on. */
export function missingOf(listed: readonly string[], kept: readonly string[], segmentBytes: number): readonly string[] {
  const there = namesIn(listed);
  const placeOf = (file: string): number | undefined => {
    const segment = parseSegmentName(file, segmentBytes);
    return segment === undefined || segment.isPartial ? undefined : segment.segment;
  };
  const first = Math.min(...[...there].flatMap((file) => placeOf(file) ?? []));
  return kept
    .filter((file) => !there.has(file) && (file.endsWith(".history") || (placeOf(file) ?? -1) >= first))
    .toSorted();
}
