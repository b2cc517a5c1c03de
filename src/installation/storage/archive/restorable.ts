/**
 * What a cluster can be restored to: for each snapshot of it how far its log can be read without a break, and so the
 * windows of time. For `restore`, which begins from one of these bases, for the status, and for refusals that name the window.
 */
import { join } from "node:path";
import { joinWindows, type RestorableWindow } from "../../../domain/archive.ts";
import { parseLsn, type Lsn } from "../../../domain/lsn.ts";
import type { Snapshot } from "../../../domain/snapshot.ts";
import type { WalPosition } from "../../../domain/timeline.ts";
import { isOnLine, reachOf, segmentFileName, segmentOf, timelineAt, type WalLine } from "../../../domain/wal-file.ts";
import { replayStart } from "../../../drivers/postgres/archive/replay-start.ts";
import { writtenAt, writtenSegments } from "../../../drivers/postgres/archive/written.ts";
import type { Parts } from "../../parts.ts";
import { readSnapshots, volumeOfSnapshot } from "../snapshots/files.ts";
import { walSources } from "./fetch.ts";
import { lineOf, newestTimeline, readArchive, type WalArchive } from "./files.ts";

/** A snapshot of this host and the log that follows it. */
export interface RestorableBase extends RestorableWindow {
  readonly snapshot: Snapshot;
  readonly start: WalPosition;
  /** the log can be read up to here */
  readonly reach: Lsn;
}

export interface Restorable {
  readonly archive: WalArchive;
  /** directories of this host that hold files of the log, best first */
  readonly sources: readonly string[];
  /** how the newest timeline came to be: recovery goes along it (`recovery_target_timeline`) */
  readonly line: WalLine;
  /** oldest first; those that lie on the line */
  readonly bases: readonly RestorableBase[];
  readonly windows: readonly RestorableWindow[];
}

type RestorableParts = Pick<Parts, "home" | "runtime" | "hosts" | "clock">;

/** @param systemIdentifier of the cluster that had or has this name */
export async function restorableOf(
  parts: RestorableParts,
  cluster: string,
  systemIdentifier: string,
): Promise<Restorable> {
  const archive = await readArchive(parts, cluster, systemIdentifier);
  const sources = walSources(parts, cluster, systemIdentifier);
  const snapshots = (await readSnapshots(parts, cluster)).filter(
    (one) => one.spec.systemIdentifier === systemIdentifier,
  );
  const timeline = currentTimeline(parts, cluster, systemIdentifier) ?? newestTimeline(archive);
  const line = (await lineOf(sources, timeline)) ?? { before: [], timeline };
  const live = (await Promise.all(sources.slice(1).map((one) => writtenSegments(one, archive.segmentBytes)))).flat();
  const known = new Set([...archive.names, ...live]);
  const bases: RestorableBase[] = [];
  for (const snapshot of snapshots) {
    const base = await baseOf(parts, { snapshot, archive, sources, line, known });
    if (base) bases.push(base);
  }
  return { archive, sources, line, bases, windows: joinWindows(bases) };
}

interface BaseParts {
  readonly snapshot: Snapshot;
  readonly archive: WalArchive;
  readonly sources: readonly string[];
  readonly line: WalLine;
  readonly known: ReadonlySet<string>;
}

async function baseOf(parts: RestorableParts, around: BaseParts): Promise<RestorableBase | undefined> {
  const { snapshot, archive, line, known } = around;
  const data = join(volumeOfSnapshot(parts, snapshot), "data");
  const said = snapshot.start ?? (await replayStart(data).catch(() => undefined));
  if (said === undefined) return undefined;
  const start = { timeline: said.timeline, lsn: parseLsn(said.lsn) };
  if (!isOnLine(line, start)) return undefined;
  const wal = join(data, "pg_wal");
  const own = new Set(await writtenSegments(wal, archive.segmentBytes));
  const reach = reachOf(line, start.lsn, (name) => known.has(name) || own.has(name), archive.segmentBytes);
  // What was committed before it was begun is in it; it is whole when it was done.
  const from = snapshot.createdAt + (snapshot.how === "backup-mode" ? snapshot.tookMs : 0);
  const until = Math.max(from, (await timeOf(parts, around, reach, wal)) ?? from);
  return { snapshot, start, reach, from, until };
}

/** All that was committed up to then lies before `reach`. */
async function timeOf(
  parts: RestorableParts,
  { archive: { cluster, systemIdentifier, segmentBytes }, sources, line }: BaseParts,
  reach: Lsn,
  own: string,
): Promise<number | undefined> {
  const end = endOfLog(parts, cluster, systemIdentifier);
  if (end !== undefined && reach >= end) return parts.clock.wallNow();
  const segment = segmentOf(reach, segmentBytes) - 1;
  const name = segmentFileName(timelineAt(line, segment, segmentBytes), segment, segmentBytes);
  const written = await writtenAt([...sources, own], name);
  return written && committedBy(written);
}

/** A commit's time is taken a moment before its record is written: the second in which a segment ended is left out. */
export function committedBy(writtenAtMs: number): number {
  return (Math.floor(writtenAtMs / 1000) - 1) * 1000;
}

/** Of the cluster that runs here under this name; undefined when it does not, or nobody writes. */
function endOfLog({ runtime }: RestorableParts, name: string, systemIdentifier: string): Lsn | undefined {
  const cluster = runtime.clusters.get(name);
  if (cluster?.record.spec.value.systemIdentifier !== systemIdentifier) return undefined;
  const holder = cluster.members.get(cluster.record.reign.value.holder)?.server;
  return holder?.kind === "running" && holder.role === "primary" ? holder.flushed : undefined;
}

function currentTimeline({ runtime }: RestorableParts, name: string, systemIdentifier: string): number | undefined {
  const record = runtime.clusters.get(name)?.record;
  return record?.spec.value.systemIdentifier === systemIdentifier ? record.reign.value.timeline : undefined;
}
