/**
 * The log that a primary had not pushed when it ended: its successor's server begins with a timeline of its own and pushes
 * nothing of the one before. And that of a repository that was away while the other took the log. It is in the archive on
 * the host (storage/archive/fill.ts sees to that), and goes to the repositories from there. Called by the care after each
 * change of the primary, and for a repository that is left behind, until nothing is missing.
 */
import { join } from "node:path";
import type { RepositoryNumber } from "../../domain/backup.ts";
import { parseSegmentName } from "../../domain/wal-file.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { pushAgain } from "../../drivers/pgbackrest/push.ts";
import { missingSegments } from "../../drivers/pgbackrest/verification.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { readArchive } from "../storage/archive/files.ts";
import { primaryMember } from "./members.ts";
import type { Found } from "./stanza.ts";

export interface Filled {
  /** each of them has all that the archive has since its own beginning, without a gap */
  readonly isWhole: boolean;
  /** why one did not take what it lacks */
  readonly problems: ReadonlyMap<RepositoryNumber, string>;
}

/** @param looks of repositories that answer */
export async function fillLog(parts: Parts, found: Found, looks: readonly RepositoryLook[]): Promise<Filled> {
  const problems = new Map<RepositoryNumber, string>();
  let isWhole = true;
  for (const look of looks)
    try {
      isWhole &&= await fillOne(parts, found, look);
    } catch (error) {
      if (!(error instanceof OpError)) throw error;
      isWhole = false;
      problems.set(look.number, error.message);
    }
  return { isWhole, problems };
}

async function fillOne(
  parts: Parts,
  { name, driver, systemIdentifier }: Found,
  { number, databases }: RepositoryLook,
): Promise<boolean> {
  const [primary] = primaryMember(parts, name);
  const place = databases.at(-1)?.archive;
  if (place === undefined || !primary) return true;
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
  return missingSegments(now, archive.segmentBytes).length === 0;
}

/** Histories, and segments from the first that the repository has on. */
export function missingOf(listed: readonly string[], kept: readonly string[], segmentBytes: number): readonly string[] {
  const there = new Set(
    listed.flatMap((path) => /([0-9A-F]{24}|[0-9A-F]{8}\.history)(?:-[0-9a-f]{40}.*)?$/.exec(path)?.[1] ?? []),
  );
  const placeOf = (file: string): number | undefined => {
    const segment = parseSegmentName(file, segmentBytes);
    return segment === undefined || segment.isPartial ? undefined : segment.segment;
  };
  const first = Math.min(...[...there].flatMap((file) => placeOf(file) ?? []));
  return kept
    .filter((file) => !there.has(file) && (file.endsWith(".history") || (placeOf(file) ?? -1) >= first))
    .toSorted();
}
