/**
 * Timelines and their history: which log branched off which, and where. A promotion begins a new timeline; everything
 * past the fork on the old one belongs to nobody. Pure.
 */
import { compareLsn, type Lsn } from "./lsn.ts";

/** One known timeline: it left `parent` at `forkedAt`. The first timeline has no parent. */
export interface Timeline {
  readonly id: number;
  readonly parent: number | null;
  /** end of the parent's log that this timeline contains */
  readonly forkedAt: Lsn;
  /** the epoch that reserved it */
  readonly epoch: number;
  /** begun without the votes that prove that it holds all that was acknowledged */
  readonly isForced?: true;
}

/** Every timeline ever reserved for a cluster, by id. */
export type TimelineHistory = readonly Timeline[];

/** How far a server's log reaches: `lsn` on `timeline`. */
export interface WalPosition {
  readonly timeline: number;
  readonly lsn: Lsn;
}

export function findTimeline(history: TimelineHistory, id: number): Timeline | undefined {
  return history.find((timeline) => timeline.id === id);
}

/** From `id` back to the first timeline; empty when `id` is unknown. */
export function lineage(history: TimelineHistory, id: number): readonly Timeline[] {
  const line: Timeline[] = [];
  let next = findTimeline(history, id);
  while (next && line.length <= history.length) {
    line.push(next);
    next = next.parent === null ? undefined : findTimeline(history, next.parent);
  }
  return line;
}

/**
 * Where timeline `tip` stops containing the log of `ancestor`.
 * @returns undefined when `ancestor` is not in the line of `tip`, or is `tip` itself
 */
export function forkPoint(history: TimelineHistory, ancestor: number, tip: number): Lsn | undefined {
  return lineage(history, tip).find((timeline) => timeline.parent === ancestor)?.forkedAt;
}

/**
 * Whether a log that ends at `position` is a prefix of timeline `tip`, so that its server can follow `tip`.
 * A position past the fork holds records that `tip` never had.
 */
export function canFollow(history: TimelineHistory, position: WalPosition, tip: number): boolean {
  if (position.timeline === tip) return true;
  const fork = forkPoint(history, position.timeline, tip);
  return fork !== undefined && position.lsn <= fork;
}

/**
 * Whether a log goes on where a forced epoch began another one: what it has past there may have been acknowledged, and be
 * nowhere else. Past any other fork nothing was.
 * @param lsn undefined: not known, so it is assumed of a log that may reach there
 */
export function mayHoldLost(
  history: TimelineHistory,
  { timeline, lsn }: { readonly timeline: number; readonly lsn: Lsn | undefined },
  tip: number,
): boolean {
  const own = lineage(history, timeline);
  return lineage(history, tip).some(({ id, parent, forkedAt, isForced }) => {
    if (!isForced || own.some((known) => known.id === id) || !own.some((known) => known.id === parent)) return false;
    const left = own.find((known) => known.parent === parent)?.forkedAt ?? forkedAt;
    return lsn === undefined || lsn > (left < forkedAt ? left : forkedAt);
  });
}

/**
 * Orders two logs of one cluster: the one whose timeline was begun by the later epoch is ahead, then the longer one.
 * A timeline is begun only by a winner that holds every acknowledged write, so what an older timeline has past the
 * fork was never acknowledged and does not count. A total preorder: elections choose the greatest by it.
 */
export function comparePositions(history: TimelineHistory, a: WalPosition, b: WalPosition): number {
  const left = timelineReached(history, a);
  const right = timelineReached(history, b);
  if (left === right) return compareLsn(a.lsn, b.lsn);
  return epochOf(history, left) - epochOf(history, right) || left - right;
}

/** A log that ends before its timeline's fork has nothing of that timeline yet. */
function timelineReached(history: TimelineHistory, position: WalPosition): number {
  const reached = lineage(history, position.timeline).find(
    (timeline) => timeline.parent === null || position.lsn >= timeline.forkedAt,
  );
  return reached?.id ?? position.timeline;
}

function epochOf(history: TimelineHistory, id: number): number {
  return findTimeline(history, id)?.epoch ?? 0;
}

const historyLine = /^\s*(\d+)\s+([0-9A-Fa-f]+)\/([0-9A-Fa-f]+)/;

/** Rows `parent, lsn` of a `.history` file as Postgres writes it, oldest first; comments and blank lines are left out. */
export function parseHistoryFile(text: string): readonly { parent: number; forkedAt: Lsn }[] {
  return text
    .split("\n")
    .map((line) => historyLine.exec(line))
    .filter((row) => row !== null)
    .map((row) => ({
      parent: Number(row[1]),
      forkedAt: ((BigInt(`0x${row[2]}`) << 32n) | BigInt(`0x${row[3]}`)) as Lsn,
    }));
}
