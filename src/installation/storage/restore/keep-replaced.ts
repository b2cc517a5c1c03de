/**
 * What the member that wrote last has, after a restore in place: a snapshot, on its host, which costs nothing, for its
 * files only change their place. Safe to repeat from any point.
 */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClusterSpec, MemberRecord } from "../../../domain/cluster.ts";
import type { Snapshot } from "../../../domain/snapshot.ts";
import { syncDirectory } from "../../../drivers/postgres/provision/durable.ts";
import type { Parts } from "../../parts.ts";
import { keepLogOf } from "../archive/last-log.ts";
import { describeSnapshot, makeSnapshotDirectory, readSnapshots, volumeOfSnapshot } from "../snapshots/files.ts";
import { describeDirectory } from "../snapshots/of-directory.ts";
import type { InPlaceJournal } from "./journal.ts";

/**
 * The volume is renamed, and described before that: what has no description may be removed as left over (I9). Done in
 * part by an agent before this one, it is gone on with.
 */
export async function keepAsSnapshot(
  parts: Parts,
  member: MemberRecord,
  journal: InPlaceJournal,
  by: string,
): Promise<Snapshot> {
  const { before } = journal;
  const known = await snapshotOf(parts, before);
  const snapshot = known ?? (await describe(parts, member, before, by));
  const volume = dirname(member.dataDirectory);
  const path = volumeOfSnapshot(parts, snapshot);
  if (await isThere(volume)) {
    await keepLogOf(parts, before, member.dataDirectory);
    await rename(volume, path);
    await syncDirectory(dirname(path));
  }
  // Of the member, and not of its data.
  for (const other of await readdir(path)) if (other !== "data") await rm(join(path, other), { recursive: true });
  return snapshot;
}

/** The one that was made already. */
export async function snapshotOf(
  parts: Pick<Parts, "home">,
  { name, systemIdentifier }: ClusterSpec,
): Promise<Snapshot | undefined> {
  const all = await readSnapshots(parts, name);
  return all.find(({ why, spec }) => why === "before-restore" && spec.systemIdentifier === systemIdentifier);
}

async function describe(parts: Parts, member: MemberRecord, before: ClusterSpec, by: string): Promise<Snapshot> {
  const snapshot = await describeDirectory(parts, before, member, { by, why: "before-restore", role: "primary" });
  await makeSnapshotDirectory(parts, before.name);
  await describeSnapshot(parts, snapshot);
  return snapshot;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
