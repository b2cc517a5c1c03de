/**
 * What follows once a cluster is its restored self: what it was becomes a snapshot, which costs nothing, for its files
 * only change their place; the other members' old files go when the restored cluster serves. Safe to repeat from any
 * point: the way on after an agent that ended in the middle.
 */
import { randomBytes } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { formatMoment } from "../../../contract/moment.ts";
import type { ClusterSpec, MemberRecord } from "../../../domain/cluster.ts";
import { keptUntil, snapshotId, type Snapshot } from "../../../domain/snapshot.ts";
import { replayStart } from "../../../drivers/postgres/archive/replay-start.ts";
import { readControl } from "../../../drivers/postgres/provision/control-file.ts";
import { syncDirectory } from "../../../drivers/postgres/provision/durable.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { OperationRecord } from "../../../events/event.ts";
import { awaitPrimary, awaitVoters } from "../../create.ts";
import { clusterOf, type Parts } from "../../parts.ts";
import { keepLogOf } from "../archive/last-log.ts";
import { describeSnapshot, makeSnapshotDirectory, readSnapshots, volumeOfSnapshot } from "../snapshots/files.ts";
import { endJournal, readJournal, type InPlaceJournal } from "./journal.ts";
import { replacedHere } from "./swap.ts";

/** @returns what is to be said of what it was */
export async function finishInPlace(
  parts: Parts,
  { id, cluster: name, by }: OperationRecord,
  journal: InPlaceJournal,
): Promise<Readonly<Record<string, unknown>>> {
  const old = replacedHere(parts, journal);
  const holder = old.find((member) => member.id === journal.holder);
  const snapshot = holder && (await keepAsSnapshot(parts, holder, journal, by));
  await awaitPrimary(parts, name);
  for (const { id: member, dataDirectory } of old)
    if (member !== journal.holder) await parts.servers.pool.remove(dirname(dataDirectory));
  parts.events.emit("cluster.put-back", { cluster: name, actor: by }, { snapshot: snapshot?.id ?? null });
  await awaitVoters(parts, name, id);
  await endJournal(parts, name);
  return snapshot ? keptFigures(name, snapshot) : { as_it_was: `kept on host "${hostOf(journal)}", in aside/` };
}

function keptFigures(name: string, snapshot: Snapshot): Readonly<Record<string, unknown>> {
  return {
    as_it_was: `${snapshot.id}, kept until ${formatMoment(keptUntil(snapshot, undefined))}`,
    to_undo: `matriarch restore ${name} --undo`,
  };
}

function hostOf({ replaced, holder }: InPlaceJournal): string {
  return replaced.find(({ id }) => id === holder)?.host ?? "?";
}

/**
 * The volume is renamed, and described before that: what has no description may be removed as left over (I9). Done in
 * part by an agent before this one, it is gone on with.
 */
async function keepAsSnapshot(
  parts: Parts,
  member: MemberRecord,
  journal: InPlaceJournal,
  by: string,
): Promise<Snapshot> {
  const { before } = journal;
  const known = (await readSnapshots(parts, before.name)).find(
    ({ why, spec }) => why === "before-restore" && spec.systemIdentifier === before.systemIdentifier,
  );
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

async function describe(parts: Parts, member: MemberRecord, before: ClusterSpec, by: string): Promise<Snapshot> {
  const createdAt = parts.clock.wallNow();
  const { timeline, minRecoveryTimeline } = await readControl(member.dataDirectory);
  const snapshot: Snapshot = {
    id: snapshotId(before.name, createdAt, randomBytes(2).toString("hex")),
    cluster: before.name,
    member: member.id,
    host: member.host,
    createdAt,
    tookMs: 0,
    by,
    why: "before-restore",
    how: "stopped",
    role: "primary",
    timeline: Math.max(timeline, minRecoveryTimeline),
    start: await replayStart(member.dataDirectory),
    version: parts.servers.versionOf(before, member) ?? String(before.major),
    bytes: await parts.servers.pool.bytesIn(dirname(member.dataDirectory)),
    spec: before,
  };
  await makeSnapshotDirectory(parts, before.name);
  await describeSnapshot(parts, snapshot);
  return snapshot;
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** The way on after an agent that ended: forward once the cluster is its restored self, back before. */
export async function settle(
  parts: Parts,
  operation: OperationRecord,
  undo: (journal: InPlaceJournal) => Promise<void>,
): Promise<void> {
  const { id, cluster: name } = operation;
  const journal = await readJournal(parts, name);
  const isSwapped = journal && clusterOf(parts, name).record.members[journal.first.id] !== undefined;
  if (isSwapped) {
    const result = await finishInPlace(parts, operation, journal);
    return parts.operations.finish(id, { state: "done", result });
  }
  if (journal) await undo(journal);
  const error = new OpError("interrupted", {
    message: `the agent ended before "${name}" was put back; it is as it was`,
    hint: "Give the command again.",
  });
  parts.operations.finish(id, { state: "failed", error });
}
