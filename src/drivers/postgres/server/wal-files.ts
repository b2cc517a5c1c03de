/**
 * What the log files on disk tell when no server process does: on which timeline a position lies, and where the log
 * of a cleanly stopped primary ends. Only reads.
 */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { toLsn, type Lsn } from "../../../domain/lsn.ts";

/** XLOG_BLCKSZ as every packager builds it. */
const pageBytes = 8192n;

const segmentName = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;

/** Name without the timeline: two words, counting 4 GiB and segments within them. */
function segmentSuffix(segment: bigint, segmentBytes: bigint): string {
  const perWord = 0x100000000n / segmentBytes;
  return [segment / perWord, segment % perWord].map((n) => n.toString(16).toUpperCase().padStart(8, "0")).join("");
}

/**
 * The timeline of the newest log that reaches to `end`: the highest one with a segment file that holds the page before
 * `end`. A file alone proves nothing, for segments are recycled under future names; a page written for this place
 * carries its own address. A timeline's first segment begins with a copy of its parent's log up to the fork, so that
 * near a fork two timelines may hold the same bytes: either is right then, `comparePositions` takes them as level.
 * Source: XLogPageHeaderData (xlp_pageaddr at byte 8), XLogInitNewTimeline, and walreceiver.c, which asks for a new
 * timeline from the beginning of the segment.
 * @returns undefined when no file holds it
 */
export async function timelineOfWal(
  dataDirectory: string,
  end: Lsn,
  segmentBytes: number,
): Promise<number | undefined> {
  if (end === 0n) return undefined;
  const size = BigInt(segmentBytes);
  const last = end - 1n;
  const directory = join(dataDirectory, "pg_wal");
  const suffix = segmentSuffix(last / size, size);
  const timelines = (await readdir(directory))
    .map((name) => segmentName.exec(name))
    .filter((parts) => parts !== null && `${parts[2]}${parts[3]}` === suffix)
    .map((parts) => Number.parseInt(parts?.[1] ?? "0", 16))
    .sort((a, b) => b - a);
  const page = last - (last % pageBytes);
  for (const timeline of timelines) {
    const name = timeline.toString(16).toUpperCase().padStart(8, "0") + suffix;
    const header = await readAt(join(directory, name), page % size, 16);
    if (header?.readBigUInt64LE(8) === page) return timeline;
  }
  return undefined;
}

/**
 * Where the record that begins at `lsn` ends, as the server counts its end: rounded up to 8 bytes. Used for the last
 * record of a clean stop. Source: XLogRecord (xl_tot_len first), XLogBytePosToEndRecPtr.
 */
export async function endOfRecord(
  dataDirectory: string,
  timeline: number,
  lsn: Lsn,
  segmentBytes: number,
): Promise<Lsn | undefined> {
  const size = BigInt(segmentBytes);
  const name = timeline.toString(16).toUpperCase().padStart(8, "0") + segmentSuffix(lsn / size, size);
  const length = await readAt(join(dataDirectory, "pg_wal", name), lsn % size, 4);
  if (length === undefined) return undefined;
  let left = BigInt(length.readUInt32LE(0) + 7) & ~7n;
  let at: bigint = lsn;
  for (;;) {
    const room = pageBytes - (at % pageBytes);
    if (left <= room) return toLsn(at + left);
    left -= room;
    at += room;
    // The record goes on behind the next page's header, which is longer at the beginning of a segment.
    at += at % size === 0n ? 40n : 24n;
  }
}

/** Size of the segments that there are: they say it in the header of their first page (at byte 32). */
export async function segmentBytesOf(dataDirectory: string): Promise<number> {
  const directory = join(dataDirectory, "pg_wal");
  const name = (await readdir(directory).catch(() => [])).find((entry) => segmentName.test(entry));
  const header = name === undefined ? undefined : await readAt(join(directory, name), 0n, 36);
  const size = header?.readUInt32LE(32) ?? 0;
  return size >= 1 << 20 ? size : 16 << 20;
}

async function readAt(path: string, position: bigint, length: number): Promise<Buffer | undefined> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, Number(position));
    return bytesRead === length ? buffer : undefined;
  } finally {
    await file.close();
  }
}
