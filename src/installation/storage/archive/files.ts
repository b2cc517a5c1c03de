/**
 * The archive of a cluster's log as it lies on this host: `archives/CLUSTER/SYSTEM-IDENTIFIER/`, files with the names
 * that Postgres gives them, whole and unchanged. Files whose names begin with a dot are being written. A cluster that came later under
 * the same name has another directory. Read here, and by whoever restores; written by the servers' own command alone
 * (drivers/postgres/archive/command.ts).
 */
import { open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseHistoryFile } from "../../../domain/timeline.ts";
import {
  historyFileName,
  isWalName,
  parseSegmentName,
  usualSegmentBytes,
  type WalLine,
} from "../../../domain/wal-file.ts";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";

export interface ArchivePlaces {
  readonly home: string;
}

export interface WalArchive {
  readonly cluster: string;
  readonly systemIdentifier: string;
  readonly directory: string;
  readonly segmentBytes: number;
  /** as Postgres names them, without order */
  readonly names: ReadonlySet<string>;
}

/** An empty one when nothing has been archived. */
export async function readArchive(
  { home }: ArchivePlaces,
  cluster: string,
  systemIdentifier: string,
): Promise<WalArchive> {
  const directory = archiveDirectory(home, cluster, systemIdentifier);
  const names = (await readdir(directory).catch(() => [])).filter(isWalName);
  const segmentBytes = await segmentBytesIn(directory, names);
  return { cluster, systemIdentifier, directory, segmentBytes, names: new Set(names) };
}

/** System identifiers of the clusters of this name that this host has archives of. */
export async function archivesOf({ home }: ArchivePlaces, cluster: string): Promise<readonly string[]> {
  const names = await readdir(join(home, "archives", cluster)).catch(() => []);
  return names.filter((name) => /^\d+$/.test(name));
}

/** Clusters that there are archives of, whether they exist or not. */
export async function archivedClusters({ home }: ArchivePlaces): Promise<readonly string[]> {
  return await readdir(join(home, "archives")).catch(() => []);
}

/** How this timeline came to be, from its history file. @param directories in which it may be; the first that has it */
export async function lineOf(directories: readonly string[], timeline: number): Promise<WalLine | undefined> {
  if (timeline === 1) return { before: [], timeline };
  for (const directory of directories) {
    const text = await readFile(join(directory, historyFileName(timeline)), "utf8").catch(() => "");
    const before = parseHistoryFile(text);
    // One without rows only keeps the number from being used (drivers/postgres/server/timeline-files.ts).
    if (before.length > 0) return { before, timeline };
  }
  return undefined;
}

/** A segment says its size in the header of its first page. Source: XLogLongPageHeaderData, xlp_seg_size at byte 32. */
async function segmentBytesIn(directory: string, names: readonly string[]): Promise<number> {
  const name = names.find((one) => parseSegmentName(one, usualSegmentBytes)?.isPartial === false);
  if (name === undefined) return usualSegmentBytes;
  const file = await open(join(directory, name)).catch(() => undefined);
  if (file === undefined) return usualSegmentBytes;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(36), 0, 36, 0);
    const size = bytesRead === 36 ? buffer.readUInt32LE(32) : 0;
    return size >= 2 ** 20 ? size : usualSegmentBytes;
  } finally {
    await file.close();
  }
}
