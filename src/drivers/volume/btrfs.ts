/**
 * Volumes as btrfs subvolumes: a copy of one is made at once, of one moment, whatever its size and whatever is written.
 * A fixed size is a limit of the subvolume's quota group, which needs root and quotas that somebody has turned on.
 * A plain directory on btrfs, made before there were volumes, is copied file by file.
 * Source: btrfs-subvolume(8), btrfs-qgroup(8).
 */
import { stat } from "node:fs/promises";
import { OpError } from "../../errors/op-error.ts";
import { DirectoryPool, freeBytes, giveTo, isThere, makeParents, refuseExisting, usageWithin } from "./directory.ts";
import type { VolumePool, VolumeUsage, VolumeWish } from "./port.ts";
import { tooSmall } from "./refusals.ts";
import { runTool, tryTool } from "./tools.ts";

/** Of the root directory of every subvolume, and of nothing else. Source: BTRFS_FIRST_FREE_OBJECTID. */
const rootInode = 256;

export class BtrfsPool extends DirectoryPool {
  override readonly kind = "btrfs";

  constructor(pool: Pick<VolumePool, "noFixedSize">) {
    super({ ...pool, fileSystem: "btrfs", sharesBlocks: true });
  }

  override async create(volume: string, wish: VolumeWish): Promise<void> {
    if (!(await isThere(volume))) {
      await makeParents(volume, wish.owner);
      await runTool("btrfs", ["subvolume", "create", volume]);
      await giveTo(volume, wish.owner);
    }
    if (wish.sizeBytes !== undefined) await this.resize(volume, wish.sizeBytes);
  }

  override async usage(volume: string): Promise<VolumeUsage> {
    if (this.noFixedSize !== undefined || !(await this.isAtomic(volume))) return super.usage(volume);
    const { stdout } = await tryTool("btrfs", ["qgroup", "show", "--raw", "-r", "-f", "--sync", volume]);
    // Qgroupid, referenced, exclusive, most that may be referenced or "none"
    const [, used, , limit] = /^0\/\d+\s+(\d+)\s+(\d+)\s+(\d+|none)/m.exec(stdout) ?? [];
    if (used === undefined || limit === undefined) return super.usage(volume);
    const inPool = await freeBytes(volume);
    return usageWithin(Number(used), limit === "none" ? undefined : Number(limit), inPool);
  }

  override async resize(volume: string, sizeBytes: number): Promise<void> {
    if (this.noFixedSize !== undefined) return;
    if (!(await this.isAtomic(volume)))
      throw new OpError("volume-failed", {
        message: `"${volume}" is a plain directory, which btrfs cannot hold to a size`,
        hint: "A member that is added now gets a subvolume: matriarch member add, then matriarch member remove.",
      });
    const { usedBytes } = await this.usage(volume);
    if (sizeBytes <= usedBytes) throw tooSmall(sizeBytes, usedBytes);
    await runTool("btrfs", ["qgroup", "limit", String(sizeBytes), volume]);
  }

  override async isAtomic(volume: string): Promise<boolean> {
    return (await stat(volume).catch(() => undefined))?.ino === rootInode;
  }

  override async copy(source: string, target: string, wish: VolumeWish, signal: AbortSignal): Promise<void> {
    await refuseExisting(target);
    if (!(await this.isAtomic(source))) return super.copy(source, target, wish, signal);
    await makeParents(target, wish.owner);
    await runTool("btrfs", ["subvolume", "snapshot", source, target], { signal });
    await giveTo(target, wish.owner);
    if (wish.sizeBytes !== undefined) await this.resize(target, wish.sizeBytes);
  }

  /** Ordinary users may not delete subvolumes, but may empty them and remove them as directories. */
  override async remove(volume: string): Promise<void> {
    if (await this.isAtomic(volume)) {
      const { failure } = await tryTool("btrfs", ["subvolume", "delete", "--commit-after", volume]);
      if (failure === undefined) return;
    }
    await super.remove(volume);
  }
}

/** undefined: sizes can be enforced below this directory. */
export async function whyNoQuota(directory: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "the agent does not run as root, who alone may set quotas of btrfs";
  const { failure } = await tryTool("btrfs", ["qgroup", "show", directory]);
  if (failure === undefined) return undefined;
  return `quotas are off on this btrfs; turn them on with: btrfs quota enable ${directory}`;
}
