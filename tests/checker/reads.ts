/**
 * Reads judged against writes: a read that does not know what was acknowledged before it began is stale, by as long as
 * that acknowledgement was old then. One writer counts up one number, so that a read of it says all. Pure. Times are
 * milliseconds of one monotonic clock.
 */

/** The counter was acknowledged at this value. */
export interface Beat {
  readonly value: number;
  readonly endedAt: number;
}

export interface Read {
  readonly startedAt: number;
  readonly endedAt: number;
  readonly value: number;
  /** which endpoint was asked */
  readonly via: string;
}

export interface StaleRead {
  readonly read: Read;
  /** the oldest acknowledged value that the read should have known */
  readonly missed: Beat;
  /** how long it had been acknowledged when the read began */
  readonly lateMs: number;
}

/** @returns for each endpoint its worst read; none for one that never read anything old */
export function findStaleReads(beats: readonly Beat[], reads: readonly Read[]): readonly StaleRead[] {
  const sorted = beats.toSorted((one, other) => one.value - other.value);
  const worst = new Map<string, StaleRead>();
  for (const read of reads) {
    const missed = firstAbove(sorted, read.value);
    if (missed === undefined || missed.endedAt >= read.startedAt) continue;
    const lateMs = read.startedAt - missed.endedAt;
    if (lateMs > (worst.get(read.via)?.lateMs ?? 0)) worst.set(read.via, { read, missed, lateMs });
  }
  return [...worst.values()].sort((one, other) => other.lateMs - one.lateMs);
}

function firstAbove(sorted: readonly Beat[], value: number): Beat | undefined {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.value ?? Infinity) > value) high = middle;
    else low = middle + 1;
  }
  return sorted[low];
}
