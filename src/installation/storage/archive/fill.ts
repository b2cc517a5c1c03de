/**
 * A thorough look at a cluster's archive, by the host of its primary: what is missing and a member here still has is
 * archived now, the rest are gaps. A new primary takes what it received from the one before for archived, and that one may have
 * ended before it was: without this every failover under load would leave a gap.
 */
import { join } from "node:path";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import type { RestorableWindow } from "../../../domain/archive.ts";
import type { MemberRecord } from "../../../domain/cluster.ts";
import { zeroLsn, type Lsn } from "../../../domain/lsn.ts";
import { archiveNow } from "../../../drivers/postgres/archive/archive-now.ts";
import type { Waiting } from "../../../drivers/postgres/archive/waiting.ts";
import { writtenAt, writtenSegments } from "../../../drivers/postgres/archive/written.ts";
import type { Parts } from "../../parts.ts";
import { readArchive } from "./files.ts";
import { completeSegments, gapsIn, oldestOn, type WalGap } from "./gaps.ts";
import { committedBy, restorableOf, type Restorable } from "./restorable.ts";

/** One look does not work for ever; what is left is for the next. */
const filledMax = 200;

/** What a thorough look has found. */
export interface ArchiveState {
  readonly segmentBytes: number;
  readonly gaps: readonly WalGap[];
  readonly windows: readonly RestorableWindow[];
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
  const found = await restorableOf(parts, name, systemIdentifier);
  const { segmentBytes } = found.archive;
  if (found.line.timeline > 1 && found.line.before.length === 0)
    throw new Error(`nothing here knows where timeline ${found.line.timeline} came from`);
  const to = endOf(cluster, member);
  const from = oldestWanted(found) ?? to;
  const complete = completeSegments({ line: found.line, segmentBytes, from, to });
  const left = new Set(waiting.names);
  const missing = complete.filter((one) => !found.archive.names.has(one) && !left.has(one));
  if (!waiting.isGivenUp) await fill(parts, member, { found, missing: missing.slice(0, filledMax) });
  const archive = await readArchive(parts, name, systemIdentifier);
  const gaps = gapsIn(complete, (one) => archive.names.has(one) || left.has(one) || missing.indexOf(one) >= filledMax);
  const newest = found.bases.at(-1);
  const last = complete.findLast((one) => archive.names.has(one));
  const lastWritten = last === undefined ? undefined : await writtenAt([archive.directory], last);
  return {
    segmentBytes,
    gaps,
    windows: found.windows,
    bases: found.bases.length,
    isCutOff: newest !== undefined && newest.reach < to,
    archivedUntil: lastWritten === undefined ? undefined : committedBy(lastWritten),
  };
}

/** A base needs it; without one, where the archive begins. */
function oldestWanted({ bases, line, archive }: Restorable): Lsn | undefined {
  const archived = oldestOn(line, archive.names, archive.segmentBytes);
  const based = bases.map(({ start }) => start.lsn).toSorted((a, b) => (a < b ? -1 : 1))[0];
  if (archived === undefined || based === undefined) return archived ?? based;
  // Older log than the oldest base needs is on its way out.
  return based;
}

function endOf({ members }: ClusterRuntime, { id }: MemberRecord): Lsn {
  const server = members.get(id)?.server;
  return server?.kind === "running" ? server.flushed : zeroLsn;
}

interface Fill {
  readonly found: Restorable;
  readonly missing: readonly string[];
}

async function fill(parts: Parts, member: MemberRecord, { found, missing }: Fill): Promise<void> {
  if (missing.length === 0) return;
  for (const source of found.sources.slice(1)) {
    const has = new Set(await writtenSegments(source, found.archive.segmentBytes));
    for (const name of missing.filter((one) => has.has(one))) {
      if (parts.signal.aborted) return;
      await archiveNow(member.dataDirectory, parts.servers.owner, { from: source, name });
      parts.log.info("log of before the failover archived", { member: member.id, name, from: join(source, name) });
    }
  }
}
