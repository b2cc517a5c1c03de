/** What is missing in a cluster's archive, and what of that a member still has. Pure. */
import type { Lsn } from "../../../domain/lsn.ts";
import { parseSegmentName, segmentOf, segmentsBetween, segmentStart, type WalLine } from "../../../domain/wal-file.ts";

/** Segments without a break that neither the archive nor a member has. */
export interface WalGap {
  readonly first: string;
  readonly last: string;
  readonly segments: number;
}

export interface Stretch {
  readonly line: WalLine;
  readonly segmentBytes: number;
  /** from the first that is wanted: a base needs it, or it is the oldest there is */
  readonly from: Lsn;
  /** end of the log: what is written now is complete only later */
  readonly to: Lsn;
}

/** Names of the complete segments of the stretch, in order. */
export function completeSegments({ line, segmentBytes, from, to }: Stretch): readonly string[] {
  const open = segmentStart(segmentOf(to, segmentBytes), segmentBytes);
  return from < open ? segmentsBetween(line, from, open, segmentBytes) : [];
}

export function gapsIn(complete: readonly string[], has: (name: string) => boolean): readonly WalGap[] {
  const gaps: WalGap[] = [];
  let isOpen = false;
  for (const name of complete) {
    const last = gaps.at(-1);
    if (has(name)) isOpen = false;
    else if (isOpen && last) gaps[gaps.length - 1] = { ...last, last: name, segments: last.segments + 1 };
    else {
      gaps.push({ first: name, last: name, segments: 1 });
      isOpen = true;
    }
  }
  return gaps;
}

/** Where the log that there is begins on this line; undefined when there is none. */
export function oldestOn(line: WalLine, names: Iterable<string>, segmentBytes: number): Lsn | undefined {
  const timelines = new Set([line.timeline, ...line.before.map(({ parent }) => parent)]);
  let oldest: number | undefined;
  for (const name of names) {
    const found = parseSegmentName(name, segmentBytes);
    if (!found || found.isPartial || !timelines.has(found.timeline)) continue;
    oldest = Math.min(oldest ?? found.segment, found.segment);
  }
  return oldest === undefined ? undefined : segmentStart(oldest, segmentBytes);
}
