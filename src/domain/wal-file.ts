/**
 * Files of a log by their names: which stretch of which timeline each holds, what lies between the files that there
 * are, and which of them lead from one position to another. Pure.
 * Source: XLogFileName() and XLogFileReadAnyTLI() of Postgres: a segment in which a timeline begins is read on that
 * timeline, for its file begins with a copy of its parent's.
 */
import { toLsn, type Lsn } from "./lsn.ts";
import type { WalPosition } from "./timeline.ts";

export interface WalSegment {
  readonly timeline: number;
  /** counted from the beginning of the log */
  readonly segment: number;
  /** its timeline ends in it: it was archived by the member that was promoted */
  readonly isPartial: boolean;
}

export const usualSegmentBytes = 16 * 2 ** 20;

const segmentName = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?$/;
const historyName = /^([0-9A-F]{8})\.history$/;

export function parseSegmentName(name: string, segmentBytes: number): WalSegment | undefined {
  const parts = segmentName.exec(name);
  if (!parts) return undefined;
  const [timeline = 0, high = 0, low = 0] = parts.slice(1, 4).map((part) => Number.parseInt(part, 16));
  return { timeline, segment: high * perWord(segmentBytes) + low, isPartial: parts[4] !== undefined };
}

export function segmentFileName(timeline: number, segment: number, segmentBytes: number): string {
  const words = [timeline, Math.floor(segment / perWord(segmentBytes)), segment % perWord(segmentBytes)];
  return words.map(word).join("");
}

export function historyFileName(timeline: number): string {
  return `${word(timeline)}.history`;
}

/** @returns the timeline, when it is the name of a history */
export function parseHistoryName(name: string): number | undefined {
  const parts = historyName.exec(name);
  return parts?.[1] === undefined ? undefined : Number.parseInt(parts[1], 16);
}

/** Whether a server could ask an archive for it. */
export function isWalName(name: string): boolean {
  return segmentName.test(name) || historyName.test(name);
}

export function segmentOf(lsn: Lsn, segmentBytes: number): number {
  return Number(lsn / BigInt(segmentBytes));
}

export function segmentStart(segment: number, segmentBytes: number): Lsn {
  return toLsn(BigInt(segment) * BigInt(segmentBytes));
}

function word(n: number): string {
  return n.toString(16).toUpperCase().padStart(8, "0");
}

function perWord(segmentBytes: number): number {
  return 0x1_0000_0000 / segmentBytes;
}

/** A line of descent as a history file tells it: each timeline that led to the last one, and where it was left. */
export interface WalLine {
  /** oldest first */
  readonly before: readonly { readonly parent: number; readonly forkedAt: Lsn }[];
  readonly timeline: number;
}

/** The timeline on which the line reads this segment: the newest one that begins in it or before it. */
export function timelineAt({ before, timeline }: WalLine, segment: number, segmentBytes: number): number {
  const left = before.find(({ forkedAt }) => segmentOf(forkedAt, segmentBytes) > segment);
  return left?.parent ?? timeline;
}

/** Names of the segments from one position to another along the line, in the order in which they are read. */
export function segmentsBetween(line: WalLine, from: Lsn, to: Lsn, segmentBytes: number): readonly string[] {
  const first = segmentOf(from, segmentBytes);
  const last = segmentOf(to > from ? toLsn(to - 1n) : from, segmentBytes);
  return Array.from({ length: last - first + 1 }, (_, n) =>
    segmentFileName(timelineAt(line, first + n, segmentBytes), first + n, segmentBytes),
  );
}

/** The stretch of a line that can be read without a break from `from`, with the files that there are. */
export function reachOf(line: WalLine, from: Lsn, has: (name: string) => boolean, segmentBytes: number): Lsn {
  let segment = segmentOf(from, segmentBytes);
  while (has(segmentFileName(timelineAt(line, segment, segmentBytes), segment, segmentBytes))) segment += 1;
  return segmentStart(segment, segmentBytes);
}

/**
 * The first file that is missing although one of the line comes after it: what ends there is not the log's own end.
 * @param reached as reachOf says it
 */
export function gapAt(line: WalLine, reached: Lsn, names: Iterable<string>, segmentBytes: number): string | undefined {
  const missing = segmentOf(reached, segmentBytes);
  const isLater = (name: string): boolean => {
    const { segment = -1, timeline, isPartial } = parseSegmentName(name, segmentBytes) ?? {};
    return segment > missing && isPartial === false && timeline === timelineAt(line, segment, segmentBytes);
  };
  for (const name of names)
    if (isLater(name)) return segmentFileName(timelineAt(line, missing, segmentBytes), missing, segmentBytes);
  return undefined;
}

/** Whether a log that stands at `position` can be replayed along the line. */
export function isOnLine({ before, timeline }: WalLine, position: WalPosition): boolean {
  if (position.timeline === timeline) return true;
  const left = before.find(({ parent }) => parent === position.timeline);
  return left !== undefined && position.lsn <= left.forkedAt;
}
