/**
 * The log of a cluster as far as this host has it: its archive, and what its members here have not archived yet. Told
 * by names alone, for the plan of a restore; nothing is read but headers, and nothing is changed.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Lsn } from "../../../domain/lsn.ts";
import {
  historyFileName,
  parseHistoryName,
  reachOf,
  segmentFileName,
  segmentOf,
  segmentsBetween,
  timelineAt,
  type WalLine,
} from "../../../domain/wal-file.ts";
import { writtenSegments } from "../../../drivers/postgres/archive/written.ts";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import { isToRest, type MemberRecord } from "../../../domain/cluster.ts";
import { OpError } from "../../../errors/op-error.ts";
import { isHere, type Parts } from "../../parts.ts";
import { walSources } from "../archive/fetch.ts";
import { lineOf, readArchive } from "../archive/files.ts";

export interface KeptLog {
  readonly archive: string;
  /** the newest timeline that is known, and how it came to be */
  readonly line: WalLine;
  readonly segmentBytes: number;
  readonly has: (name: string) => boolean;
  /** not archived yet, by name: where */
  readonly unarchived: ReadonlyMap<string, string>;
  /** the log of the member that writes it is here, or of the one that wrote it last: nothing is newer */
  readonly live: { readonly at: number; readonly lsn: Lsn | undefined } | undefined;
}

/** @throws OpError restore-out-of-window when the newest timeline of a cluster that runs is on no directory here */
export async function readKeptLog(
  parts: Pick<Parts, "home" | "runtime" | "hosts" | "clock">,
  name: string,
  systemIdentifier: string,
): Promise<KeptLog> {
  // Before anything is read: what was written until now is in what is read.
  const live = liveOf(parts, name, systemIdentifier);
  const { directory: archive, names, segmentBytes } = await readArchive(parts, name, systemIdentifier);
  const unarchived = new Map<string, string>();
  const directories = walSources(parts, name, systemIdentifier);
  for (const directory of directories.slice(1))
    for (const file of await writtenIn(directory, segmentBytes))
      if (!names.has(file) && !unarchived.has(file)) unarchived.set(file, join(directory, file));
  const has = (file: string): boolean => names.has(file) || unarchived.has(file);
  const line = await newestLine(directories, [...names, ...unarchived.keys()]);
  refuseOldLine(parts, name, systemIdentifier, line);
  return { archive, line, segmentBytes, has, unarchived, live };
}

function liveOf(
  { runtime, hosts, clock }: Pick<Parts, "runtime" | "hosts" | "clock">,
  name: string,
  systemIdentifier: string,
): KeptLog["live"] {
  const cluster = runtime.clusters.get(name);
  if (cluster?.record.spec.value.systemIdentifier !== systemIdentifier) return undefined;
  const { members, reign } = cluster.record;
  const holder = members[reign.value.holder]?.value;
  const server = holder && isHere({ hosts }, holder) ? cluster.members.get(holder.id)?.server : undefined;
  const at = clock.wallNow();
  if (server?.kind === "stopped" && server.clean && isToRest(cluster.record)) return { at, lsn: server.end };
  if (server === undefined) return standbyHere(cluster, at, (member) => isHere({ hosts }, member));
  if (server.kind !== "running" || server.role !== "primary") return undefined;
  return server.timeline === reign.value.timeline ? { at, lsn: server.flushed } : undefined;
}

/** What is known here of a primary elsewhere is a moment old. */
const heardMs = 3000;

/** A standby of this host that has all that the primary elsewhere was last heard to have. */
function standbyHere(
  { record, members }: ClusterRuntime,
  now: number,
  isOfHere: (member: MemberRecord) => boolean,
): KeptLog["live"] {
  const { holder, timeline } = record.reign.value;
  const primary = members.get(holder)?.server;
  if (primary?.kind !== "running" || primary.role !== "primary" || primary.timeline !== timeline) return undefined;
  for (const { value: member } of Object.values(record.members)) {
    const server = isOfHere(member) ? members.get(member.id)?.server : undefined;
    if (server?.kind !== "running" || !server.streaming || server.timeline !== timeline) continue;
    if (server.flushed >= primary.flushed) return { at: now - heardMs, lsn: server.flushed };
  }
  return undefined;
}

/** Segments and histories of a directory that a server writes to. */
export async function writtenIn(directory: string, segmentBytes: number): Promise<readonly string[]> {
  const histories = (await readdir(directory).catch(() => [])).filter((name) => parseHistoryName(name) !== undefined);
  return [...(await writtenSegments(directory, segmentBytes)), ...histories];
}

async function newestLine(directories: readonly string[], names: readonly string[]): Promise<WalLine> {
  const timelines = [...new Set(names.flatMap((name) => parseHistoryName(name) ?? []))].toSorted((a, b) => b - a);
  for (const timeline of timelines) {
    const line = await lineOf(directories, timeline);
    if (line) return line;
  }
  return { before: [], timeline: 1 };
}

/** On an older one a log would be followed that the cluster has left. */
function refuseOldLine(
  { runtime }: Pick<Parts, "runtime">,
  name: string,
  systemIdentifier: string,
  { timeline }: WalLine,
): void {
  const record = runtime.clusters.get(name)?.record;
  if (record?.spec.value.systemIdentifier !== systemIdentifier || record.reign.value.phase !== "open") return;
  const { timeline: newest, holder } = record.reign.value;
  if (timeline >= newest) return;
  throw new OpError("restore-out-of-window", {
    message: `the log of the newest timeline, ${newest}, is not on this host`,
    detail: `"${holder}" on host "${record.members[holder]?.value.host ?? "?"}" writes it.`,
    hint: "Try again in a moment; see matriarch host list.",
  });
}

/** How far recovery from `from` gets. */
export function reach({ line, segmentBytes, has }: KeptLog, from: Lsn): Lsn {
  return reachOf(line, from, has, segmentBytes);
}

/** When the last file before `end` was complete: what was committed until then is in the log. */
export async function writtenAt(log: KeptLog, end: Lsn): Promise<number | undefined> {
  const last = segmentOf(end, log.segmentBytes) - 1;
  const name = segmentFileName(timelineAt(log.line, last, log.segmentBytes), last, log.segmentBytes);
  return await fileWrittenAt(log, name);
}

export async function fileWrittenAt({ unarchived, archive }: KeptLog, name: string): Promise<number | undefined> {
  return (await stat(unarchived.get(name) ?? join(archive, name)).catch(() => undefined))?.mtimeMs;
}

/** Of the line, from one position to where it ends: segments, and the histories that name the way. */
export function filesBetween({ line, segmentBytes }: KeptLog, from: Lsn, end: Lsn): readonly string[] {
  const timelines = [...line.before.map(({ parent }) => parent), line.timeline].filter((timeline) => timeline > 1);
  const segments = end > from ? segmentsBetween(line, from, end, segmentBytes) : [];
  return [...segments, ...timelines.map(historyFileName)];
}
