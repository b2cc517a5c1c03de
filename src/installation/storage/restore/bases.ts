/** Snapshots of this host as what a recovery begins with: from which position, and from which moment on. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLsn, type Lsn } from "../../../domain/lsn.ts";
import { isOffTheLine, type Snapshot } from "../../../domain/snapshot.ts";
import type { WalPosition } from "../../../domain/timeline.ts";
import { parseSegmentName, segmentStart } from "../../../domain/wal-file.ts";
import { replayStart } from "../../../drivers/postgres/archive/replay-start.ts";
import { writtenSegments } from "../../../drivers/postgres/archive/written.ts";
import { readControl } from "../../../drivers/postgres/provision/control-file.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { readSnapshots, volumeOfSnapshot } from "../snapshots/files.ts";

export interface Base {
  readonly snapshot: Snapshot;
  /** where recovery begins to read */
  readonly start: WalPosition;
  /** no target before this position can be reached; Postgres itself may find that it is later */
  readonly earliest: Lsn;
  /** wall clock: nor before this */
  readonly consistentAt: number;
  readonly nextTransaction: bigint;
}

/** Newest first; what cannot be read is none, nor what the cluster's log does not lead on from. */
export async function basesHere(parts: Pick<Parts, "home">, cluster: string): Promise<readonly Base[]> {
  const onTheLine = (await readSnapshots(parts, cluster)).filter((snapshot) => !isOffTheLine(snapshot));
  const read = await Promise.all(onTheLine.map((snapshot) => readBase(parts, snapshot).catch(() => undefined)));
  return read.flatMap((base) => base ?? []).toSorted((a, b) => b.consistentAt - a.consistentAt);
}

/** @throws OpError snapshot-damaged when it cannot be read, or is not what its description says */
export async function readBase(parts: Pick<Parts, "home">, snapshot: Snapshot): Promise<Base> {
  return await baseOf(parts, snapshot).catch((cause: unknown) => {
    throw cause instanceof OpError && cause.code === "snapshot-damaged" ? cause : unreadable(snapshot.id, cause);
  });
}

async function baseOf(parts: Pick<Parts, "home">, snapshot: Snapshot): Promise<Base> {
  const data = join(volumeOfSnapshot(parts, snapshot), "data");
  const control = await readControl(data);
  await refuseForeign(snapshot, data, control.systemIdentifier);
  const said = await replayStart(data);
  const start = { timeline: said.timeline, lsn: parseLsn(said.lsn) };
  // Copied in one moment from a server that was writing: all of the log that came along is replayed, whatever the target.
  const isCrashed = snapshot.how === "atomic" && control.state === "in production";
  return {
    snapshot,
    start,
    earliest: isCrashed ? await endOfLog(data, control.walSegmentBytes, start.lsn) : start.lsn,
    consistentAt: snapshot.createdAt + snapshot.tookMs,
    nextTransaction: control.nextTransaction,
  };
}

async function refuseForeign({ id, spec }: Snapshot, data: string, systemIdentifier: bigint): Promise<void> {
  const major = (await readFile(join(data, "PG_VERSION"), "utf8").catch(() => "")).trim();
  const isOwn = String(systemIdentifier) === spec.systemIdentifier && major === String(spec.major);
  if (isOwn) return;
  throw new OpError("snapshot-damaged", {
    message: `snapshot ${id} is not what its description says`,
    detail: `Its data is of Postgres ${major || "?"} and of system ${systemIdentifier}, and should be of Postgres ${spec.major} and of system ${spec.systemIdentifier}.`,
    hint: "Use another one: matriarch snapshot list.",
  });
}

function unreadable(id: string, cause: unknown): OpError {
  return new OpError("snapshot-damaged", {
    message: `snapshot ${id} cannot be read`,
    detail: cause instanceof Error ? `${cause.message}.` : "Its files are damaged, or gone.",
    hint: "Use another one: matriarch snapshot list.",
    cause,
  });
}

async function endOfLog(data: string, segmentBytes: number, from: Lsn): Promise<Lsn> {
  const directory = join(data, "pg_wal");
  const numbers = (await writtenSegments(directory, segmentBytes)).map(
    (name) => parseSegmentName(name, segmentBytes)?.segment ?? 0,
  );
  return numbers.length === 0 ? from : segmentStart(Math.max(...numbers) + 1, segmentBytes);
}
