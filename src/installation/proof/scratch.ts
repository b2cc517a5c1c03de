/**
 * Where proofs are made: `proofs/CLUSTER/ID` below the home, a volume of its own that no client reaches and no record
 * knows. What an agent left there is removed by the next, its server first.
 */
import { chmod, mkdir, readdir, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { endLeftServer } from "../../drivers/postgres/clone/left-server.ts";
import type { Parts } from "../parts.ts";
import { removeFetchConfig } from "./repository.ts";

type ScratchParts = Pick<Parts, "home" | "servers">;

/** @param id of the operation */
export function scratchVolume({ home }: Pick<Parts, "home">, cluster: string, id: string): string {
  return join(home, "proofs", cluster, id);
}

/** Others may pass: the servers' user owns what is below. */
export async function makeScratchParent(volume: string): Promise<void> {
  for (const path of [dirname(dirname(volume)), dirname(volume)]) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
  }
}

export async function removeScratch({ servers }: Pick<Parts, "servers">, volume: string): Promise<void> {
  await endLeftServer(join(volume, "data"));
  await servers.pool.remove(volume);
  // Gone with the last of them.
  await rmdir(dirname(volume)).catch(() => undefined);
}

/** @param isUnderWay whether the operation of this id is made by this agent now */
export async function removeLeftProofs(parts: ScratchParts, isUnderWay: (id: string) => boolean): Promise<void> {
  const root = join(parts.home, "proofs");
  for (const cluster of await readdir(root).catch(() => []))
    for (const id of await readdir(join(root, cluster)).catch(() => []))
      if (!isUnderWay(id)) {
        await removeScratch(parts, join(root, cluster, id));
        await removeFetchConfig(parts, cluster, id);
      }
}
