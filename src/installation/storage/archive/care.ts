/**
 * What a host does by itself for the archives of the clusters whose primary it has: it looks whether the log is archived
 * and tells when it is not and when it is again; brings into the archive what the server will not put there itself, after a
 * failover above all; gives up before the disk is full; has a snapshot taken where a gap would end the restorable time.
 * Begun by the agent's entry; never in the way of a server: it reads files, and runs the server's own command.
 */
import { rm, statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterRuntime } from "../../../agent/runtime.ts";
import { freeBytesMin, waitingBytesMax, type ArchiveLook } from "../../../domain/archive.ts";
import type { ClusterRecord, MemberRecord } from "../../../domain/cluster.ts";
import { defaultPolicy } from "../../../domain/snapshot.ts";
import { usualSegmentBytes } from "../../../domain/wal-file.ts";
import { archiveFilesOf, offsiteRefused, replaceOwned } from "../../../drivers/postgres/archive/command.ts";
import { leaveBehind } from "../../../drivers/pgbackrest/push.ts";
import { isArchiving, readWaiting, type Waiting } from "../../../drivers/postgres/archive/waiting.ts";
import { wakeArchiver } from "../../../drivers/postgres/archive/wake.ts";
import { inRepositoriesUntil } from "../../backups/reach.ts";
import { isHere, type Parts } from "../../parts.ts";
import { servingPrimary } from "../../status.ts";
import { snapshotsChangedAt } from "../snapshots/files.ts";
import { listSnapshots } from "../snapshots/list.ts";
import { beginSnapshot } from "../snapshots/take.ts";
import { fillAndFindGaps, type ArchiveState } from "./fill.ts";
import { endUnneeded } from "./retention.ts";

const lookEveryMs = 5000;
/** What costs more: the whole archive and the snapshots are looked at. */
const thoroughEveryMs = 60_000;
/** After a failover, and after a look that failed. */
const againMs = 4000;
/** A snapshot that was refused, for want of room, is not asked for at once again. */
const snapshotRetryMs = 3_600_000;
/** Until then whoever made the cluster may still be filling it, and whoever put it back may want to undo that. */
const firstSnapshotMs = 5 * 60_000;
const matriarch = { by: "matriarch" } as const;

/** What is remembered of one cluster while its primary is here. */
interface Memory {
  /** process of the server that was asked whether it archives */
  askedOf: number | undefined;
  archives: boolean;
  /** monotonic: since when the same file waits and the attempts fail */
  failingSince: number | undefined;
  failingFile: string | undefined;
  isTold: boolean;
  epoch: number;
  thoroughAt: number;
  toldGaps: Set<string>;
  /** of this host: when one came or went last */
  snapshotsAt: number | undefined;
  snapshotTriedAt: number;
  state: ArchiveState | undefined;
  repositoryUntil: number | undefined;
}

interface Seen {
  readonly look: ArchiveLook;
  readonly waiting: Waiting;
}

/** Until the agent ends. */
export async function careForArchives(parts: Parts): Promise<void> {
  const care = new ArchiveCare(parts);
  while (!parts.signal.aborted) {
    await care.look();
    await sleep(lookEveryMs, undefined, { signal: parts.signal, ref: false }).catch(() => undefined);
  }
}

