/** A proof must leave the disk as it would be without it: it is refused where its copy would not fit with room to spare. */
import { statfs } from "node:fs/promises";
import { setInterval } from "node:timers";
import { formatSize } from "../../contract/units.ts";
import { freeBytesMin } from "../../domain/archive.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";

const lookEveryMs = 1000;
/** For the log that its server writes, and what replay adds. */
const replayBytes = 384 * 2 ** 20;

interface Disk {
  readonly freeBytes: number;
  /** below this the archive gives up */
  readonly keptBytes: number;
}

async function diskOf(path: string): Promise<Disk> {
  const { blocks, bavail, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, keptBytes: freeBytesMin(blocks * bsize) };
}

/** @throws OpError too-little-disk */
export async function refuseNoRoom({ home, servers }: Parts, bytes: number): Promise<void> {
  const { freeBytes, keptBytes } = await diskOf(home);
  const needed = (servers.pool.sharesBlocks ? 0 : bytes * 1.1) + replayBytes + keptBytes;
  if (freeBytes >= needed) return;
  throw new OpError("too-little-disk", {
    message: `a test restore takes ${formatSize(needed)} with what must stay free, and ${formatSize(freeBytes)} are free`,
    hint: "Free some room, or delete older snapshots: matriarch snapshot delete.",
  });
}

/** While a proof is made: it ends as soon as the disk has no more to spare than the servers need. */
export function watchRoom({ home }: Parts): { readonly signal: AbortSignal; stop(): void } {
  const over = new AbortController();
  const look = async (): Promise<void> => {
    const { freeBytes, keptBytes } = await diskOf(home);
    if (freeBytes < keptBytes) over.abort(gaveWay(freeBytes));
  };
  const timer = setInterval(() => void look().catch(() => undefined), lookEveryMs);
  timer.unref();
  return { signal: over.signal, stop: () => clearInterval(timer) };
}

function gaveWay(freeBytes: number): OpError {
  return new OpError("too-little-disk", {
    message: `the test restore was given up, because only ${formatSize(freeBytes)} are free`,
    detail: "Its copy has been removed.",
    hint: "Free some room, or delete older snapshots: matriarch snapshot delete.",
  });
}
