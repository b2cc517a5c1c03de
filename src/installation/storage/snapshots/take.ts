/**
 * Taking a snapshot: of the member that it costs least, on that member's host, while the cluster goes on with whatever it
 * does. The copy becomes a snapshot when its description is written; before, it is left over and goes.
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import type { Asked } from "../../../contract/asked.ts";
import { operationSchema } from "../../../contract/cluster.ts";
import type { SnapshotRequest } from "../../../contract/storage.ts";
import { formatSize } from "../../../contract/units.ts";
import { snapshotId, type Snapshot } from "../../../domain/snapshot.ts";
import { copyRunning } from "../../../drivers/postgres/clone/copy-running.ts";
import { replayStart } from "../../../drivers/postgres/archive/replay-start.ts";
import { readControl } from "../../../drivers/postgres/provision/control-file.ts";
import { syncDirectory, syncFileSystem } from "../../../drivers/postgres/provision/durable.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { OperationRecord } from "../../../events/event.ts";
import { snapshotKind } from "../../../events/operation-log.ts";
import { follow } from "../../changes.ts";
import { clusterOf, isHere, type Parts } from "../../parts.ts";
import { heardOf } from "../../placement/forward.ts";
import { withRoom } from "../room.ts";
import { chooseMember, type Chosen } from "./choose.ts";
import { describeSnapshot, makeSnapshotDirectory, removeSnapshot, volumeOfSnapshot } from "./files.ts";

const forwardMs = 30_000;
const copyMs = 24 * 3_600_000;
const mib = 2 ** 20;
/** What a copy in full must leave free for the servers. */
const reserveBytes = 256 * mib;
/** A daily copy in full, five of which are kept, is made by itself only where it is small beside what is free. */
const dailyTimes = 10;

export async function beginSnapshot(
  parts: Parts,
  name: string,
  request: SnapshotRequest,
  { by }: Asked,
): Promise<OperationRecord> {
  const cluster = clusterOf(parts, name);
  refuseAnother(parts, name);
  const chosen = chooseMember(cluster, request.member, (member) => isHere(parts, member));
  if (!isHere(parts, chosen.member)) return forward(parts, name, chosen, request, by);
  await refuseRoom(parts, chosen, request.why);
  const step = `copying "${chosen.member.id}"`;
  const operation = parts.operations.begin({ kind: snapshotKind, cluster: name, by, step, stepsTotal: 2 });
  return follow(parts, operation, async () => {
    try {
      const snapshot = await take(parts, cluster, chosen, { request, by, operation });
      const { id, bytes, member, why } = snapshot;
      parts.events.emit(
        "snapshot.taken",
        { cluster: name, member, actor: by },
        { snapshot: id, size_bytes: bytes, why },
      );
      return { message: id, member, size_bytes: bytes };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (!parts.signal.aborted) parts.events.emit("snapshot.failed", { cluster: name, actor: by }, { reason });
      throw error;
    }
  });
}

interface Taking {
  readonly request: SnapshotRequest;
  readonly by: string;
  readonly operation: OperationRecord;
}

async function take(
  parts: Parts,
  { name, record, members }: ClusterRuntime,
  chosen: Chosen,
  { request, by, operation }: Taking,
): Promise<Snapshot> {
  const { servers, clock } = parts;
  const createdAt = clock.wallNow();
  const begunAt = clock.now();
  const id = snapshotId(name, createdAt, randomBytes(2).toString("hex"));
  const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(copyMs)]);
  await makeSnapshotDirectory(parts, name);
  const path = volumeOfSnapshot(parts, { cluster: name, id });
  try {
    const socketDirectory = members.get(chosen.member.id)?.socketDirectory ?? "";
    const told = (step: string): unknown => parts.operations.step(operation.id, step, 0);
    const { major } = record.spec.value;
    const copying = { chosen, path, socketDirectory, major, told };
    const how = await withRoom(parts, signal, (heeded) => copyMember(parts, { ...copying, signal: heeded }));
    parts.operations.step(operation.id, "bringing it to the disk", 1);
    await syncFileSystem([path], signal);
    const { timeline, minRecoveryTimeline } = await readControl(join(path, "data"));
    const snapshot: Snapshot = {
      id,
      cluster: name,
      member: chosen.member.id,
      host: chosen.member.host,
      createdAt,
      tookMs: Math.round(clock.now() - begunAt),
      by,
      why: request.why,
      how,
      role: chosen.role,
      timeline: Math.max(timeline, minRecoveryTimeline),
      start: await replayStart(join(path, "data")),
      version: servers.versionOf(record.spec.value, chosen.member) ?? String(record.spec.value.major),
      bytes: await servers.pool.bytesIn(path),
      ...(request.kept_days === undefined ? {} : { keptDays: request.kept_days }),
      spec: record.spec.value,
    };
    await describeSnapshot(parts, snapshot);
    await syncDirectory(dirname(path));
    return snapshot;
  } catch (error) {
    await removeSnapshot(parts, servers.pool, { cluster: name, id });
    throw error;
  }
}

