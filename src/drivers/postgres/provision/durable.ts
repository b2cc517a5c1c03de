/**
 * How a directory that took long to fill gets its final name: filled under another one, put on disk, renamed. Used for
 * templates and data directories.
 */
import { execFile } from "node:child_process";
import { open } from "node:fs/promises";
import { promisify } from "node:util";

const syncTimeoutMs = 120_000;

/** What `directory` is called until it is complete. */
export function partialName(directory: string): string {
  return `${directory}.partial`;
}

/**
 * One syncfs for each file system is much quicker than an fsync of each of the thousand files of each member. macOS
 * knows only the whole.
 */
export async function syncFileSystem(directories: readonly string[], signal: AbortSignal): Promise<void> {
  const args = process.platform === "darwin" ? [] : ["-f", ...directories];
  await promisify(execFile)("sync", args, { signal, timeout: syncTimeoutMs });
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
