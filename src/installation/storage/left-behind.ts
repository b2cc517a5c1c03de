/**
 * What a forced failover went on without: the data of a member that comes back with log past where the new primary's
 * began. Writes in it may have been acknowledged and be nowhere else, so before the member is copied anew, or removed, its
 * directory becomes a snapshot of its host (I13). Called by the member's actions, and for members that are none any more.
 */
import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Keeper } from "../../agent/act.ts";
import { formatSize } from "../../contract/units.ts";
import type { ClusterRecord, ClusterSpec, MemberId, MemberRecord } from "../../domain/cluster.ts";
import { keptUntil, type Snapshot } from "../../domain/snapshot.ts";
import { mayHoldLost } from "../../domain/timeline.ts";
import { readControl } from "../../drivers/postgres/provision/control-file.ts";
import { syncDirectory, syncFileSystem } from "../../drivers/postgres/provision/durable.ts";
import { readCluster } from "../../drivers/store/records.ts";
import { isThere } from "../../drivers/volume/directory.ts";
import { OpError } from "../../errors/op-error.ts";
import { isHere, type Parts } from "../parts.ts";
import { endServerIn, membersIn } from "../placement/orphans.ts";
import { describeDirectory, type Kept } from "./snapshots/of-directory.ts";
import {
  describeSnapshot,
  makeSnapshotDirectory,
  readSnapshots,
  removeSnapshot,
  volumeOfSnapshot,
} from "./snapshots/files.ts";

/** What a copy in full must leave free for the servers. */
const reserveBytes = 256 * 2 ** 20;
const why = "before-rejoin";

export function keeperOf(parts: Parts, { spec, members }: ClusterRecord, id: MemberId): Keeper {
  const member = (): MemberRecord => {
    const found = members[id]?.value;
    if (!found) throw new Error(`no member ${id}`);
    return found;
  };
  return {
    checkRoom: async (source) => refuseRoom(parts, member(), members[source]?.value),
    keep: async () => keep(parts, spec.value, member()),
  };
}

/** The copy comes beside what is kept. @throws OpError too-little-disk */
async function refuseRoom(parts: Parts, member: MemberRecord, source: MemberRecord | undefined): Promise<void> {
  const { pool } = parts.servers;
  const { usedBytes, poolFreeBytes } = await pool.usage(dirname(member.dataDirectory));
  const isShared = pool.sharesBlocks && source !== undefined && isHere(parts, source);
  const needed = (isShared ? 0 : usedBytes) + reserveBytes;
  if (poolFreeBytes >= needed) return;
  throw new OpError("too-little-disk", {
    message: `a new copy beside it takes ${formatSize(needed)} of the ${formatSize(poolFreeBytes)} that are free`,
    hint: "Free some room, or delete older snapshots: matriarch snapshot delete.",
  });
}

async function keep(parts: Parts, spec: ClusterSpec, member: Kept): Promise<void> {
  if (!(await isThere(member.dataDirectory))) return;
  await makeSnapshotDirectory(parts, spec.name);
  const snapshot = await (parts.servers.pool.sharesBlocks ? copyAside : moveAside)(parts, spec, member);
  const until = new Date(keptUntil(snapshot, spec)).toISOString();
  const fields = { snapshot: snapshot.id, size_bytes: snapshot.bytes, until };
  parts.events.emit("member.data-kept", { cluster: spec.name, member: member.id }, fields);
}

/** Volumes of file systems that share blocks may be bound to their place; a copy costs nothing there. */
async function copyAside(parts: Parts, spec: ClusterSpec, member: Kept): Promise<Snapshot> {
  const { pool, owner } = parts.servers;
  const snapshot = await describeDirectory(parts, spec, member, { by: "matriarch", why, role: "standby" });
  const path = volumeOfSnapshot(parts, snapshot);
  try {
    await pool.copy(dirname(member.dataDirectory), path, { owner }, parts.signal);
    for (const other of await readdir(path))
      if (other !== basename(member.dataDirectory)) await rm(join(path, other), { recursive: true });
    await syncFileSystem([path], parts.signal);
    await describeSnapshot(parts, snapshot);
  } catch (error) {
    await removeSnapshot(parts, pool, snapshot);
    throw error;
  }
  await rm(member.dataDirectory, { recursive: true });
  return snapshot;
}

/** Described before anything is moved: what has no description may be removed as left over (I9). */
async function moveAside(parts: Parts, spec: ClusterSpec, member: Kept): Promise<Snapshot> {
  const begun = await begunFor(parts, spec.name, member.id);
  const snapshot = begun ?? (await describeDirectory(parts, spec, member, { by: "matriarch", why, role: "standby" }));
  const path = volumeOfSnapshot(parts, snapshot);
  if (!begun) await describeSnapshot(parts, snapshot);
  await parts.servers.pool.create(path, { owner: parts.servers.owner });
  await rename(member.dataDirectory, dataOf(path));
  await syncDirectory(path);
  await syncDirectory(dirname(member.dataDirectory));
  return snapshot;
}

/** Of an agent that ended between the two. */
async function begunFor(parts: Parts, cluster: string, member: MemberId): Promise<Snapshot | undefined> {
  for (const snapshot of await readSnapshots(parts, cluster)) {
    const isOwn = snapshot.why === why && snapshot.member === member;
    if (isOwn && !(await isThere(dataOf(volumeOfSnapshot(parts, snapshot))))) return snapshot;
  }
  return undefined;
}

function dataOf(volume: string): string {
  return join(volume, "data");
}

/** Of members of this host that were removed while it was away: what they have is not only put aside. */
export async function keepLeftOrphans(parts: Parts, cluster: string): Promise<void> {
  const record = await readCluster(parts.store, cluster);
  if (!record) return;
  for (const id of await membersIn(parts, cluster)) {
    if (record.members[id]?.value.host === parts.hostName) continue;
    const dataDirectory = join(parts.clustersDirectory, cluster, id, "data");
    if (!(await isLeftBehind(record, dataDirectory))) continue;
    await endServerIn(dataDirectory);
    await keep(parts, record.spec.value, { id, host: parts.hostName, dataDirectory });
  }
}

async function isLeftBehind({ spec, timelines, reign }: ClusterRecord, dataDirectory: string): Promise<boolean> {
  const control = await readControl(dataDirectory).catch(() => undefined);
  if (String(control?.systemIdentifier) !== spec.value.systemIdentifier || !control) return false;
  const timeline = Math.max(control.timeline, control.minRecoveryTimeline);
  return mayHoldLost(timelines.value, { timeline, lsn: undefined }, reign.value.timeline);
}
