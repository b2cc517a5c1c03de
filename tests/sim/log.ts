/**
 * The write-ahead log as a tree of records: each knows the one before it, so a server's log is one pointer to its end,
 * and a log that left another is a branch. What "is in the log of" means is decided here and nowhere else.
 */
import { zeroLsn, toLsn, type Lsn } from "../../src/domain/lsn.ts";

export interface LogRecord {
  readonly before: LogRecord | undefined;
  readonly depth: number;
  /** end of the record */
  readonly lsn: Lsn;
  readonly timeline: number;
  /** number of the client's write that it commits */
  readonly write: number | undefined;
  /** of the primary that wrote it: a standby with fewer cannot replay it */
  readonly connections: number;
}

export const usualConnections = 100;

export const logStart: LogRecord = {
  before: undefined,
  depth: 0,
  lsn: zeroLsn,
  timeline: 1,
  write: undefined,
  connections: usualConnections,
};

export function append(
  end: LogRecord,
  timeline: number,
  bytes: number,
  { write, connections = end.connections }: { readonly write?: number; readonly connections?: number } = {},
): LogRecord {
  const lsn = toLsn(end.lsn + BigInt(bytes));
  return { before: end, depth: end.depth + 1, lsn, timeline, write, connections };
}

export function contains(end: LogRecord, record: LogRecord): boolean {
  return atDepth(end, record.depth) === record;
}

/** The record of this log at `depth`; undefined when the log is shorter. */
export function atDepth(end: LogRecord, depth: number): LogRecord | undefined {
  if (end.depth < depth) return undefined;
  let record = end;
  while (record.depth > depth && record.before) record = record.before;
  return record;
}

/** The last record that both logs have. */
export function commonEnd(a: LogRecord, b: LogRecord): LogRecord {
  let left = a.depth > b.depth ? atDepth(a, b.depth)! : a;
  let right = b.depth > a.depth ? atDepth(b, a.depth)! : b;
  while (left !== right) {
    left = left.before!;
    right = right.before!;
  }
  return left;
}

/** Where the log leaves the timeline before the one it ends on. */
export function forkOf(end: LogRecord): Lsn {
  let record = end;
  while (record.before && record.before.timeline === end.timeline) record = record.before;
  return record.before?.lsn ?? zeroLsn;
}
