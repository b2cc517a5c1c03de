/**
 * The end of what is archived: log that no kept snapshot needs goes, and with the last snapshot of a cluster that was
 * destroyed all of it. Called by the care of archives for what is on this host. What is not known for certain is kept.
 */
import { lstat, readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseLsn } from "../../../domain/lsn.ts";
import { isOffTheLine } from "../../../domain/snapshot.ts";
import { parseSegmentName } from "../../../domain/wal-file.ts";
import { replayStart } from "../../../drivers/postgres/archive/replay-start.ts";
import { readCluster } from "../../../drivers/store/records.ts";
import type { Parts } from "../../parts.ts";
import { readSnapshots, volumeOfSnapshot } from "../snapshots/files.ts";
import { listSnapshots } from "../snapshots/list.ts";
import { archivedClusters, archivesOf, readArchive } from "./files.ts";

/** Without any snapshot the log of the last day is kept. */
const withoutSnapshotMs = 86_400_000;
/** Left by a command that was killed. */
const leftOverMs = 3_600_000;

export async function endUnneeded(parts: Parts): Promise<void> {
  for (const cluster of await archivedClusters(parts)) {
    const record = await readCluster(parts.store, cluster);
    const current = record?.spec.value.systemIdentifier;
    for (const systemIdentifier of await archivesOf(parts, cluster)) {
      const needs = await needsOf(parts, cluster, systemIdentifier);
      if (needs === undefined) continue;
      const { directory, names, segmentBytes } = await readArchive(parts, cluster, systemIdentifier);
      const now = parts.clock.wallNow();
      await endOldLog({ directory, names, segmentBytes, isCurrent: systemIdentifier === current, needs, now });
    }
  }
}

/** Positions from which kept snapshots of any host need the log; undefined: that cannot be told now. */
async function needsOf(
  parts: Parts,
  cluster: string,
  systemIdentifier: string,
): Promise<readonly bigint[] | undefined> {
  const own = (await readSnapshots(parts, cluster)).filter(
    (one) => one.spec.systemIdentifier === systemIdentifier && !isOffTheLine(one),
  );
  const starts = await Promise.all(
    own.map(async (one) => one.start ?? (await replayStart(join(volumeOfSnapshot(parts, one), "data")))),
  ).catch(() => undefined);
  const elsewhere = parts.hosts.self === undefined ? [] : await startsElsewhere(parts, cluster, systemIdentifier);
  if (starts === undefined || elsewhere === undefined) return undefined;
  return [...starts.map(({ lsn }) => parseLsn(lsn)), ...elsewhere];
}

async function startsElsewhere(
  parts: Parts,
  cluster: string,
  systemIdentifier: string,
): Promise<readonly bigint[] | undefined> {
  const listed = await listSnapshots(parts, cluster, { here: false }).catch(() => undefined);
  // It is gone, and nothing is left of it on any host; or nobody can say.
  if (listed === undefined) return parts.hosts.all().every(({ name }) => parts.hosts.isHeard(name)) ? [] : undefined;
  if (listed.missing.length > 0) return undefined;
  const theirs = listed.snapshots.filter(
    (one) =>
      one.host !== parts.hosts.self?.name &&
      (one.system_identifier ?? systemIdentifier) === systemIdentifier &&
      !isOffTheLine(one),
  );
  if (theirs.some(({ start }) => start === null)) return undefined;
  return theirs.flatMap(({ start }) => (start ? [parseLsn(start.lsn)] : []));
}

interface Ending {
  readonly directory: string;
  readonly segmentBytes: number;
  /** what is archived there */
  readonly names: Iterable<string>;
  /** a cluster has this archive, and goes on */
  readonly isCurrent: boolean;
  readonly needs: readonly bigint[];
  /** wall clock */
  readonly now: number;
}

export async function endOldLog({ directory, segmentBytes, names, isCurrent, needs, now }: Ending): Promise<void> {
  if (needs.length === 0 && !isCurrent) {
    await rm(directory, { recursive: true, force: true });
    // Another cluster of the name may have its own there.
    await rmdir(dirname(directory)).catch(() => undefined);
    return;
  }
  const first = needs.length === 0 ? undefined : Math.min(...needs.map((lsn) => Number(lsn / BigInt(segmentBytes))));
  for (const name of names) {
    const segment = parseSegmentName(name, segmentBytes)?.segment;
    if (segment === undefined) continue;
    const isNeeded =
      first === undefined ? await isYoung(join(directory, name), now, withoutSnapshotMs) : segment >= first;
    if (!isNeeded) await rm(join(directory, name), { force: true });
  }
  for (const name of await readdir(directory).catch(() => []))
    if (name.startsWith(".") && !(await isYoung(join(directory, name), now, leftOverMs)))
      await rm(join(directory, name));
}

/** By when it came there: a copy has the time of what it was copied from. */
async function isYoung(path: string, now: number, ms: number): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found === undefined || now - found.ctimeMs < ms;
}
