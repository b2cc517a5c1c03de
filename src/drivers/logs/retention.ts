/**
 * Keeps what servers and processes write in their logs within bounds: files that are too old go, and then the oldest
 * until the rest is small enough. A file that somebody writes into is emptied at worst, never taken from its writer.
 * Called by the agent every few seconds, so that a storm of lines fills no disk.
 */
import { copyFile, rm, truncate } from "node:fs/promises";
import type { LogFileState, LogStream } from "./sources.ts";

export interface Retention {
  readonly days: number;
  /** of one member, or of one process */
  readonly bytes: number;
}

const dayMs = 86_400_000;
/** What a process without rotation of its own writes is turned over at this size. */
const turnOverBytes = 4 * 1024 * 1024;

/** @returns bytes that were freed */
export async function removeOldLogs(
  streams: readonly LogStream[],
  { days, bytes }: Retention,
  now: number,
): Promise<number> {
  const files = streams.flatMap((stream) => stream.files.slice(0, -1)).toSorted((a, b) => a.writtenAt - b.writtenAt);
  let kept = streams.reduce((sum, stream) => sum + stream.files.reduce((size, file) => size + file.size, 0), 0);
  let freed = 0;
  for (const file of files) {
    if (kept <= bytes && now - file.writtenAt <= days * dayMs) continue;
    await rm(file.path, { force: true });
    kept -= file.size;
    freed += file.size;
  }
  return freed;
}

/**
 * Of processes that know no rotation (etcd, PgBouncer) and append to one file: what it has is put aside, and it is
 * emptied. What is written between the two is lost: a few lines at worst, twice in 4 MB.
 */
export async function turnOver({ path, size }: LogFileState): Promise<boolean> {
  if (size <= turnOverBytes) return false;
  await copyFile(path, `${path}.1`);
  await truncate(path, 0);
  return true;
}
