/**
 * The log that a primary had not pushed when it ended: its successor's server begins with a timeline of its own and pushes
 * nothing of the one before. It is in the archive on the host (storage/archive/fill.ts sees to that), and goes to the
 * repositories from there. Called by the care after each change of the primary, until nothing is missing.
 */
import { join } from "node:path";
import { parseSegmentName } from "../../domain/wal-file.ts";
import type { RepositoryLook } from "../../drivers/pgbackrest/port.ts";
import { missingSegments } from "../../drivers/pgbackrest/verification.ts";
import type { Parts } from "../parts.ts";
import { readArchive } from "../storage/archive/files.ts";
import { primaryMember } from "./members.ts";
import type { Found } from "./stanza.ts";

/** @returns whether each repository has all that the archive has since its own beginning, without a gap */
export async function fillLog(parts: Parts, found: Found, looks: readonly RepositoryLook[]): Promise<boolean> {
  const { name, driver, systemIdentifier } = found;
  const archive = await readArchive(parts, name, systemIdentifier);
  const [primary] = primaryMember(parts, name);
  let isWhole = true;
  for (const { number, databases } of looks) {
    const place = databases.at(-1)?.archive;
    if (place === undefined || !primary) continue;
    const listed = await driver.listLog(number, place);
    const missing = missingOf(listed, [...archive.names], archive.segmentBytes);
    await driver.push(
      primary,
      missing.map((file) => join(archive.directory, file)),
    );
    const now = missing.length === 0 ? listed : await driver.listLog(number, place);
    isWhole &&= missingSegments(now, archive.segmentBytes).length === 0;
  }
  return isWhole;
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
