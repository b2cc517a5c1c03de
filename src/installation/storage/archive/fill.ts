/**
 * A thorough look at a cluster's archive, by the host of its primary: what is missing and somebody still has is archived
 * now, the rest are gaps. A new primary takes what it received from the one before for archived, and that one may have ended
 * before it was: without this every failover under load would leave a gap.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import { committedBy, joinWindows, type RestorableWindow } from "../../../domain/archive.ts";
import type { MemberRecord } from "../../../domain/cluster.ts";
import { zeroLsn, type Lsn } from "../../../domain/lsn.ts";
import { archiveNow } from "../../../drivers/postgres/archive/archive-now.ts";
import type { Waiting } from "../../../drivers/postgres/archive/waiting.ts";
import type { Parts } from "../../parts.ts";
import { readKeptLog, type KeptLog } from "../restore/kept-log.ts";
import { candidatesOf, windowsOf, type Candidate } from "../restore/plan.ts";
import { listWindows } from "../restore/windows.ts";
import { collectLog } from "./collect.ts";
import { readArchive } from "./files.ts";
import { completeSegments, gapsIn, oldestOn, type WalGap } from "./gaps.ts";

/** One look does not work for ever; what is left is for the next. */
const filledMax = 200;

/** What a thorough look has found. */
export interface ArchiveState {
  readonly segmentBytes: number;
  readonly gaps: readonly WalGap[];
  /** of all hosts that answer */
  readonly windows: readonly RestorableWindow[];
  /** of clusters that had its name before, this one before it was restored in place among them */
  readonly hasEarlier: boolean;
  /** snapshots of this host that the log leads on from */
  readonly bases: number;
  /** the log breaks off behind the newest of them */
  readonly isCutOff: boolean;
  readonly archivedUntil: number | undefined;
}

export async function fillAndFindGaps(
  parts: Parts,
  cluster: ClusterRuntime,
  member: MemberRecord,
  waiting: Waiting,
): Promise<ArchiveState> {
  const { name, systemIdentifier } = cluster.record.spec.value;
  const to = endOf(cluster, member);
  const log = await readKeptLog(parts, name, systemIdentifier);
  const bases = (await candidatesOf(parts, name)).filter(isOf(systemIdentifier));
  const before = await readArchive(parts, name, systemIdentifier);
  const from = oldestWanted(bases, log, before.names) ?? to;
  const complete = completeSegments({ line: log.line, segmentBytes: log.segmentBytes, from, to });
  const left = new Set(waiting.names);
  const missing = complete.filter((one) => !before.names.has(one) && !left.has(one));
  if (!waiting.isGivenUp) await fill(parts, member, log, missing.slice(0, filledMax));
  const { names, directory } = await readArchive(parts, name, systemIdentifier);
  const later = new Set(missing.slice(filledMax));
  const all = await candidatesOf(parts, name);
  const found = all.filter(isOf(systemIdentifier));
  const last = complete.findLast((one) => names.has(one));
  const written = last === undefined ? undefined : await stat(join(directory, last)).catch(() => undefined);
  return {
    segmentBytes: log.segmentBytes,
    gaps: gapsIn(complete, (one) => names.has(one) || left.has(one) || later.has(one)),
    windows: joinWindows([...windowsOf(found), ...(await windowsElsewhere(parts, name))]),
    hasEarlier: found.length < all.length,
    bases: found.length,
    isCutOff: found[0] !== undefined && found[0].end < to,
    archivedUntil: written && committedBy(written.mtimeMs),
  };
}

function isOf(systemIdentifier: string): (candidate: Candidate) => boolean {
  return ({ base }) => base.snapshot.spec.systemIdentifier === systemIdentifier;
}

/** Snapshots are taken where a standby is, and this is the primary's host. */
async function windowsElsewhere(parts: Parts, name: string): Promise<readonly RestorableWindow[]> {
  if (parts.hosts.self === undefined) return [];
  const { windows } = await listWindows(parts, name, { here: false });
  return windows.flatMap(({ from, until, is_current: isCurrent }) =>
    isCurrent ? [{ from: Date.parse(from), until: Date.parse(until) }] : [],
  );
}

/** The oldest base needs it; without one, where the archive begins. */
function oldestWanted(bases: readonly Candidate[], { line, segmentBytes }: KeptLog, names: ReadonlySet<string>) {
  const [first, ...rest] = bases.map(({ base }) => base.start.lsn);
  if (first === undefined) return oldestOn(line, names, segmentBytes);
  return rest.reduce((oldest, lsn) => (lsn < oldest ? lsn : oldest), first);
}

function endOf({ members }: ClusterRuntime, { id }: MemberRecord): Lsn {
  const server = members.get(id)?.server;
  return server?.kind === "running" ? server.flushed : zeroLsn;
}

/** From members of this host, else from the archives of others. */
async function fill(parts: Parts, member: MemberRecord, log: KeptLog, missing: readonly string[]): Promise<void> {
  const elsewhere: string[] = [];
  for (const name of missing) {
    if (parts.signal.aborted) return;
    const path = log.unarchived.get(name);
    if (path === undefined) elsewhere.push(name);
    else await archiveNow(member.dataDirectory, parts.servers.owner, { from: dirname(path), name: basename(path) });
  }
  if (elsewhere.length > 0) await collectLog(parts, log.archive, elsewhere);
}
