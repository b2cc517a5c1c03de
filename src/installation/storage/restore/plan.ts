/**
 * Which copy a restore begins with, which files of the log it replays, and what can be restored at all. What cannot be
 * is refused here, before anything is written. Called by restore.ts and by whoever shows the windows.
 */
import { formatMoment } from "../../../contract/moment.ts";
import { committedBy } from "../../../domain/archive.ts";
import { formatLsn, type Lsn } from "../../../domain/lsn.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import { isOffTheLine } from "../../../domain/snapshot.ts";
import { isOnLine } from "../../../domain/wal-file.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { readSnapshots } from "../snapshots/files.ts";
import { noSnapshot } from "../snapshots/list.ts";
import { basesHere, readBase, type Base } from "./bases.ts";
import { readKeptLog, reach, writtenAt, type KeptLog } from "./kept-log.ts";

export type PlanParts = Pick<Parts, "home" | "runtime" | "hosts" | "clock">;

/** A copy, and how far the log that was kept leads from it without a break. */
export interface Candidate {
  readonly base: Base;
  readonly log: KeptLog;
  readonly end: Lsn;
  /** wall clock: all that was committed until then */
  readonly until: number;
}

export interface RestoreWindow {
  readonly from: number;
  readonly until: number;
  readonly systemIdentifier: string;
}

/**
 * Those to try, best first: another one only when Postgres finds the first to be newer than the target.
 * @throws OpError restore-out-of-window naming the windows, snapshot-not-found
 */
export async function planRestore(
  parts: PlanParts,
  name: string,
  target: RecoveryTarget,
  snapshot?: string,
): Promise<readonly Candidate[]> {
  const all = await candidatesOf(parts, name);
  const wanted = snapshot === undefined ? ofOneCluster(parts, name, all, target) : all.filter(isOf(snapshot));
  if (snapshot !== undefined && wanted.length === 0) throw await noBase(parts, name, snapshot);
  const fit = wanted.filter((candidate) => leadsTo(candidate, target));
  // Whatever an older copy could do, the newest that is old enough leads there with less log, and shows what is missing.
  if (fit.length > 0) return fit;
  throw outOfWindow(name, target, { windows: windowsOf(all), away: [] });
}

async function noBase(parts: PlanParts, name: string, id: string): Promise<OpError> {
  const found = (await readSnapshots(parts, name)).find((snapshot) => snapshot.id === id);
  if (!found) return await noSnapshot(parts, name, id);
  const base = await readBase(parts, found);
  if (!isOffTheLine(found)) return ofLeftBranch(id, base.start.timeline);
  return new OpError("restore-out-of-window", {
    message: `snapshot ${id} holds what a forced failover went on without, and no log leads on from it`,
    hint: `Restore it as it is: matriarch restore ${name} NEW --snapshot ${id}`,
  });
}

function ofLeftBranch(id: string, timeline: number): OpError {
  return new OpError("restore-out-of-window", {
    message: `snapshot ${id} is of timeline ${timeline}, which the cluster has left, and no log leads on from it`,
    hint: "Restore it as it is, without a time; or give the time alone, and the snapshot that leads there is found.",
  });
}

function isOf(id: string): (candidate: Candidate) => boolean {
  return ({ base }) => base.snapshot.id === id;
}

/** Newest first. One on a branch that the cluster has left leads nowhere. */
export async function candidatesOf(parts: PlanParts, name: string): Promise<readonly Candidate[]> {
  const logs = new Map<string, Promise<KeptLog>>();
  const found: Candidate[] = [];
  for (const base of await basesHere(parts, name)) {
    const { systemIdentifier } = base.snapshot.spec;
    const reading = logs.get(systemIdentifier) ?? readKeptLog(parts, name, systemIdentifier);
    logs.set(systemIdentifier, reading);
    const log = await reading;
    if (!isOnLine(log.line, base.start)) continue;
    const end = reach(log, base.start.lsn);
    const until = end > base.start.lsn ? await timeOf(log, end) : 0;
    found.push({ base, log, end, until: Math.max(until, base.consistentAt) });
  }
  return found;
}

/** All that was committed until then lies before `end`: up to now only where the log is whole up to its end. */
async function timeOf(log: KeptLog, end: Lsn): Promise<number> {
  if (log.live && end >= (log.live.lsn ?? end)) return log.live.at;
  const written = await writtenAt(log, end);
  return written === undefined ? 0 : committedBy(written);
}

/**
 * Positions and transactions of two clusters that had one name say nothing of each other: those of the one that has it
 * now, else of the last. A time was that of the cluster that had the name then.
 */
