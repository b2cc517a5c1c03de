/**
 * Over several hosts the log is archived where the primary is, and snapshots are taken where a standby is. So each host
 * brings the log that follows its snapshots into an archive of its own: a restore finds both in one place, and the loss
 * of a host leaves what is needed on another. Called by the care of storage once a minute, and before a restore.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import type { Lsn } from "../../../domain/lsn.ts";
import { historyFileName, segmentFileName, segmentOf, timelineAt } from "../../../domain/wal-file.ts";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";
import { makeOwnedDirectory } from "../../../drivers/postgres/server/owned-files.ts";
import type { Parts } from "../../parts.ts";
import { collectLog } from "../archive/collect.ts";
import { snapshotClusters } from "../snapshots/files.ts";
import { basesHere, type Base } from "./bases.ts";
import { reach, readKeptLog } from "./kept-log.ts";

/** One look does not work for ever; what is left is for the next. */
const filesMost = 200;

export async function collectForSnapshots(parts: Parts): Promise<void> {
  if (parts.hosts.self === undefined) return;
  for (const name of await snapshotClusters(parts)) {
    if (parts.signal.aborted) return;
    await collectFor(parts, name).catch((error: unknown) =>
      parts.log.warn("the log was not collected", { cluster: name, error }),
    );
  }
}

export async function collectFor(parts: Parts, name: string): Promise<void> {
  if (parts.hosts.self === undefined) return;
  const oldest = new Map<string, Base>();
  for (const base of await basesHere(parts, name)) oldest.set(base.snapshot.spec.systemIdentifier, base);
  for (const [systemIdentifier, base] of oldest) {
    const archive = archiveDirectory(parts.home, name, systemIdentifier);
    await makeOwnedDirectory(archive, parts.servers.owner);
    await collectHistory(parts, name, { systemIdentifier, archive });
    await collectSegments(parts, name, { systemIdentifier, archive, from: base.start.lsn });
  }
}

interface Wanted {
  readonly systemIdentifier: string;
  readonly archive: string;
}

/** Of the timeline that the cluster is on; of one that is gone, of those that came one after the other. */
async function collectHistory(parts: Parts, name: string, { systemIdentifier, archive }: Wanted): Promise<void> {
  const record = parts.runtime.clusters.get(name)?.record;
  // The first one has no history.
  if (record?.spec.value.systemIdentifier === systemIdentifier) {
    const { timeline } = record.reign.value;
    if (timeline > 1) await collected(parts, archive, historyFileName(timeline));
    return;
  }
  for (let timeline = 2; await collected(parts, archive, historyFileName(timeline));) timeline += 1;
}

async function collected(parts: Parts, archive: string, file: string): Promise<boolean> {
  if (!(await isThere(join(archive, file)))) await collectLog(parts, archive, [file]);
  return await isThere(join(archive, file));
}

/** One after the other: the first that no host has is still being written, or lost. */
async function collectSegments(
  parts: Parts,
  name: string,
  { systemIdentifier, archive, from }: Wanted & { readonly from: Lsn },
): Promise<void> {
  const log = await readKeptLog(parts, name, systemIdentifier);
  const { line, segmentBytes, has } = log;
  let segment = segmentOf(reach(log, from), segmentBytes);
  for (let n = 0; n < filesMost && !parts.signal.aborted; segment += 1) {
    const file = segmentFileName(timelineAt(line, segment, segmentBytes), segment, segmentBytes);
    if (has(file)) continue;
    n += 1;
    if (!(await collected(parts, archive, file))) return;
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