export interface Copying {
  readonly chosen: Chosen;
  readonly path: string;
  readonly socketDirectory: string;
  readonly major: number;
  /** of the copy, if it is to have one */
  readonly sizeBytes?: number | undefined;
  readonly told: (step: string) => void;
  readonly signal: AbortSignal;
}

/** A volume at `path`, which does not exist yet, with a data directory that stands on its own. */
export async function copyMember(
  { servers }: Pick<Parts, "servers">,
  { chosen: { member, state }, path, socketDirectory, major, sizeBytes, told, signal }: Copying,
): Promise<Snapshot["how"]> {
  const { pool, owner } = servers;
  const volume = dirname(member.dataDirectory);
  const isAtomic = await pool.isAtomic(volume);
  if (isAtomic || state === "stopped") {
    await refuseTablespaces(member.dataDirectory);
    const before = await controlOf(member.dataDirectory);
    await pool.copy(volume, path, { owner, sizeBytes }, signal);
    if (!isAtomic) await refuseStarted(member, before);
    // Of the member, and not of its data: its log, and directories that a copy of it left or replaced.
    for (const other of await readdir(path)) if (other !== "data") await rm(join(path, other), { recursive: true });
    return state === "stopped" ? "stopped" : "atomic";
  }
  await pool.create(path, { owner, sizeBytes });
  const source = { member: member.id, socketDirectory, port: member.port, dataDirectory: member.dataDirectory };
  const tell = (done: number, total: number | undefined): void => {
    // Not before there is something to tell: blocks are shared in a moment.
    if (total !== undefined) told(`copying "${member.id}": ${formatSize(done)} of ${formatSize(total)}`);
  };
  await copyRunning({
    source,
    owner,
    target: join(path, "data"),
    major,
    progress: ({ bytesDone, bytesTotal }) => tell(bytesDone, bytesTotal),
    signal,
  });
  return "backup-mode";
}

/** Every start and every end of a server writes this file. */
function controlOf(dataDirectory: string): Promise<Buffer> {
  return readFile(join(dataDirectory, "global/pg_control"));
}

/** A start, or a client that wakes the cluster, does not wait for a copy: what was copied then is worth nothing. */
async function refuseStarted({ id, dataDirectory }: Chosen["member"], before: Buffer): Promise<void> {
  if ((await controlOf(dataDirectory)).equals(before)) return;
  throw new OpError("clone-failed", {
    message: `"${id}" was started while it was copied`,
    hint: "Try again: a server that runs is copied in another way.",
  });
}

/** They lie elsewhere, and a copy of the volume would share them with the member. */
async function refuseTablespaces(dataDirectory: string): Promise<void> {
  if ((await readdir(join(dataDirectory, "pg_tblspc")).catch(() => [])).length === 0) return;
  throw new OpError("not-supported", {
    message: "a server with tablespaces cannot be copied",
    hint: "Move the tables of the tablespaces to pg_default and drop the tablespaces.",
  });
}

function refuseAnother({ operations }: Parts, name: string): void {
  const other = operations.underWay(name).find(({ kind }) => kind === snapshotKind);
  if (!other) return;
  throw new OpError("busy", {
    message: `a snapshot of "${name}" is being taken already`,
    detail: `It was begun by "${other.by}" and is at: ${other.step}.`,
    hint: "Wait for its end and try again.",
  });
}

/** @throws OpError too-little-disk */
export async function refuseRoom(
  { servers: { pool } }: Parts,
  { member }: Chosen,
  why: Snapshot["why"],
  copies = 1,
): Promise<void> {
  const { usedBytes, poolFreeBytes } = await pool.usage(dirname(member.dataDirectory));
  const needed = pool.sharesBlocks ? 0 : copies * usedBytes;
  const wanted = why === "daily" && needed > 0 ? dailyTimes * needed : needed + reserveBytes;
  if (poolFreeBytes >= wanted) return;
  throw new OpError("too-little-disk", {
    message: `${copies === 1 ? "a copy" : `${copies} copies`} of "${member.id}" would take ${formatSize(needed)} of the ${formatSize(poolFreeBytes)} that are free`,
    detail:
      why === "daily"
        ? `On ${pool.fileSystem} every copy costs its full size; one is made by itself only when ${dailyTimes} times as much is free.`
        : `${formatSize(reserveBytes)} are left to the servers.`,
    hint: "Free some room, or delete older snapshots: matriarch snapshot delete.",
  });
}

/** To the host of the member: what it has begun is known here when this returns. */
async function forward(
  parts: Parts,
  name: string,
  { member }: Chosen,
  request: SnapshotRequest,
  by: string,
): Promise<OperationRecord> {
  if (request.here)
    throw new OpError("no-candidate", { message: `"${member.id}" is not on this host any more`, hint: "Try again." });
  const answer = await parts.hosts.call(member.host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/snapshots`,
    body: { ...request, member: member.id, here: true },
    as: { by, role: "operator" },
    deadlineMs: forwardMs,
  });
  const { id } = operationSchema.parse(answer);
  await heardOf(parts, id);
  return parts.operations.get(id);
}