function ofOneCluster(
  { runtime }: PlanParts,
  name: string,
  all: readonly Candidate[],
  target: RecoveryTarget,
): readonly Candidate[] {
  const current = runtime.clusters.get(name)?.record.spec.value.systemIdentifier;
  const isBefore = ({ base }: Candidate): boolean => target.kind !== "time" || base.consistentAt <= target.ms;
  const named = target.kind === "lsn" ? target.systemIdentifier : undefined;
  const chosen = target.kind === "time" ? undefined : (named ?? current);
  const identity = chosen ?? all.find(isBefore)?.base.snapshot.spec.systemIdentifier;
  return all.filter(({ base }) => base.snapshot.spec.systemIdentifier === identity);
}

function leadsTo({ base, end, until }: Candidate, target: RecoveryTarget): boolean {
  switch (target.kind) {
    case "newest":
    case "base":
      return true;
    case "time":
      return base.consistentAt <= target.ms && target.ms <= until;
    case "lsn":
      return base.earliest <= target.lsn && target.lsn <= end;
    case "xid":
      return !isOlder(target.xid, base.nextTransaction);
  }
}

const epoch = 1n << 32n;

/** Without its epoch, as most functions of Postgres show it, it is of the one that the copy is in. */
function isOlder(xid: bigint, next: bigint): boolean {
  return xid < epoch ? xid < next % epoch : xid < next;
}

/** Oldest first; those that touch are one. */
export function windowsOf(all: readonly Candidate[]): readonly RestoreWindow[] {
  return joined(
    all.map(({ base, until }) => ({
      from: base.consistentAt,
      until,
      systemIdentifier: base.snapshot.spec.systemIdentifier,
    })),
  );
}

export function windowWords(windows: readonly RestoreWindow[]): string {
  return windows.map((window) => wholeSeconds(window).map(formatMoment).join(" to ")).join("; ");
}

/** No earlier and no later than it is; of one that is a moment, that. */
function wholeSeconds({ from, until }: RestoreWindow): readonly number[] {
  const first = Math.ceil(from / 1000) * 1000;
  return until < first ? [first] : [first, until];
}

interface Told {
  readonly windows: readonly RestoreWindow[];
  /** hosts that do not answer, and may have more */
  readonly away: readonly string[];
}

export function outOfWindow(name: string, target: RecoveryTarget, { windows, away }: Told): OpError {
  const others = away.length === 0 ? "" : ` ${awayWords(away)}`;
  if (windows.length === 0)
    return new OpError("restore-out-of-window", {
      message: `there is nothing to restore "${name}" from`,
      detail: `A restore begins with a snapshot, and ${others === "" ? "there is none" : "no host that answers has one"}.${others}`,
      hint: `Take one: matriarch snapshot create ${name}. To copy a cluster as it is now: matriarch fork ${name} NEW`,
    });
  return new OpError("restore-out-of-window", {
    message: `"${name}" cannot be restored to ${targetWords(target)}`,
    detail: `What can be restored: ${windowWords(joined(windows))}.${others}`,
    hint: "Give a time within it. Without one it is restored to the newest that there is.",
  });
}

function awayWords(away: readonly string[]): string {
  const names = away.map((host) => `"${host}"`).join(", ");
  return away.length === 1
    ? `Host ${names} does not answer, and may have more.`
    : `Hosts ${names} do not answer, and may have more.`;
}

/** Of several hosts, oldest first: those that touch are one. */
function joined(windows: readonly RestoreWindow[]): readonly RestoreWindow[] {
  const all: RestoreWindow[] = [];
  for (const window of windows.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last && last.systemIdentifier === window.systemIdentifier && window.from <= last.until)
      all[all.length - 1] = { ...last, until: Math.max(last.until, window.until) };
    else all.push(window);
  }
  return all;
}

export function targetWords(target: RecoveryTarget): string {
  switch (target.kind) {
    case "newest":
      return "the newest that there is";
    case "base":
      return "a snapshot";
    case "time":
      return target.text;
    case "lsn":
      return formatLsn(target.lsn);
    case "xid":
      return `transaction ${target.xid}`;
  }
}

/** The log that leads there is known to hold it: when it ends before, nothing more had happened until then. */
export function holdsTarget({ log, end, until }: Candidate, target: RecoveryTarget): boolean {
  if (target.kind === "time") return target.ms <= until;
  if (target.kind === "lsn") return target.lsn <= (log.live?.lsn ?? end);
  return target.kind === "newest";
}
