/**
 * Volumes as plain directories, on whatever file system there is: copies share their blocks where it can (xfs, btrfs),
 * and cost their full size elsewhere. No size is enforced. What the other drivers do, too, is done here.
 */
import { access, chmod, chown, mkdir, rm, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { OpError } from "../../errors/op-error.ts";
import type { VolumePool, VolumeUsage, VolumeWish } from "./port.ts";
import { numberIn, runTool, tryTool } from "./tools.ts";

/** A copy of a large volume, where blocks are not shared. */
const copyMs = 24 * 3_600_000;

export class DirectoryPool implements VolumePool {
  readonly kind: VolumePool["kind"] = "directory";
  readonly fileSystem: string;
  readonly sharesBlocks: boolean;
  readonly noFixedSize: string | undefined;

  constructor(pool: Pick<VolumePool, "fileSystem" | "sharesBlocks" | "noFixedSize">) {
    this.fileSystem = pool.fileSystem;
    this.sharesBlocks = pool.sharesBlocks;
    this.noFixedSize = pool.noFixedSize;
  }

  async create(volume: string, wish: VolumeWish): Promise<void> {
    await makeDirectory(volume, wish);
  }

  async usage(volume: string): Promise<VolumeUsage> {
    const free = await freeBytes(volume);
    return { usedBytes: await usedBytes(volume), limitBytes: undefined, freeBytes: free, poolFreeBytes: free };
  }

  async bytesIn(directory: string): Promise<number> {
    return (await isThere(directory)) ? usedBytes(directory) : 0;
  }

  async resize(_volume: string, _sizeBytes: number): Promise<void> {}

  async isAtomic(_volume: string): Promise<boolean> {
    return false;
  }

  async copy(source: string, target: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
    await refuseExisting(target);
    await this.create(target, wish);
    await copyContents(source, target, signal);
  }

  async remove(volume: string): Promise<void> {
    // Whoever wrote into it may not have ended at this very moment.
    await rm(volume, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** As the members' directories were always made: others may pass, the servers' user may write. */
export async function makeDirectory(volume: string, { owner }: VolumeWish): Promise<void> {
  if (await isThere(volume)) return;
  await makeParents(volume, owner);
  await mkdir(volume);
  await giveTo(volume, owner);
}

/** The server's user must be able to walk to the volume, whatever the umask. */
export async function makeParents(volume: string, owner: VolumeWish["owner"]): Promise<void> {
  const firstMade = await mkdir(dirname(volume), { recursive: true });
  if (firstMade === undefined || owner === undefined) return;
  for (let made = dirname(volume); made.startsWith(firstMade); made = dirname(made)) await chmod(made, 0o755);
}

export async function giveTo(volume: string, owner: VolumeWish["owner"]): Promise<void> {
  if (owner === undefined) return;
  await chmod(volume, 0o755);
  await chown(volume, owner.uid, owner.gid);
}

export async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whatever is there may be somebody's only copy. */
export async function refuseExisting(target: string): Promise<void> {
  if (!(await isThere(target))) return;
  throw new OpError("volume-failed", { message: `"${target}" exists already` });
}

/** `-a` keeps owners and modes; `cp` beats every copy made from Node by far. */
export async function copyContents(source: string, target: string, signal: AbortSignal): Promise<void> {
  const how = process.platform === "darwin" ? ["-c", "-Rp"] : ["-a", "--reflink=auto"];
  await runTool("cp", [...how, `${source}/.`, `${target}/`], { signal, withinMs: copyMs });
}

/** By its files' blocks. Files that vanish meanwhile make `du` complain, not fail. */
async function usedBytes(volume: string): Promise<number> {
  const { stdout } = await tryTool("du", ["-sk", volume]);
  return 1024 * numberIn(stdout, /^(\d+)/, "what du printed");
}

export function usageWithin(usedBytes: number, limitBytes: number | undefined, poolFreeBytes: number): VolumeUsage {
  const room = Math.max(0, (limitBytes ?? Number.POSITIVE_INFINITY) - usedBytes);
  return { usedBytes, limitBytes, freeBytes: Math.min(poolFreeBytes, room), poolFreeBytes };
}

export async function freeBytes(volume: string): Promise<number> {
  const { bavail, bsize } = await statfs(volume);
  return bavail * bsize;
}
