/**
 * Snapshots as they lie on this host: `snapshots/CLUSTER/ID`, a volume, and `ID.json` beside it, which is written last
 * and removed first. So what has a description is whole, and what has none is left over. They are no part of the store:
 * they outlive the cluster, and say by themselves what they are.
 */
import { chmod, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ClusterSpec } from "../../../domain/cluster.ts";
import { isSnapshotId, takenAt, type Snapshot } from "../../../domain/snapshot.ts";
import { replaceDurably } from "../../../drivers/postgres/provision/durable.ts";
import type { VolumePool } from "../../../drivers/volume/port.ts";
import { specSchema } from "../../../drivers/store/record-schemas.ts";

const schema: z.ZodType<Snapshot> = z.strictObject({
  id: z.string().refine(isSnapshotId),
  cluster: z.string(),
  member: z.string(),
  host: z.string(),
  createdAt: z.number(),
  tookMs: z.number(),
  by: z.string(),
  why: z.enum(["asked", "daily", "before-restore", "before-change", "before-rejoin"]),
  how: z.enum(["atomic", "backup-mode", "stopped"]),
  role: z.enum(["primary", "standby"]),
  timeline: z.int(),
  start: z.object({ timeline: z.int(), lsn: z.string() }).exactOptional(),
  version: z.string(),
  bytes: z.int(),
  keptDays: z.int().exactOptional(),
  spec: specSchema,
});

export interface SnapshotPlaces {
  readonly home: string;
}

export function volumeOfSnapshot({ home }: SnapshotPlaces, { cluster, id }: Pick<Snapshot, "cluster" | "id">): string {
  return join(home, "snapshots", cluster, id);
}

/** Oldest first. One that cannot be read, or was written by a newer version, is not listed and not touched. */
export async function readSnapshots(places: SnapshotPlaces, cluster: string): Promise<readonly Snapshot[]> {
  const directory = join(places.home, "snapshots", cluster);
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".json"));
  const ids = names.map((name) => name.slice(0, -".json".length));
  const read = await Promise.all(ids.map((id) => readOne(places, { cluster, id })));
  return read.flat().toSorted((a, b) => a.createdAt - b.createdAt);
}

/** There is a description, whether it can be read or not. */
export async function isDescribed(
  places: SnapshotPlaces,
  snapshot: Pick<Snapshot, "cluster" | "id">,
): Promise<boolean> {
  return (await stat(descriptionOf(places, snapshot)).catch(() => undefined)) !== undefined;
}

export function descriptionOf(places: SnapshotPlaces, snapshot: Pick<Snapshot, "cluster" | "id">): string {
  return `${volumeOfSnapshot(places, snapshot)}.json`;
}

/** Wall clock: when one came or went last; undefined: there never was one. */
export async function snapshotsChangedAt({ home }: SnapshotPlaces, cluster: string): Promise<number | undefined> {
  return (await stat(join(home, "snapshots", cluster)).catch(() => undefined))?.mtimeMs;
}

/** Clusters that there are snapshots of, whether they exist or not. */
export async function snapshotClusters({ home }: SnapshotPlaces): Promise<readonly string[]> {
  const entries = await readdir(join(home, "snapshots"), { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

/** The copy is whole and on disk. */
export async function describeSnapshot(places: SnapshotPlaces, snapshot: Snapshot): Promise<void> {
  await replaceDurably(descriptionOf(places, snapshot), `${JSON.stringify(snapshot, null, 2)}\n`);
}

/** How long they are kept was said by the cluster's spec, which goes with it: each says it by itself from here on. */
export async function keepForItsTime(
  places: SnapshotPlaces,
  { name, systemIdentifier, snapshots }: ClusterSpec,
): Promise<void> {
  if (snapshots === undefined) return;
  for (const snapshot of await readSnapshots(places, name))
    if (snapshot.spec.systemIdentifier === systemIdentifier)
      await describeSnapshot(places, { ...snapshot, spec: { ...snapshot.spec, snapshots } });
}

/** Where a cluster's snapshots go; others may pass, as the servers' user owns what is below. */
export async function makeSnapshotDirectory({ home }: SnapshotPlaces, cluster: string): Promise<void> {
  for (const path of [join(home, "snapshots"), join(home, "snapshots", cluster)]) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
  }
}

export async function removeSnapshot(
  places: SnapshotPlaces,
  pool: VolumePool,
  snapshot: Pick<Snapshot, "cluster" | "id">,
): Promise<void> {
  await rm(descriptionOf(places, snapshot), { force: true });
  await pool.remove(volumeOfSnapshot(places, snapshot));
}

/** What an agent began before this time and never described. */
export async function removeLeftOvers(places: SnapshotPlaces, pool: VolumePool, before: number): Promise<void> {
  for (const cluster of await snapshotClusters(places)) {
    const names = await readdir(join(places.home, "snapshots", cluster)).catch(() => []);
    const known = new Set(names);
    for (const id of names) {
      if (!isSnapshotId(id) || known.has(`${id}.json`) || takenAt(id) >= before) continue;
      await pool.remove(volumeOfSnapshot(places, { cluster, id }));
    }
  }
}

/** What says that it is another one, or another cluster's, would lead to files elsewhere: to be copied, or removed. */
async function readOne(
  places: SnapshotPlaces,
  snapshot: Pick<Snapshot, "cluster" | "id">,
): Promise<readonly Snapshot[]> {
  const text = await readFile(descriptionOf(places, snapshot), "utf8").catch(() => "");
  const { data } = schema.safeParse(parse(text));
  return data?.id === snapshot.id && data.cluster === snapshot.cluster ? [data] : [];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
