/**
 * Volumes on xfs with project quotas: every volume is a project of its own, whose size the kernel enforces and changes
 * at once. Copies are reflinks. Needs root, `xfs_quota`, and a file system mounted with `prjquota`; open.ts sees to it.
 * A volume without a size is no project.
 * Source: xfs_quota(8).
 */
import { createHash } from "node:crypto";
import { OpError } from "../../errors/op-error.ts";
import { DirectoryPool, freeBytes, isThere, usageWithin } from "./directory.ts";
import type { VolumePool, VolumeUsage, VolumeWish } from "./port.ts";
import { tooSmall } from "./refusals.ts";
import { numberIn, runTool, tryTool } from "./tools.ts";

/** Lower numbers are for people, who give them away in /etc/projid. */
const firstProject = 0x4000_0000;
const projects = 0x3fff_ffff;
const kib = 1024;

export class XfsPool extends DirectoryPool {
  override readonly kind = "xfs";
  readonly #mount: string;

  constructor(mount: string, pool: Pick<VolumePool, "sharesBlocks">) {
    super({ ...pool, fileSystem: "xfs", noFixedSize: undefined });
    this.#mount = mount;
  }

  override async create(volume: string, wish: VolumeWish): Promise<void> {
    await super.create(volume, wish);
    if (wish.sizeBytes !== undefined) await this.resize(volume, wish.sizeBytes);
  }

  override async usage(volume: string): Promise<VolumeUsage> {
    const usage = await super.usage(volume);
    const project = await projectOf(volume);
    if (project === 0) return usage;
    const { used, limit } = await this.#quota(project);
    // Of the mount: below the volume, statfs tells of the project alone.
    return usageWithin(used, limit === 0 ? undefined : limit, await freeBytes(this.#mount));
  }

  override async resize(volume: string, sizeBytes: number): Promise<void> {
    const { usedBytes } = await this.usage(volume);
    if (sizeBytes <= usedBytes) throw tooSmall(sizeBytes, usedBytes);
    const project = (await projectOf(volume)) || (await this.#enlist(volume));
    await this.#ask(`limit -p bhard=${Math.ceil(sizeBytes / kib)}k ${project}`);
  }

  override async remove(volume: string): Promise<void> {
    const project = (await isThere(volume)) ? await projectOf(volume).catch(() => 0) : 0;
    await super.remove(volume);
    if (project !== 0) await this.#ask(`limit -p bhard=0 ${project}`);
  }

  /** What is there already, and what will come, belongs to the project. */
  async #enlist(volume: string): Promise<number> {
    const project = await this.#freeProject(volume);
    // Files that come and go under a running server make it complain; what it came to is looked at.
    await tryTool("xfs_quota", ["-x", "-c", `project -s -p ${volume} ${project}`, this.#mount]);
    if ((await projectOf(volume)) !== project)
      throw new OpError("volume-failed", { message: `"${volume}" could not be made a project of its file system` });
    return project;
  }

  /** From the path, so that two hosts' agents on one pool seldom meet; the next one where it is taken. */
  async #freeProject(volume: string): Promise<number> {
    const start = createHash("sha256").update(volume).digest().readUInt32BE(0) % projects;
    const report = await this.#ask("report -p -n -N -b");
    const taken = new Set([...report.matchAll(/^#(\d+)/gm)].map(([, id]) => Number(id)));
    for (let step = 0; step < projects; step += 1) {
      const project = firstProject + ((start + step) % projects);
      if (!taken.has(project)) return project;
    }
    throw new OpError("volume-failed", { message: "the file system has no project left" });
  }

  /** `#1234 used soft hard …`, in KiB */
  async #quota(project: number): Promise<{ readonly used: number; readonly limit: number }> {
    const report = await this.#ask(`report -p -n -N -b -L ${project} -U ${project}`);
    const line = new RegExp(`^#${project}\\s+(\\d+)\\s+\\d+\\s+(\\d+)`, "m").exec(report);
    return { used: kib * Number(line?.[1] ?? 0), limit: kib * Number(line?.[2] ?? 0) };
  }

  /** It ends with 0 whatever happened, and complains on its error output alone. */
  async #ask(command: string): Promise<string> {
    const script =
      'exec 3>&1; said=$(xfs_quota -x -c "$0" "$1" 2>&1 >&3 3>&-); [ -z "$said" ] || { echo "$said" >&2; exit 1; }';
    return runTool("sh", ["-c", script, command, this.#mount]);
  }
}

/** 0: of none. */
async function projectOf(volume: string): Promise<number> {
  const { stdout } = await tryTool("xfs_io", ["-r", "-c", "lsproj", volume]);
  return numberIn(stdout, /projid = (\d+)/, "what xfs_io printed");
}
