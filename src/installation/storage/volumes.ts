/**
 * The members' volumes: what is in them, how fast they grow, and how they are made larger. Each host looks at its own;
 * a size is part of the cluster's spec, so that members made later get it and hosts that were away take it up.
 */
import { dirname, join } from "node:path";
import type { Asked } from "../../contract/asked.ts";
import { formatSize } from "../../contract/units.ts";
import {
  volumeBytesMin,
  volumesSchema,
  type Extended,
  type ExtendRequest,
  type VolumeStatus,
  type Volumes,
} from "../../contract/storage.ts";
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { ClusterSpec, MemberRecord } from "../../domain/cluster.ts";
import { readCluster } from "../../drivers/store/records.ts";
import { OpError } from "../../errors/op-error.ts";
import { amend, clusterOf, isHere, refuseWithoutStore, type Parts } from "../parts.ts";
import { askOthers } from "./elsewhere.ts";

export async function listVolumes(parts: Parts, name: string, { here }: { readonly here: boolean }): Promise<Volumes> {
  const cluster = clusterOf(parts, name);
  const own = await volumesHere(parts, cluster.record.spec.value, membersHere(parts, cluster));
  if (here) return { volumes: [...own], missing: [] };
  return withOthers(parts, cluster, own, { method: "GET", path: "/volumes?here=true" });
}

/** @throws OpError bad-value, too-little-disk; nothing has been changed then */
export async function extendVolumes(
  parts: Parts,
  name: string,
  request: ExtendRequest,
  { by }: Asked,
): Promise<Extended> {
  refuseWithoutStore(parts);
  const { volumes: before } = await listVolumes(parts, name, { here: false });
  let from: number | undefined;
  let size = 0;
  await amend(parts, name, ({ spec }) => {
    from = spec.value.volumeBytes;
    size = request.size_bytes ?? sumOf(name, from, request.add_bytes ?? 0);
    refuseSize(name, from, size, before);
    const generation = spec.value.generation + 1;
    return { require: ["spec"], write: [{ key: "spec", value: { ...spec.value, volumeBytes: size, generation } }] };
  });
  parts.events.emit("volume.extended", { cluster: name, actor: by }, { from_bytes: from ?? null, size_bytes: size });
  const own = await applySize(parts, name);
  const all = await withOthers(parts, clusterOf(parts, name), own.volumes, { method: "POST", path: "/volumes/apply" });
  return { from_bytes: from ?? null, size_bytes: size, volumes: all.volumes, missing: all.missing };
}

/** Read anew: whoever asks may know more than what this agent has heard of yet. */
export async function applySize(parts: Parts, name: string): Promise<Volumes> {
  const record = await readCluster(parts.store, name);
  if (!record) throw new OpError("cluster-not-found", { message: `cluster "${name}" does not exist` });
  const spec = record.spec.value;
  const own = Object.values(record.members).flatMap(({ value }) => (isHere(parts, value) ? [value] : []));
  const { pool } = parts.servers;
  if (spec.volumeBytes !== undefined && pool.noFixedSize === undefined)
    for (const member of own) await bringTo(parts, dirname(member.dataDirectory), spec.volumeBytes);
  return { volumes: [...(await volumesHere(parts, spec, own))], missing: [] };
}

async function bringTo({ servers: { pool } }: Parts, volume: string, sizeBytes: number): Promise<void> {
  const { limitBytes } = await pool.usage(volume);
  if (limitBytes !== sizeBytes) await pool.resize(volume, sizeBytes);
}

function sumOf(name: string, from: number | undefined, add: number): number {
  if (from !== undefined) return from + add;
  throw new OpError("bad-value", {
    message: `the volumes of "${name}" have no fixed size that could be added to`,
    detail: "Each can grow until its file system is full.",
    hint: `To give them one: matriarch volume extend ${name} 20GB`,
  });
}

