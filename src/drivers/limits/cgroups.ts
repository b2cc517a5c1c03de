/**
 * Groups as directories of the kernel's cgroup file systems. Made by find.ts. Moves only the processes that it is given
 * and their children, and touches no group but its own.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { readdir, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { filesOfV1, filesOfV2, hasRoomFor, type GroupFiles, type GroupPlace } from "./group-files.ts";
import type { Groups, GroupUse, Limit } from "./port.ts";

export interface CgroupPlaces {
  readonly version: 1 | 2;
  /** directories that the groups are made in */
  readonly memory: string;
  readonly cpu: string | undefined;
  /** begins the name of every group: other installations on this machine have others */
  readonly prefix: string;
}

export class Cgroups implements Groups {
  readonly kind: string;
  readonly #places: CgroupPlaces;
  readonly #files: GroupFiles;

  constructor(places: CgroupPlaces) {
    this.#places = places;
    this.#files = places.version === 1 ? filesOfV1 : filesOfV2;
    this.kind = `cgroup v${places.version}`;
  }

  launch(name: string, pid: number, limit: Limit): void {
    const place = this.#placeOf(name);
    // A group that is there has its limit, and lowering it may take the kernel a while: that is `change`.
    if (this.#make(place)) this.#files.limitNew(place, limit);
    for (const directory of directoriesOf(place)) moveInto(directory, pid);
  }

  async admit(name: string, pid: number): Promise<void> {
    const place = this.#placeOf(name);
    this.#make(place);
    for (const directory of directoriesOf(place)) {
      moveInto(directory, pid);
      // Those that it had before; later ones are born into its group.
      for (const child of await childrenOf(pid)) ignoringGone(() => moveInto(directory, child));
    }
  }

  async change(name: string, limit: Limit, mayTake: boolean): Promise<boolean> {
    const place = this.#placeOf(name);
    this.#files.limitCpu(place, limit.cpus);
    const use = await this.#files.use(place);
    if (use.memoryLimitBytes === limit.memoryBytes) return true;
    const isLess = (limit.memoryBytes ?? Infinity) < (use.memoryLimitBytes ?? Infinity);
    if (isLess && !(mayTake && hasRoomFor(use, limit))) return false;
    await this.#files.limitMemory(place, limit.memoryBytes);
    return true;
  }

  async use(name: string): Promise<GroupUse | undefined> {
    return await this.#files.use(this.#placeOf(name)).catch(() => undefined);
  }

  async remove(name: string): Promise<boolean> {
    const place = this.#placeOf(name);
    for (const directory of directoriesOf(place)) await rmdir(directory).catch(() => undefined);
    return !existsSync(place.memory);
  }

  async sweep(): Promise<void> {
    const { memory, prefix } = this.#places;
    const found = (await readdir(memory).catch(() => [])).filter((name) => name.startsWith(prefix));
    for (const name of found) await this.remove(name.slice(prefix.length));
  }

  #placeOf(name: string): GroupPlace {
    const { memory, cpu, prefix } = this.#places;
    const group = `${prefix}${name}`;
    return { memory: join(memory, group), cpu: cpu === undefined ? undefined : join(cpu, group) };
  }

  /** @returns whether it was not there */
  #make(place: GroupPlace): boolean {
    if (directoriesOf(place).every(existsSync)) return false;
    const { version, memory } = this.#places;
    mkdirSync(memory, { recursive: true });
    // A group of v2 has the files of a controller only when the one above hands it down.
    if (version === 2) writeFileSync(join(memory, "cgroup.subtree_control"), "+memory +cpu", { flag: "r+" });
    for (const directory of directoriesOf(place)) mkdirSync(directory, { recursive: true });
    return true;
  }
}

function directoriesOf({ memory, cpu }: GroupPlace): readonly string[] {
  return cpu === undefined || cpu === memory ? [memory] : [memory, cpu];
}

function moveInto(directory: string, pid: number): void {
  writeFileSync(join(directory, "cgroup.procs"), String(pid), { flag: "r+" });
}

/** A server's processes are children of its postmaster, and have none themselves but for short commands. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text.split(" ").filter(Boolean).map(Number);
}

/** ESRCH: it has ended meanwhile. */
function ignoringGone(move: () => void): void {
  try {
    move();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
