/**
 * The end of a cluster's log, which its server did not hand to the archive before it was ended: with it the cluster can
 * be brought back as it was last, as long as a snapshot of it is kept. Called when a cluster is destroyed, or its data
 * replaced, once its servers are down for good.
 */
import { chown, copyFile, link, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClusterRecord, ClusterSpec } from "../../../domain/cluster.ts";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";
import { syncDirectory } from "../../../drivers/postgres/provision/durable.ts";
import { makeOwnedDirectory } from "../../../drivers/postgres/server/owned-files.ts";
import { isHere, type Parts } from "../../parts.ts";
import { writtenIn } from "../restore/kept-log.ts";
import { readArchive } from "./files.ts";

/** Of the member that wrote it, when it is of this host. What the archive has stays as it is. */
export async function keepLastLog(parts: Parts, { spec, reign, members }: ClusterRecord): Promise<void> {
  const holder = members[reign.value.holder]?.value;
  if (!holder || !isHere(parts, holder) || !(await hasSnapshots(parts, spec.value.name))) return;
  await keepLogOf(parts, spec.value, holder.dataDirectory);
}

export async function keepLogOf(
  parts: Parts,
  { name, systemIdentifier }: ClusterSpec,
  dataDirectory: string,
): Promise<void> {
  const { owner } = parts.servers;
  const directory = archiveDirectory(parts.home, name, systemIdentifier);
  const { names, segmentBytes } = await readArchive(parts, name, systemIdentifier);
  const wal = join(dataDirectory, "pg_wal");
  const left = (await writtenIn(wal, segmentBytes)).filter((file) => !names.has(file));
  if (left.length === 0) return;
  await makeOwnedDirectory(directory, owner);
  for (const file of left) await keep(join(wal, file), join(directory, file), owner);
  await syncDirectory(directory);
}

async function hasSnapshots({ home }: Parts, name: string): Promise<boolean> {
  return (await readdir(join(home, "snapshots", name)).catch(() => [])).length > 0;
}

/** Nobody writes to it any more: a second name costs nothing, where the file system allows one. */
async function keep(from: string, to: string, owner: { readonly uid: number; readonly gid: number } | undefined) {
  try {
    await link(from, to);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EXDEV")) throw error;
    const part = join(dirname(to), ".last");
    await copyFile(from, part);
    if (owner !== undefined) await chown(part, owner.uid, owner.gid);
    await rename(part, to);
  }
}
