/**
 * How a directory that took long to fill gets its final name: filled under another one, put on disk, renamed. Used for
 * templates and data directories.
 */
import { execFile } from "node:child_process";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";

/** A copy leaves as much to be written as the kernel keeps in memory, for a disk that may be slow and busy. */
const syncTimeoutMs = 3_600_000;

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

/** A small file that is there whole or as it was before, for nobody else to read. */
export async function replaceDurably(path: string, text: string): Promise<void> {
  const file = await open(`${path}.tmp`, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  await syncDirectory(dirname(path));
}
