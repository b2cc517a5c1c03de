/**
 * A new cluster from a copy of another one: of a member as it is now, or of a snapshot, whether its cluster still exists or
 * not. Made on the host that has what is copied; the source is only read. What comes out has an identity and passwords of
 * its own and none of the source's ties.
 */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Asked } from "../../contract/asked.ts";
import { createdSchema, type CreateRequest } from "../../contract/cluster.ts";
import type { Created } from "../../contract/installation.ts";
import type { ForkRequest } from "../../contract/storage.ts";
import { formatSize } from "../../contract/units.ts";
import type { ClusterRecord, ClusterSpec, MemberRecord } from "../../domain/cluster.ts";
import { zeroLsn } from "../../domain/lsn.ts";
import type { Snapshot } from "../../domain/snapshot.ts";
import { parseHistoryFile, type TimelineHistory } from "../../domain/timeline.ts";
import { revive } from "../../drivers/postgres/clone/revive.ts";
import { syncFileSystem } from "../../drivers/postgres/provision/durable.ts";
import { OpError } from "../../errors/op-error.ts";
import { beginCreate, type Seed, type SeedRequest, type Sown } from "../create.ts";
import { beginDestroy } from "../destroy.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";
import { heardOf } from "../placement/forward.ts";
import { chooseMember } from "./snapshots/choose.ts";
import { readSnapshots, volumeOfSnapshot } from "./snapshots/files.ts";
import { listSnapshots, snapshotNotFound } from "./snapshots/list.ts";
import { copyMember, refuseRoom } from "./snapshots/take.ts";

const forwardMs = 30_000;

export async function beginFork(parts: Parts, name: string, request: ForkRequest, asked: Asked): Promise<Created> {
  const host = await hostOf(parts, name, request);
  if (host !== undefined) return forward(parts, name, { ...request, here: true }, { host, asked });
  const source =
    request.snapshot === undefined ? ofMember(parts, name, request) : await ofSnapshot(parts, name, request.snapshot);
  await source.check();
  const expires = request.expires_ms === undefined ? {} : { expiresAt: parts.clock.wallNow() + request.expires_ms };
  const seed: Seed = {
    inherited: {
      fork: { of: name, at: source.at, ...expires },
      namedLibraries: source.spec.namedLibraries ?? [],
    },
    make: (wish) => sow(parts, source, wish),
  };
  return beginCreate(parts, createRequestOf(parts, source.spec, request), asked, seed);
}

/** The host that has what is copied; undefined when this one does. @throws OpError snapshot-not-found, no-candidate */
async function hostOf(
  parts: Parts,
  name: string,
  { snapshot: id, member, here }: ForkRequest,
): Promise<string | undefined> {
  if (parts.hosts.self === undefined || here) return undefined;
  if (id === undefined) {
    const chosen = chooseMember(clusterOf(parts, name), member, (one) => isHere(parts, one));
    return isHere(parts, chosen.member) ? undefined : chosen.member.host;
  }
  const { snapshots } = await listSnapshots(parts, name, { here: false });
  const found = snapshots.find((snapshot) => snapshot.id === id);
  if (!found) throw snapshotNotFound(name, id);
  return found.host === parts.hosts.self.name ? undefined : found.host;
}

interface Source {
  /** of the source, as it was at `at` */
  readonly spec: ClusterSpec;
  readonly at: number;
  /** @throws OpError when it cannot be, before anything is begun */
  check(): Promise<void>;
  /** Puts a copy at `volume`, which does not exist yet. */
  copy(volume: string, wish: SeedRequest): Promise<void>;
}

function ofMember(parts: Parts, name: string, { member }: ForkRequest): Source {
  const cluster = clusterOf(parts, name);
  const chosen = chooseMember(cluster, member, (one) => isHere(parts, one));
  const spec = cluster.record.spec.value;
  const socketDirectory = cluster.members.get(chosen.member.id)?.socketDirectory ?? "";
  return {
    spec,
    at: parts.clock.wallNow(),
    check: () => refuseRoom(parts, chosen, "asked"),
    copy: async (path, { spec: { volumeBytes: sizeBytes }, told, signal }) => {
      told(`copying "${chosen.member.id}"`);
      await copyMember(parts, { chosen, path, socketDirectory, major: spec.major, sizeBytes, told, signal });
    },
  };
}

async function ofSnapshot(parts: Parts, name: string, id: string): Promise<Source> {
  const snapshot = (await readSnapshots(parts, name)).find((one) => one.id === id);
  if (!snapshot) throw snapshotNotFound(name, id);
  const { pool, owner } = parts.servers;
  const path = volumeOfSnapshot(parts, snapshot);
  return {
    spec: snapshot.spec,
    at: snapshot.createdAt,
    check: async () => refuseFull(snapshot, pool.sharesBlocks, (await pool.usage(path)).poolFreeBytes),
    copy: async (volume, { spec, told, signal }) => {
      told(`copying ${id}`);
      await pool.copy(path, volume, { owner, sizeBytes: spec.volumeBytes }, signal);
    },
  };
}

