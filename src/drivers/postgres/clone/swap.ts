/**
 * Puts a new data directory in the place of the old one, which stays beside it. Called by `clone`, and at the first look
 * after a start of the agent to finish what was cut short. Never removes the last directory that is known to be good:
 * one that is kept was good, and what took its place has not streamed yet (I9).
 *
 *   data.new    being built; worth nothing
 *   data.ready  built and on disk
 *   data        the member's
 *   data.kept   the one before
 */
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

export interface SwapPaths {
  readonly data: string;
  readonly building: string;
  readonly ready: string;
  readonly kept: string;
}

export function swapPaths(dataDirectory: string): SwapPaths {
  return {
    data: dataDirectory,
    building: `${dataDirectory}.new`,
    ready: `${dataDirectory}.ready`,
    kept: `${dataDirectory}.kept`,
  };
}

/** The directory in `building`, complete and synced, becomes the member's. Every step can be the last before a crash. */
export async function putInPlace(paths: SwapPaths): Promise<void> {
  await rename(paths.building, paths.ready);
  await syncDirectory(dirname(paths.data));
  await finishSwap(paths);
}

/** Goes on where a crash left it: forward once the new directory was ready, back before. */
export async function finishSwap(paths: SwapPaths): Promise<void> {
  await rm(paths.building, { recursive: true, force: true });
  if (!(await exists(paths.ready))) return;
  if (await exists(paths.data)) {
    if (await exists(paths.kept)) await rm(paths.data, { recursive: true });
    else await rename(paths.data, paths.kept);
  }
  await rename(paths.ready, paths.data);
  await syncDirectory(dirname(paths.data));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  await directory.sync();
  await directory.close();
}
