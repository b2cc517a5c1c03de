/** Snapshots of this host as what a recovery begins with: from which position, and from which moment on. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLsn, type Lsn } from "../../../domain/lsn.ts";
import type { Snapshot } from "../../../domain/snapshot.ts";
import type { WalPosition } from "../../../domain/timeline.ts";
import { parseSegmentName, segmentStart } from "../../../domain/wal-file.ts";
import { readControl } from "../../../drivers/postgres/provision/control-file.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { readSnapshots, volumeOfSnapshot } from "../snapshots/files.ts";
import { isWritten } from "./kept-log.ts";

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

/** Newest first; what cannot be read is none. */
export async function basesHere(parts: Pick<Parts, "home">, cluster: string): Promise<readonly Base[]> {
  const read = await Promise.all(
    (await readSnapshots(parts, cluster)).map((snapshot) => readBase(parts, snapshot).catch(() => undefined)),
  );
  return read.flatMap((base) => base ?? []).toSorted((a, b) => b.consistentAt - a.consistentAt);
}

/** @throws OpError bad-value when it is not what its description says */
export async function readBase(parts: Pick<Parts, "home">, snapshot: Snapshot): Promise<Base> {
  const data = join(volumeOfSnapshot(parts, snapshot), "data");
  const control = await readControl(data);
  await refuseForeign(snapshot, data, control.systemIdentifier);
  const label = await readFile(join(data, "backup_label"), "utf8").catch(() => "");
  const [, from, timeline] = /START WAL LOCATION: (\S+) \(file ([0-9A-F]{8})/.exec(label) ?? [];
  const start =
    from === undefined || timeline === undefined
      ? { timeline: control.timeline, lsn: control.redo }
      : { timeline: Number.parseInt(timeline, 16), lsn: parseLsn(from) };
  // Without a label, and of a server that was writing, all of the log that came along is replayed, whatever the target.
  const isCrashed = label === "" && control.state === "in production";
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
  throw new OpError("bad-value", {
    message: `snapshot ${id} is not what its description says`,
    detail: `Its data is of Postgres ${major || "?"} and of system ${systemIdentifier}, and should be of Postgres ${spec.major} and of system ${spec.systemIdentifier}.`,
    hint: "Use another one: matriarch snapshot list.",
  });
}

async function endOfLog(data: string, segmentBytes: number, from: Lsn): Promise<Lsn> {
  const directory = join(data, "pg_wal");
  let end: Lsn = from;
  for (const name of await readdir(directory)) {
    const segment = parseSegmentName(name, segmentBytes);
    if (!segment || segment.isPartial || !(await isWritten(join(directory, name), segmentBytes))) continue;
    const after = segmentStart(segment.segment + 1, segmentBytes);
    if (after > end) end = after;
  }
  return end;
}
