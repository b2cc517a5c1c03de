/**
 * A data directory without a server: what it was, whether it was left in order, where its log ends. Called by the
 * observer. Only reads; a directory that cannot be understood is reported as damaged, never as absent.
 */
import { readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { laterLsn, type Lsn } from "../../../domain/lsn.ts";
import { isHalfRewound } from "../clone/rewind.ts";
import { readControl, type ControlData } from "../provision/control-file.ts";
import { endOfRecord, segmentBytesOf } from "./wal-files.ts";

export type DirectoryState =
  | { readonly kind: "absent" }
  | { readonly kind: "damaged" }
  | {
      readonly kind: "stopped";
      readonly clean: boolean;
      readonly wasPrimary: boolean;
      readonly timeline: number;
      readonly end: Lsn | undefined;
    };

const segmentBytes = 16 * 1024 * 1024;

/** Without these no server starts; a plain look finds them missing before a start is tried. */
const essentials = ["PG_VERSION", "global/pg_control", "base", "pg_wal", "pg_xact", "global"];

export async function inspectDirectory(dataDirectory: string): Promise<DirectoryState> {
  const entries = await readdir(dataDirectory).catch(() => undefined);
  if (entries === undefined || entries.length === 0) return { kind: "absent" };
  const found = await Promise.all(essentials.map((name) => stat(join(dataDirectory, name)).catch(() => undefined)));
  if (found.includes(undefined) || (await isHalfRewound(dataDirectory))) return { kind: "damaged" };
  const control = await readControl(dataDirectory).catch(() => undefined);
  return control === undefined ? { kind: "damaged" } : await describe(dataDirectory, control);
}

async function describe(dataDirectory: string, control: ControlData): Promise<DirectoryState> {
  const clean = control.state === "shut down" || control.state === "shut down in recovery";
  const wasPrimary = control.state !== "shut down in recovery" && control.state !== "in archive recovery";
  // After a promotion the first checkpoint is late; until then only the minimum recovery point names the new timeline.
  const timeline = Math.max(control.timeline, control.minRecoveryTimeline);
  if (control.state !== "shut down") return { kind: "stopped", clean, wasPrimary, timeline, end: undefined };
  const segmentBytes = await segmentBytesOf(dataDirectory);
  const end = await endOfRecord(dataDirectory, control.timeline, control.checkpoint, segmentBytes);
  return { kind: "stopped", clean, wasPrimary, timeline, end: end && laterLsn(end, control.checkpoint) };
}

/** Not even one more segment of log would fit. */
export async function isFull(directory: string): Promise<boolean> {
  const found = await statfs(directory).catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize < segmentBytes;
}
