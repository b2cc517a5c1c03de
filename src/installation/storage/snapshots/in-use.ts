/** Snapshots that something is being made of, by their volumes: until it is done they and the log after them stay. */
import { OpError } from "../../../errors/op-error.ts";

const readers = new Map<string, number>();

export async function whileInUse<T>(volume: string | undefined, work: () => Promise<T>): Promise<T> {
  if (volume === undefined) return work();
  readers.set(volume, (readers.get(volume) ?? 0) + 1);
  try {
    return await work();
  } finally {
    const left = (readers.get(volume) ?? 1) - 1;
    if (left > 0) readers.set(volume, left);
    else readers.delete(volume);
  }
}

export function isInUse(volume: string): boolean {
  return readers.has(volume);
}

/** @throws OpError busy */
export function refuseInUse(id: string, volume: string): void {
  if (!isInUse(volume)) return;
  throw new OpError("busy", {
    message: `a cluster is being made of snapshot ${id}`,
    hint: "Wait for its end and try again.",
  });
}
