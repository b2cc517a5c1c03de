/**
 * Chooses the driver of volumes by what the home's file system can do. Called once when the agent starts. Changes
 * nothing, but for a small file that is copied and removed to see whether blocks can be shared.
 */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BtrfsPool, whyNoQuota } from "./btrfs.ts";
import { DirectoryPool } from "./directory.ts";
import { mountOf, type Mount } from "./mounts.ts";
import type { VolumePool } from "./port.ts";
import { hasTool, tryTool } from "./tools.ts";
import { XfsPool } from "./xfs.ts";

/** @param home the directory that volumes and snapshots will be below */
export async function openVolumePool(home: string): Promise<VolumePool> {
  const mount = await mountOf(home);
  const sharesBlocks = await canShare(home);
  switch (mount?.type) {
    case "xfs":
      return openXfs(mount, sharesBlocks);
    case "btrfs":
      if (await hasTool("btrfs")) return new BtrfsPool({ noFixedSize: await whyNoQuota(mount.directory) });
      return plain("btrfs", sharesBlocks, "the program btrfs is not there; Debian has it in btrfs-progs");
    default:
      return plain(
        mount?.type ?? process.platform,
        sharesBlocks,
        `${mount?.type ?? "this file system"} cannot hold directories to a size; xfs and btrfs can`,
      );
  }
}

async function openXfs(mount: Mount, sharesBlocks: boolean): Promise<VolumePool> {
  const reason = await whyNoProjects(mount);
  if (reason === undefined) return new XfsPool(mount.directory, { sharesBlocks });
  return plain("xfs", sharesBlocks, reason);
}

async function whyNoProjects({ directory, options }: Mount): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "the agent does not run as root, who alone may set quotas of xfs";
  if (!(await hasTool("xfs_quota"))) return "the program xfs_quota is not there; Debian has it in xfsprogs";
  if (options.includes("prjquota") || options.includes("pquota")) return undefined;
  return `the xfs at ${directory} is not mounted with project quotas; add prjquota to its options in /etc/fstab and mount it anew`;
}

function plain(fileSystem: string, sharesBlocks: boolean, noFixedSize: string): VolumePool {
  return new DirectoryPool({ fileSystem, sharesBlocks, noFixedSize });
}

async function canShare(home: string): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const [from, to] = [join(home, `.share-${process.pid}`), join(home, `.shared-${process.pid}`)];
  try {
    await writeFile(from, Buffer.alloc(4096, 1));
    return (await tryTool("cp", ["--reflink=always", from, to])).failure === undefined;
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}
