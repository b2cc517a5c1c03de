/**
 * The end of a cluster's log, which its server did not hand to the archive before it was ended: with it the cluster can
 * be brought back as it was last, as long as a snapshot of it is kept. Called when a cluster is destroyed, or its data
 * replaced, once its servers are down for good.
 */
import { chown, copyFile, link, rename, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClusterRecord, ClusterSpec } from "../../../domain/cluster.ts";
import { wholeUntil } from "../../../domain/archive.ts";
import { parseSegmentName } from "../../../domain/wal-file.ts";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";
import { syncDirectory } from "../../../drivers/postgres/provision/durable.ts";
import { makeOwnedDirectory } from "../../../drivers/postgres/server/owned-files.ts";
import { isHere, type Parts } from "../../parts.ts";
import { writtenIn } from "../restore/kept-log.ts";
import { readSnapshots } from "../snapshots/files.ts";
import { readArchive } from "./files.ts";

/** Of the member that wrote it, when it is of this host. What the archive has stays as it is. */
export async function keepLastLog(parts: Parts, { spec, reign, members }: ClusterRecord): Promise<void> {
  const holder = members[reign.value.holder]?.value;
  if (!holder || !isHere(parts, holder)) return;
  // Other hosts may have some, which are taken of a standby; log that nobody needs goes within a minute.
  const mayHaveSnapshots = parts.hosts.self !== undefined || (await readSnapshots(parts, spec.value.name)).length > 0;
  if (!mayHaveSnapshots) return;
  await keepLogOf(parts, spec.value, holder.dataDirectory);
}

/** Its server is down for good. */
export async function keepLogOf(
  parts: Pick<Parts, "home" | "clock"> & { readonly servers: Pick<Parts["servers"], "owner"> },
  { name, systemIdentifier }: Pick<ClusterSpec, "name" | "systemIdentifier">,
  dataDirectory: string,
): Promise<void> {
  const { owner } = parts.servers;
  const directory = archiveDirectory(parts.home, name, systemIdentifier);
  const { names, segmentBytes } = await readArchive(parts, name, systemIdentifier);
  const wal = join(dataDirectory, "pg_wal");
  const written = await writtenIn(wal, segmentBytes);
  await makeOwnedDirectory(directory, owner);
  for (const file of written) if (!names.has(file)) await keep(join(wal, file), join(directory, file), owner);
  const last = written
    .filter((file) => parseSegmentName(file, segmentBytes) !== undefined)
    .toSorted()
    .at(-1);
  if (last !== undefined) await markEnd(join(directory, last), parts.clock.wallNow());
  await syncDirectory(directory);
}

/**
 * Nothing was committed after what is in it: the log is whole up to this moment, however long ago its last record was
 * written. The time of a file says that, here and on the hosts that collect it.
 */
async function markEnd(path: string, now: number): Promise<void> {
  const until = wholeUntil(now) / 1000;
  await utimes(path, until, until);
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
