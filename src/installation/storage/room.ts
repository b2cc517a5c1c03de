/**
 * Ends a copy before it takes the room that the servers beside it need: whatever else fills the disk meanwhile, a copy
 * harms nobody. Used around everything that copies or replays on this host.
 */
import { formatSize } from "../../contract/units.ts";
import { freeBytes } from "../../drivers/volume/directory.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";

/** A server that has no room for a segment of its log ends, and needs 64 MB to come up again; copies write fast. */
const leastBytes = 128 * 2 ** 20;
const lookEveryMs = 100;

/** @throws OpError too-little-disk, and whatever `work` throws */
export async function withRoom<T>(
  { home }: Pick<Parts, "home">,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const full = new AbortController();
  const look = async (): Promise<void> => {
    const free = await freeBytes(home);
    if (free < leastBytes) full.abort(tooLittle(free));
  };
  const watch = setInterval(() => void look().catch(() => undefined), lookEveryMs);
  try {
    return await work(AbortSignal.any([signal, full.signal]));
  } catch (error) {
    full.signal.throwIfAborted();
    throw error;
  } finally {
    clearInterval(watch);
  }
}

function tooLittle(free: number): OpError {
  return new OpError("too-little-disk", {
    message: `the disk became full while the copy was made: ${formatSize(free)} were left`,
    detail: `${formatSize(leastBytes)} are left to the servers. What had been copied is removed again.`,
    hint: "Free some room and try again, or delete older snapshots: matriarch snapshot delete.",
  });
}
