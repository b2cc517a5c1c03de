/**
 * How far the log has come into the repositories: what would be lost if every host were. A file counts as archived when
 * all that are meant have it, and what was committed before it was ended is in it or in an older one. Asked by the care of
 * archives for the status, and by look.ts.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { committedBy } from "../../domain/archive.ts";
import type { RepositoryNumber } from "../../domain/backup.ts";
import { parseSegmentName, segmentFileName, usualSegmentBytes } from "../../domain/wal-file.ts";
import { behindSince } from "../../drivers/pgbackrest/push.ts";
import { archiveDirectory } from "../../drivers/postgres/archive/permit.ts";
import type { Parts } from "../parts.ts";
import { askServer } from "./ask-server.ts";

const askMs = 2000;
const lastArchivedSql = "SELECT last_archived_wal AS name FROM pg_catalog.pg_stat_archiver";

export interface Archiver {
  readonly cluster: string;
  readonly systemIdentifier: string;
  readonly member: { readonly id: string; readonly port: number; readonly dataDirectory: string };
  /** of the repositories that are meant */
  readonly numbers: readonly RepositoryNumber[];
}

/** Wall clock: all that was committed until then is in each of them. undefined: not known. */
export async function inRepositoriesUntil(
  parts: Pick<Parts, "home" | "servers">,
  archiver: Archiver,
): Promise<number | undefined> {
  const { member, numbers } = archiver;
  const rows = await askServer(parts, member, lastArchivedSql, askMs).catch(() => []);
  // The label of a backup begins with the name of a segment that was archived before it; a history says nothing of commits.
  const archived = /^[0-9A-F]{24}/.exec(rows[0]?.["name"] ?? "")?.[0];
  const missed = await Promise.all(numbers.map((number) => behindSince(member.dataDirectory, number)));
  const last = [archived, ...missed.flatMap((name) => (name === undefined ? [] : [fileBefore(name)]))];
  const times = await Promise.all(last.map((name) => endOf(parts, archiver, name)));
  const known = times.flatMap((time) => time ?? []);
  return known.length < times.length ? undefined : Math.min(...known);
}

/** The last that a repository has which was not given this one. */
function fileBefore(name: string): string | undefined {
  const found = parseSegmentName(name, usualSegmentBytes);
  if (!found || found.segment === 0) return undefined;
  return segmentFileName(found.timeline, found.segment - 1, usualSegmentBytes);
}

async function endOf(
  { home }: Pick<Parts, "home">,
  { cluster, systemIdentifier, member }: Archiver,
  name: string | undefined,
): Promise<number | undefined> {
  if (name === undefined) return undefined;
  const archive = archiveDirectory(home, cluster, systemIdentifier);
  for (const directory of [archive, join(member.dataDirectory, "pg_wal")]) {
    // A copy in the archive has the time of the file that it was made of.
    const written = await stat(join(directory, name)).catch(() => undefined);
    if (written) return committedBy(written.mtimeMs);
  }
  return undefined;
}
