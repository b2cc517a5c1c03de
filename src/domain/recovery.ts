/**
 * To where a copy is recovered, and which files of the log lead there: from the base on, each segment of the youngest
 * timeline in the line that holds it. A segment of the branch that lost is in no such line. Pure.
 */
import { toLsn, type Lsn } from "./lsn.ts";
import { lineage, type TimelineHistory } from "./timeline.ts";

export type RecoveryTarget =
  /** all that there is */
  | { readonly kind: "newest" }
  /** the copy itself, made consistent */
  | { readonly kind: "base" }
  /** `text`: in UTC with up to six digits of the second, as Postgres reads it; `ms` rounded down */
  | { readonly kind: "time"; readonly text: string; readonly ms: number; readonly isInclusive: boolean }
  | { readonly kind: "lsn"; readonly lsn: Lsn; readonly isInclusive: boolean }
  | { readonly kind: "xid"; readonly xid: bigint; readonly isInclusive: boolean };

const segmentName = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/;

export interface WalSegment {
  readonly timeline: number;
  /** counted from the beginning of the log */
  readonly number: bigint;
}

export function parseSegmentName(name: string, segmentBytes: number): WalSegment | undefined {
  const parts = segmentName.exec(name);
  if (!parts?.[1] || !parts[2] || !parts[3]) return undefined;
  const perWord = 0x100000000n / BigInt(segmentBytes);
  return {
    timeline: Number.parseInt(parts[1], 16),
    number: BigInt(`0x${parts[2]}`) * perWord + BigInt(`0x${parts[3]}`),
  };
}

export function formatSegmentName({ timeline, number }: WalSegment, segmentBytes: number): string {
  const perWord = 0x100000000n / BigInt(segmentBytes);
  return [BigInt(timeline), number / perWord, number % perWord].map(hex).join("");
}

export function historyFileName(timeline: number): string {
  return `${hex(BigInt(timeline))}.history`;
}

export function timelineOfHistoryFile(name: string): number | undefined {
  const parts = /^([0-9A-F]{8})\.history$/.exec(name);
  return parts?.[1] === undefined ? undefined : Number.parseInt(parts[1], 16);
}

function hex(word: bigint): string {
  return word.toString(16).toUpperCase().padStart(8, "0");
}

export interface ChainRequest {
  readonly history: TimelineHistory;
  /** the newest timeline that is to be followed */
  readonly tip: number;
  /** where recovery begins to read */
  readonly from: Lsn;
  readonly segmentBytes: number;
  readonly isThere: (name: string) => boolean;
}

export interface WalChain {
  /** in the order of the log, none missing between them */
  readonly segments: readonly string[];
  /** of the last of them; `from` when there is none */
  readonly end: Lsn;
  /** the first that is not there */
  readonly missing: string;
}

export function walChain({ history, tip, from, segmentBytes, isThere }: ChainRequest): WalChain {
  const size = BigInt(segmentBytes);
  const line = lineage(history, tip);
  const segments: string[] = [];
  for (let number = from / size; ; number += 1n) {
    const timeline = line.find(({ parent, forkedAt }) => parent === null || forkedAt / size <= number)?.id ?? tip;
    const name = formatSegmentName({ timeline, number }, segmentBytes);
    if (!isThere(name)) return { segments, end: segments.length === 0 ? from : toLsn(number * size), missing: name };
    segments.push(name);
  }
}
