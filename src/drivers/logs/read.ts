/**
 * Reads streams of log files: the newest records, and what has come since a cursor. Called by the installation for
 * `logs`, and by drains. Memory is bounded by the records asked for and by one chunk a file; the loop is given back
 * every few milliseconds, for a server in trouble writes its log faster than anybody reads.
 */
import { open } from "node:fs/promises";
import { setImmediate as breathe } from "node:timers/promises";
import { compareLogs, fitsLog, type LogFilter, type LogRecord } from "../../domain/log-record.ts";
import type { LogFileState, LogStream } from "./sources.ts";
import { understandLines } from "./understand.ts";

/** Of a stream: the file that was read last, by its number, and up to which byte. */
export type LogPosition = readonly [file: number, at: number];
export type LogCursor = Readonly<Record<string, LogPosition>>;

export interface LogPage {
  readonly records: readonly LogRecord[];
  readonly cursor: LogCursor;
  /** there is more to read at once */
  readonly hasMore: boolean;
}

const chunkBytes = 256 * 1024;
const searchedBytesMax = 256 * 1024 * 1024;
const breatheEveryMs = 4;
const linesAtOnce = 50;

/** The newest `limit` records that fit, oldest first; the cursor is at the end of what is there. */
export async function readNewest(streams: readonly LogStream[], filter: LogFilter, limit: number): Promise<LogPage> {
  const found: LogRecord[] = [];
  for (const stream of streams) {
    if (limit === 0) break;
    found.push(...(await newestOf(stream, filter, limit)));
    if (found.length > limit) {
      const newest = found.toSorted(compareLogs).slice(-limit);
      found.splice(0, found.length, ...newest);
    }
  }
  return { records: found.toSorted(compareLogs), cursor: await endsOf(streams), hasMore: false };
}

/** Where a reader who wants nothing old begins: behind the last whole line. */
export async function endsOf(streams: readonly LogStream[]): Promise<LogCursor> {
  const ends = streams.map(async ({ key, files }) => {
    const last = files.at(-1);
    if (last === undefined) return [];
    const from = Math.max(0, last.size - chunkBytes);
    const end = (await bytesOf(last.path, from, last.size)).lastIndexOf(0x0a) + 1;
    return [[key, [last.id, end === 0 && from > 0 ? last.size : from + end]] as const];
  });
  return Object.fromEntries((await Promise.all(ends)).flat());
}

/** @param chunksMax of each stream */
export async function readSince(
  streams: readonly LogStream[],
  cursor: LogCursor,
  filter: LogFilter,
  chunksMax = 4,
): Promise<LogPage> {
  const records: LogRecord[] = [];
  const next: Record<string, LogPosition> = {};
  let hasMore = false;
  for (const stream of streams) {
    const read = await restOf(stream, cursor[stream.key], filter, chunksMax);
    records.push(...read.records);
    if (read.position) next[stream.key] = read.position;
    hasMore ||= read.hasMore;
  }
  return { records: records.toSorted(compareLogs), cursor: next, hasMore };
}

async function newestOf({ files, origin }: LogStream, filter: LogFilter, limit: number): Promise<readonly LogRecord[]> {
  let found: LogRecord[] = [];
  let searched = 0;
  for (const file of files.toReversed()) {
    if (filter.since !== undefined && file.writtenAt < Date.parse(filter.since)) break;
    let to = file.size;
    while (to > 0) {
      const { from, lines } = await chunkBefore(file.path, to);
      const read = await understood(lines, origin, file.writtenAt);
      found = [...read.filter((record) => fitsLog(record, filter)), ...found].slice(-limit);
      searched += to - from;
      to = from;
      const isOld = filter.since !== undefined && read[0] !== undefined && read[0].at < filter.since;
      if (found.length >= limit || isOld || searched >= searchedBytesMax) return found;
    }
  }
  return found;
}