export class ArchiveCare {
  readonly #parts: Parts;
  readonly #memories = new Map<string, Memory>();
  #endedAt = -Infinity;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async look(): Promise<void> {
    const { runtime, archives, clock, log } = this.#parts;
    for (const name of archives.keys()) if (!runtime.clusters.has(name)) this.#forget(name);
    for (const cluster of runtime.clusters.values())
      await this.#lookAt(cluster).catch((error: unknown) =>
        log.warn("the look at an archive failed", { cluster: cluster.name, error }),
      );
    if (clock.now() - this.#endedAt < thoroughEveryMs) return;
    this.#endedAt = clock.now();
    await endUnneeded(this.#parts).catch((error: unknown) => log.warn("old log was not removed", { error }));
  }

  #forget(name: string): void {
    this.#parts.archives.delete(name);
    this.#memories.delete(name);
  }

  async #lookAt(cluster: ClusterRuntime): Promise<void> {
    const primary = servingPrimary(cluster);
    const member = primary && cluster.record.members[primary.id]?.value;
    // While nobody writes nothing is new; of a primary elsewhere its host tells.
    if (!primary || !member || !isHere(this.#parts, member)) {
      if (member) this.#forget(cluster.name);
      return;
    }
    const memory = this.#memoryOf(cluster.name);
    if (memory.askedOf !== primary.pid) {
      memory.archives = await isArchiving({ socketDirectory: primary.socketDirectory, port: member.port });
      memory.askedOf = primary.pid;
    }
    const waiting = await readWaiting(member.dataDirectory);
    const snapshotsAt = await snapshotsChangedAt(this.#parts, cluster.name);
    // Whoever has taken one looks whether it can be restored from.
    if (snapshotsAt !== memory.snapshotsAt) memory.thoroughAt = -Infinity;
    memory.snapshotsAt = snapshotsAt;
    await this.#thoroughly(cluster, member, memory, waiting);
    const look = this.#judge(cluster, memory, waiting);
    this.#parts.archives.set(cluster.name, look);
    if (await this.#relieve(cluster, member, { look, waiting })) memory.thoroughAt = -Infinity;
  }

  #memoryOf(name: string): Memory {
    const known = this.#memories.get(name);
    if (known) return known;
    const { events } = this.#parts;
    // An agent before this one may have told of a failure that lasts.
    const last = events.list({ cluster: name, type: "archive", limit: 20 });
    const told = last.filter(({ type }) => type === "archive.failing" || type === "archive.working").at(-1);
    const gaps = last.flatMap(({ type, details }) => (type === "archive.gap" ? [String(details["first"])] : []));
    const memory: Memory = {
      askedOf: undefined,
      archives: true,
      failingSince: undefined,
      failingFile: undefined,
      isTold: told?.type === "archive.failing",
      epoch: 0,
      thoroughAt: -Infinity,
      toldGaps: new Set(gaps),
      snapshotsAt: undefined,
      snapshotTriedAt: -Infinity,
      state: undefined,
      repositoryUntil: undefined,
    };
    this.#memories.set(name, memory);
    return memory;
  }

  async #thoroughly(cluster: ClusterRuntime, member: MemberRecord, memory: Memory, waiting: Waiting): Promise<void> {
    const now = this.#parts.clock.now();
    const { epoch } = cluster.record.reign.value;
    const isDue = now - memory.thoroughAt >= (memory.epoch === epoch ? thoroughEveryMs : againMs);
    if (!memory.archives || !isDue) return;
    memory.thoroughAt = now;
    memory.state = await fillAndFindGaps(this.#parts, cluster, member, waiting);
    const { name, systemIdentifier, backups } = cluster.record.spec.value;
    const numbers = (backups?.repositories ?? []).map(({ number }) => number);
    const archiver = { cluster: name, systemIdentifier, member, numbers };
    const reached = backups && (await inRepositoriesUntil(this.#parts, archiver));
    memory.repositoryUntil = backups && (reached ?? memory.repositoryUntil);
    memory.epoch = epoch;
    this.#tellGaps(cluster, memory);
    await this.#haveSnapshot(cluster, memory).catch((error: unknown) =>
      this.#parts.log.warn("no snapshot for the archive", { cluster: cluster.name, error }),
    );
  }

  #tellGaps({ name: cluster }: ClusterRuntime, { state, toldGaps }: Memory): void {
    for (const gap of state?.gaps ?? []) {
      if (toldGaps.has(gap.first)) continue;
      toldGaps.add(gap.first);
      this.#parts.events.emit("archive.gap", { cluster }, { first: gap.first, last: gap.last, segments: gap.segments });
    }
  }

  /** The restorable time begins anew behind a gap, and begins at all with the first snapshot. */
  async #haveSnapshot({ name, record }: ClusterRuntime, memory: Memory): Promise<void> {
    const { clock, operations } = this.#parts;
    const firstAt = memory.state?.bases === 0 ? firstSnapshotAt(record) : undefined;
    const mayBeFirst = firstAt !== undefined && clock.wallNow() > firstAt;
    const isCutOff = memory.state?.isCutOff === true;
    if (!mayBeFirst && !isCutOff) return;
    if (clock.now() - memory.snapshotTriedAt < snapshotRetryMs) return;
    if (mayBeFirst && (await this.#hasSnapshots(name))) return;
    if (operations.underWay(name).length > 0) return;
    memory.snapshotTriedAt = clock.now();
    await beginSnapshot(this.#parts, name, { why: isCutOff ? "asked" : "daily", here: false }, matriarch);
    memory.thoroughAt = -Infinity;
  }

  /** On any host; one that cannot be asked may have some. */
  async #hasSnapshots(name: string): Promise<boolean> {
    const { snapshots, missing } = await listSnapshots(this.#parts, name, { here: false });
    return missing.length > 0 || snapshots.some((snapshot) => snapshot.is_current);
  }

  /** Pure but for the events of a change. */
  #judge({ name: cluster, record }: ClusterRuntime, memory: Memory, waiting: Waiting): ArchiveLook {
    const now = this.#parts.clock.now();
    const [oldest] = waiting.names;
    const isStuck = waiting.problem !== undefined && oldest !== undefined && memory.failingFile === oldest;
    memory.failingSince = isStuck ? (memory.failingSince ?? now) : undefined;
    memory.failingFile = waiting.problem === undefined ? undefined : oldest;
    const waitingBytes = waiting.names.length * (memory.state?.segmentBytes ?? usualSegmentBytes);
    const reason = waiting.problem ?? "";
    if (isStuck && !memory.isTold)
      this.#parts.events.emit("archive.failing", { cluster }, { reason, waiting_bytes: waitingBytes });
    else if (memory.isTold && waiting.problem === undefined && oldest === undefined)
      this.#parts.events.emit("archive.working", { cluster });
    memory.isTold = isStuck || (memory.isTold && (waiting.problem !== undefined || oldest !== undefined));
    const same = {
      waitingBytes,
      windows: memory.state?.windows ?? [],
      ...(memory.repositoryUntil === undefined ? {} : { repositoryUntil: memory.repositoryUntil }),
      ...(memory.state?.archivedUntil === undefined ? {} : { archivedUntil: memory.state.archivedUntil }),
      ...(memory.state?.windows.length === 0 && firstToCome(record, this.#parts.clock.wallNow())),
      ...(memory.state?.hasEarlier === true && { hasEarlier: true }),
    };
    if (!memory.archives)
      return { ...same, state: "after-restart", reason: "its server was started before there were archives" };
    if (waiting.isGivenUp) return { ...same, state: "given-up", reason: "it would have filled the disk" };
    return memory.isTold ? { ...same, state: "failing", reason } : { ...same, state: "archiving" };
  }

  /**
   * The servers' writes come first: the archive lets go before the disk is full, and begins again when there is room.
   * @returns whether it has begun again
   */
  async #relieve(cluster: ClusterRuntime, { dataDirectory }: MemberRecord, { look, waiting }: Seen): Promise<boolean> {
    const { home, servers, events } = this.#parts;
    const disk = await statfs(home);
    const [freeBytes, homeBytes] = [disk.bavail * disk.bsize, disk.blocks * disk.bsize];
    const diskBytes = Math.min(homeBytes, cluster.record.spec.value.volumeBytes ?? homeBytes);
    const leastFree = freeBytesMin(homeBytes);
    const files = archiveFilesOf(dataDirectory);
    if (look.state === "given-up" && look.waitingBytes === 0) {
      if (freeBytes < leastFree * 1.5) return false;
      await rm(files.giveUp, { force: true });
      await rm(files.missed, { force: true });
      events.emit("archive.resumed", { cluster: cluster.name });
      return true;
    }
    const waitsTooMuch = look.waitingBytes > waitingBytesMax(diskBytes);
    const isOffsite = waiting.problem?.includes(offsiteRefused) === true;
    if (isOffsite && (waitsTooMuch || freeBytes < leastFree))
      await this.#leaveRepositories(cluster, dataDirectory, { look, waiting });
    const isTooMuch = freeBytes < leastFree || (waitsTooMuch && !isOffsite);
    if (look.state === "given-up" || look.state === "after-restart" || !isTooMuch) return false;
    await replaceOwned(files.giveUp, "", servers.owner);
    await wakeArchiver(dataDirectory);
    const fields = { reason: look.reason ?? "", waiting_bytes: look.waitingBytes, free_bytes: freeBytes };
    events.emit("archive.given-up", { cluster: cluster.name }, fields);
    return false;
  }

  /** The archive on this host has it for them; what the server would keep for them could fill its disk. */
  async #leaveRepositories(
    { name, record }: ClusterRuntime,
    dataDirectory: string,
    { look, waiting }: Seen,
  ): Promise<void> {
    const { servers, events } = this.#parts;
    const numbers = (record.spec.value.backups?.repositories ?? []).map(({ number }) => number);
    const [since] = waiting.names;
    if (since === undefined) return;
    const left = await leaveBehind(dataDirectory, { numbers, since }, servers.owner);
    if (left.length === 0) return;
    await wakeArchiver(dataDirectory);
    const fields = { repositories: left.join(", "), waiting_bytes: look.waitingBytes };
    events.emit("backup.left-behind", { cluster: name }, fields);
  }
}

/** Where daily ones are on: some time after the cluster was made, restored in place, or failed over last. */
function firstSnapshotAt({ spec, reign }: ClusterRecord): number | undefined {
  const { snapshots = defaultPolicy, createdAt } = spec.value;
  return snapshots.daily ? Math.max(createdAt, reign.value.since) + firstSnapshotMs : undefined;
}

/** One that is late was refused, for want of room mostly: when the next attempt succeeds cannot be told. */
function firstToCome(record: ClusterRecord, now: number): Pick<ArchiveLook, "firstSnapshotAt"> {
  const at = firstSnapshotAt(record);
  return at === undefined || at + thoroughEveryMs < now ? {} : { firstSnapshotAt: at };
}
