/** What is known of a cluster's archive: told by the host of its primary, shown in the status. Pure. */

/**
 * archiving: every complete file of the log is taken. failing: the last attempts were not, and are repeated.
 * given-up: it would have filled the disk, so files are left out. after-restart: the primary was started before there
 * were archives, and begins with its next start.
 */
export type ArchiveState = "archiving" | "failing" | "given-up" | "after-restart";

/** From the first moment that can be restored to up to the last, without a break. Wall clock, milliseconds. */
export interface RestorableWindow {
  readonly from: number;
  readonly until: number;
}

export interface ArchiveLook {
  readonly state: ArchiveState;
  /** why it is not archiving, in words */
  readonly reason?: string;
  /** of the primary's log: complete, and not archived yet */
  readonly waitingBytes: number;
  /** all that was committed up to then is in the archive; left out while nothing is */
  readonly archivedUntil?: number;
  /** the same for every repository elsewhere; left out without one */
  readonly repositoryUntil?: number;
  /** of all hosts, oldest first; empty until there is a snapshot to begin from */
  readonly windows: readonly RestorableWindow[];
  /** while there is none: when the first one is taken by itself */
  readonly firstSnapshotAt?: number;
  /** what had its name before, also the cluster itself before a restore in place, can be restored */
  readonly hasEarlier?: boolean;
}

/** Oldest first; those that touch are one. */
export function joinWindows(windows: readonly RestorableWindow[]): readonly RestorableWindow[] {
  const joined: RestorableWindow[] = [];
  for (const { from, until } of windows.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1);
    if (last && from <= last.until) joined[joined.length - 1] = { ...last, until: Math.max(last.until, until) };
    else joined.push({ from, until });
  }
  return joined;
}

/** Of a file of the log: a commit's time is taken a moment before its record is written, so its last second is left out. */
export function committedBy(writtenAtMs: number): number {
  return (Math.floor(writtenAtMs / 1000) - 1) * 1000;
}

/** The time of a file that says, by `committedBy`, that the log is whole up to `ms`, and no more than a second later. */
export function wholeUntil(ms: number): number {
  return (Math.ceil(ms / 1000) + 1) * 1000;
}

const mib = 2 ** 20;
const gib = 2 ** 30;

/** What the primary may keep of its log because it is not archived: a tenth of its disk. */
export function waitingBytesMax(diskBytes: number): number {
  return Math.min(Math.max(diskBytes / 10, 512 * mib), 16 * gib);
}

/** With less than this free the archive takes no more: the servers' writes come first. */
export function freeBytesMin(diskBytes: number): number {
  return Math.min(Math.max(diskBytes / 50, 256 * mib), 2 * gib);
}
