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
 * Pages behind a switch of segments are empty and have no address: a file whose log ends so holds all of them.
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
    const path = join(directory, timeline.toString(16).toUpperCase().padStart(8, "0") + suffix);
    if ((await isWritten(path, page, size)) || (await endsWithSwitch(path, page, size))) return timeline;
  }
  return undefined;
}

async function isWritten(path: string, page: bigint, size: bigint): Promise<boolean> {
  const header = await readAt(path, page % size, 16);
  return header?.readBigUInt64LE(8) === page;
}

/**
 * Whether the log of this segment ends before `page` with a switch to the next one. What is written before it lies at the
 * file's beginning, so that its last page is found by halving.
 */
async function endsWithSwitch(path: string, page: bigint, size: bigint): Promise<boolean> {
  const start = page - (page % size);
  if (!(await isWritten(path, start, size))) return false;
  let written = start;
  let empty = page;
  while (empty - written > pageBytes) {
    const middle = written + ((empty - written) / pageBytes / 2n) * pageBytes;
    if (await isWritten(path, middle, size)) written = middle;
    else empty = middle;
  }
  const bytes = await readAt(path, written % size, Number(pageBytes));
  return bytes !== undefined && lastIsSwitch(bytes, written === start);
}

/**
 * Source: XLogPageHeaderData (xlp_info at byte 2, xlp_rem_len at 16), XLogRecord (24 bytes: xl_tot_len first, xl_info at
 * 16, xl_rmid at 17), XLOG_SWITCH, which is a record without data.
 */
function lastIsSwitch(page: Buffer, isFirst: boolean): boolean {
  const isSwitch = (info: number): boolean => (page.readUInt8(info) & 0xf0) === 0x40 && page.readUInt8(info + 1) === 0;
  const header = isFirst ? 40 : 24;
  const rest = (page.readUInt16LE(2) & 1) === 1 ? page.readUInt32LE(16) : 0;
  // Where a record ends whose beginning is on the page before.
  let ends = rest >= 8 ? header + rest - 8 : undefined;
  let at = header + ((rest + 7) & ~7);
  while (at + 24 <= page.length) {
    const length = page.readUInt32LE(at);
    if (length < 24) break;
    ends = length === 24 ? at + 16 : undefined;
    at += (length + 7) & ~7;
  }
  return ends !== undefined && ends + 2 <= page.length && isSwitch(ends);
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