async function restOf(stream: LogStream, position: LogPosition | undefined, filter: LogFilter, chunksMax: number) {
  // Files are removed oldest first: when the one that was read last is gone, all that are left are newer.
  const index = Math.max(0, position === undefined ? 0 : stream.files.findIndex(({ id }) => id === position[0]));
  const records: LogRecord[] = [];
  let last = position;
  let chunks = 0;
  for (const file of stream.files.slice(index)) {
    // A file that shrank has been begun anew.
    let at: number = position !== undefined && file.id === position[0] && position[1] <= file.size ? position[1] : 0;
    while (at < file.size && chunks < chunksMax) {
      const { to, lines } = await chunkAfter(file, at);
      if (to === at) break;
      chunks += 1;
      records.push(...(await understood(lines, stream.origin, file.writtenAt)).filter((one) => fitsLog(one, filter)));
      at = to;
    }
    last = [file.id, at];
    if (chunks >= chunksMax) return { records, position: last, hasMore: true };
  }
  return { records, position: last, hasMore: false };
}

/** In small slices: the loop that keeps the database up runs here too. */
async function understood(lines: readonly string[], origin: LogStream["origin"], writtenAt: number) {
  const records: LogRecord[] = [];
  const since = new Date(writtenAt).toISOString();
  let begun = performance.now();
  for (let at = 0; at < lines.length;) {
    let end = Math.min(at + linesAtOnce, lines.length);
    // What belongs to a message stays with it.
    while (end < lines.length && isContinued(lines[end])) end += 1;
    records.push(...understandLines(lines.slice(at, end), origin, records.at(-1)?.at ?? since));
    at = end;
    if (performance.now() - begun < breatheEveryMs) continue;
    await breathe();
    begun = performance.now();
  }
  return records;
}

const detailLine = /\[\d+\] .*?(?:DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION|BACKTRACE): {2}/;

function isContinued(line = ""): boolean {
  return line.startsWith("\t") || (!line.startsWith("{") && detailLine.test(line.slice(0, 300)));
}

/** Whole lines that end at `to`. Of one that is longer than a chunk no part is shown: masking needs all of it. */
async function chunkBefore(path: string, to: number): Promise<{ from: number; lines: readonly string[] }> {
  const from = Math.max(0, to - chunkBytes);
  const buffer = await bytesOf(path, from, to);
  const whole = buffer.subarray(0, buffer.lastIndexOf(0x0a) + 1);
  if (from === 0) return { from, lines: linesOf(whole) };
  const first = firstWhole(whole);
  return first === 0 ? { from, lines: [] } : { from: from + first, lines: linesOf(whole.subarray(first)) };
}

/** The first line that begins in here, and continues none from before. */
function firstWhole(buffer: Buffer): number {
  for (let at = buffer.indexOf(0x0a); at >= 0 && at + 1 < buffer.length; at = buffer.indexOf(0x0a, at + 1)) {
    if (!isContinued(buffer.toString("utf8", at + 1, at + 301))) return at + 1;
  }
  return 0;
}

/** Whole lines from `at` on; `to` is where the next begins. */
async function chunkAfter(file: LogFileState, at: number): Promise<{ to: number; lines: readonly string[] }> {
  const buffer = await bytesOf(file.path, at, Math.min(file.size, at + chunkBytes));
  const isCut = at + buffer.length < file.size;
  const whole = buffer.lastIndexOf(0x0a) + 1;
  const end = isCut ? lastWhole(buffer, whole) : whole;
  if (end === 0 && isCut) return skipLine(file, at);
  return { to: at + end, lines: linesOf(buffer.subarray(0, end)) };
}

/** A message may go on behind the chunk: its beginning, so that it is left to the next one, unless it is all there is. */
function lastWhole(buffer: Buffer, end: number): number {
  for (let before = end; before > 0;) {
    before = buffer.lastIndexOf(0x0a, before - 2) + 1;
    if (before > 0 && !isContinued(buffer.toString("utf8", before, before + 300))) return before;
  }
  return end;
}

/** A line longer than a chunk is told of, and left out. */
async function skipLine({ path, size }: LogFileState, from: number): Promise<{ to: number; lines: readonly string[] }> {
  for (let at = from; at < size; at += chunkBytes) {
    const end = (await bytesOf(path, at, Math.min(size, at + chunkBytes))).indexOf(0x0a);
    if (end < 0) continue;
    const to = at + end + 1;
    return { to, lines: [`(a line of ${to - from} bytes is left out)`] };
  }
  return { to: from, lines: [] };
}

/** A file that is gone is empty. */
async function bytesOf(path: string, from: number, to: number): Promise<Buffer> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(to - from), 0, to - from, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function linesOf(buffer: Buffer): readonly string[] {
  const text = buffer.toString("utf8");
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