function refuseFull({ id, bytes }: Snapshot, isShared: boolean, free: number): void {
  if (isShared || free > bytes * 1.1) return;
  throw new OpError("too-little-disk", {
    message: `a copy of ${id} takes ${formatSize(bytes)}, and ${formatSize(free)} are free`,
    hint: "Free some room, or delete older snapshots: matriarch snapshot delete.",
  });
}

/** As the source was, for what its data and its clients rely on; small otherwise. */
function createRequestOf({ hosts }: Parts, spec: ClusterSpec, request: ForkRequest): CreateRequest {
  const { name, members = 1, port, password, volume_bytes: volume = spec.volumeBytes } = request;
  return {
    name,
    members,
    version: spec.major,
    engine: spec.engine,
    durability: spec.durability,
    settings: spec.settings,
    ...(port === undefined ? {} : { port }),
    ...(password === undefined ? {} : { password }),
    ...(volume === undefined ? {} : { volume_bytes: volume }),
    ...(spec.limited?.memory ? { memory_bytes: spec.memoryBytes } : {}),
    ...(spec.limited?.cpus ? { cpus: spec.cpus } : {}),
    ...(hosts.self === undefined ? {} : { first_host: hosts.self.name }),
  };
}

async function sow({ servers }: Parts, source: Source, wish: SeedRequest): Promise<Sown> {
  const { dataDirectory, engine, told, signal } = wish;
  const volume = dirname(dataDirectory);
  await source.copy(volume, wish);
  told("replaying its log");
  const settings = { ...servers.computed(source.spec), ...source.spec.settings };
  const revived = await revive({ engine, owner: servers.owner, dataDirectory, settings, progress: told, signal });
  await syncFileSystem([volume], signal);
  return {
    systemIdentifier: revived.systemIdentifier,
    timelines: await timelinesOf(dataDirectory, revived.timeline),
    result: {
      copied_from: source.spec.name,
      as_of: new Date(source.at).toISOString(),
      ...(wish.spec.fork?.expiresAt === undefined
        ? {}
        : { destroyed_at: new Date(wish.spec.fork.expiresAt).toISOString() }),
      size_bytes: await servers.pool.bytesIn(volume),
      ...(revived.newestCommit === undefined ? {} : { newest_change: revived.newestCommit }),
      ...(revived.withoutPassword.length > 1
        ? { without_a_password_now: revived.withoutPassword.filter((role) => role !== "postgres").join(", ") }
        : {}),
      ...(revived.subscriptions.length === 0 ? {} : { subscriptions_disabled: revived.subscriptions.join(", ") }),
    },
  };
}

/** What the log went through before: standbys ask for the history of every timeline. */
async function timelinesOf(dataDirectory: string, id: number): Promise<TimelineHistory> {
  const file = `${id.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const rows = parseHistoryFile(await readFile(join(dataDirectory, "pg_wal", file), "utf8"));
  return [...rows.map(({ parent }) => parent), id].map((timeline, index) => {
    const before = rows[index - 1];
    return {
      id: timeline,
      parent: before?.parent ?? null,
      forkedAt: before?.forkedAt ?? zeroLsn,
      epoch: timeline === id ? 1 : 0,
    };
  });
}

/** Forks whose time is over, for the host of the primary to destroy. */
export function expiredForks(
  records: readonly ClusterRecord[],
  here: (member: MemberRecord) => boolean,
  now: number,
): readonly ClusterSpec[] {
  return records.flatMap(({ spec: { value: spec }, reign, members }) => {
    const holder = members[reign.value.holder]?.value;
    const isOver = spec.fork?.expiresAt !== undefined && spec.fork.expiresAt <= now;
    return isOver && holder !== undefined && here(holder) ? [spec] : [];
  });
}

/** Called once a minute; one that is busy is left until the next. */
export function destroyExpired(parts: Parts): void {
  const records = [...parts.runtime.clusters.values()].map(({ record }) => record);
  for (const { name, fork } of expiredForks(records, (member) => isHere(parts, member), parts.clock.wallNow())) {
    if (parts.operations.list({ cluster: name, state: "running" }).length > 0) continue;
    parts.events.emit("cluster.expired", { cluster: name }, { of: fork?.of ?? "" });
    beginDestroy(parts, name, { by: "matriarch" });
  }
}

async function forward(
  parts: Parts,
  name: string,
  body: ForkRequest,
  { host, asked: { by } }: { readonly host: string; readonly asked: Asked },
): Promise<Created> {
  const answer = await parts.hosts.call(host, {
    method: "POST",
    path: `/v1/clusters/${encodeURIComponent(name)}/forks`,
    body,
    as: { by, role: "operator" },
    deadlineMs: forwardMs,
  });
  const created = createdSchema.parse(answer);
  await heardOf(parts, created.operation.id);
  return created;
}