function refuseSize(name: string, from: number | undefined, size: number, volumes: readonly VolumeStatus[]): void {
  if (size < volumeBytesMin)
    throw new OpError("bad-value", { message: `a volume has at least ${formatSize(volumeBytesMin)}` });
  if (from !== undefined && size <= from) throw shrinks(name, from, size);
  for (const volume of volumes) {
    if (size <= volume.used_bytes) throw tooSmallFor(volume, size);
    const most = volume.used_bytes + volume.pool_free_bytes;
    if (size > most) throw tooLargeFor(volume, size, most);
  }
}

function shrinks(name: string, from: number, size: number): OpError {
  return new OpError("bad-value", {
    message: `the volumes of "${name}" have ${formatSize(from)} already, and ${formatSize(size)} is not more`,
    detail: "Volumes only grow: a server that finds less room than it counted on stops taking writes.",
    hint: "To get by with less, import the data into a new cluster with a smaller --volume-size.",
  });
}

function tooSmallFor({ member, used_bytes: used }: VolumeStatus, size: number): OpError {
  return new OpError("bad-value", {
    message: `"${member}" holds ${formatSize(used)}, and ${formatSize(size)} is not more`,
    hint: "Give a larger size.",
  });
}

function tooLargeFor({ member, host, file_system: type }: VolumeStatus, size: number, most: number): OpError {
  return new OpError("too-little-disk", {
    message: `the volume of "${member}" cannot have ${formatSize(size)}`,
    detail: `The ${type} of host "${host}" has room for ${formatSize(most)}, other clusters and snapshots left as they are.`,
    hint: "Give a smaller size, or make the file system larger first.",
  });
}

function membersHere(parts: Parts, { record }: ClusterRuntime): readonly MemberRecord[] {
  return Object.values(record.members).flatMap(({ value }) => (isHere(parts, value) ? [value] : []));
}

/** One that has no directory yet is not there. */
async function volumesHere(
  parts: Parts,
  spec: ClusterSpec,
  members: readonly MemberRecord[],
): Promise<readonly VolumeStatus[]> {
  const found = await Promise.all(members.map((member) => volumeOf(parts, spec, member).catch(() => [])));
  return found.flat();
}

async function volumeOf(parts: Parts, spec: ClusterSpec, member: MemberRecord): Promise<readonly VolumeStatus[]> {
  const { pool } = parts.servers;
  const usage = await pool.usage(dirname(member.dataDirectory));
  const wanted = spec.volumeBytes;
  return [
    {
      member: member.id,
      host: member.host,
      file_system: pool.fileSystem,
      driver: pool.kind,
      size_bytes: wanted ?? null,
      not_enforced: wanted === undefined || usage.limitBytes === wanted ? null : whyNot(parts, usage.limitBytes),
      used_bytes: usage.usedBytes,
      wal_bytes: await pool.bytesIn(join(member.dataDirectory, "pg_wal")),
      free_bytes: usage.freeBytes,
      pool_free_bytes: usage.poolFreeBytes,
      growth_bytes_per_day: parts.usage.growthPerDay(member.id, parts.clock.wallNow()) ?? null,
    },
  ];
}

function whyNot({ servers: { pool } }: Parts, limitBytes: number | undefined): string {
  if (pool.noFixedSize !== undefined) return pool.noFixedSize;
  if (limitBytes !== undefined) return `it is still held to ${formatSize(limitBytes)}`;
  return "it is a plain directory, made before its home could hold volumes to a size";
}

async function withOthers(
  parts: Parts,
  cluster: ClusterRuntime,
  own: readonly VolumeStatus[],
  { method, path }: { readonly method: "GET" | "POST"; readonly path: string },
): Promise<Volumes> {
  const hosts = new Set(Object.values(cluster.record.members).map(({ value }) => value.host));
  const self = parts.hosts.self?.name;
  const others = self === undefined ? [] : [...hosts].filter((host) => host !== self);
  const at = `/v1/clusters/${encodeURIComponent(cluster.name)}${path}`;
  const { answers, missing } = await askOthers(parts, others, { method, path: at, schema: volumesSchema });
  const volumes = [...own, ...answers.flatMap((answer) => answer.volumes)];
  return {
    volumes: volumes.toSorted((a, b) => a.member.localeCompare(b.member, "en", { numeric: true })),
    missing: [...missing],
  };
}
