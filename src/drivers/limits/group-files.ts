/**
 * The kernel's files of one group, which cgroup v1 and v2 name differently. Called by cgroups.ts. Never creates a group.
 * Sources: kernel documentation, cgroup-v1/memory, scheduler/sched-bwc, cgroup-v2.
 */
import { writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GroupUse, Limit } from "./port.ts";

/** Directories of the same group in the trees of memory and of processor time. */
export interface GroupPlace {
  readonly memory: string;
  /** undefined: processor time is not limited on this machine */
  readonly cpu: string | undefined;
}

export interface GroupFiles {
  /** The kernel may have to make room first, which takes as long as it takes. */
  limitMemory(place: GroupPlace, bytes: number | undefined): Promise<void>;
  limitCpu(place: GroupPlace, cpus: number | undefined): void;
  /** of a group that nothing is in */
  limitNew(place: GroupPlace, limit: Limit): void;
  /** @throws Error ENOENT when there is no such group */
  use(place: GroupPlace): Promise<GroupUse>;
}

/** The usual one of both versions: short enough that nobody waits long for the next one. */
const periodMicros = 100_000;
/** A file that is not there is none that the kernel offers, and must not become one. */
const existing = { flag: "r+" } as const;

export const filesOfV1: GroupFiles = {
  limitMemory: ({ memory }, bytes) => writeFile(join(memory, "memory.limit_in_bytes"), String(bytes ?? -1), existing),
  limitCpu: ({ cpu }, cpus) => {
    if (cpu === undefined) return;
    write(cpu, "cpu.cfs_period_us", periodMicros);
    write(cpu, "cpu.cfs_quota_us", cpus === undefined ? -1 : Math.round(cpus * periodMicros));
  },
  limitNew: (place, { memoryBytes, cpus }) => {
    if (memoryBytes !== undefined) write(place.memory, "memory.limit_in_bytes", memoryBytes);
    filesOfV1.limitCpu(place, cpus);
  },
  use: async ({ memory }) => {
    const [usage, stat, limit, oom] = await Promise.all(
      ["memory.usage_in_bytes", "memory.stat", "memory.limit_in_bytes", "memory.oom_control"].map((name) =>
        readFile(join(memory, name), "utf8"),
      ),
    );
    const files = figure(stat, "total_inactive_file") + figure(stat, "total_active_file");
    return {
      heldBytes: Math.max(0, Number(usage) - files),
      // Without one it says the largest number that the kernel can count in pages.
      memoryLimitBytes: Number(limit) > Number.MAX_SAFE_INTEGER ? undefined : Number(limit),
      outOfMemoryKills: figure(oom, "oom_kill"),
    };
  },
};

export const filesOfV2: GroupFiles = {
  // Not memory.high: it would slow the server down until it counts as one that does not answer.
  limitMemory: ({ memory }, bytes) => writeFile(join(memory, "memory.max"), String(bytes ?? "max"), existing),
  limitCpu: ({ memory }, cpus) =>
    write(memory, "cpu.max", `${cpus === undefined ? "max" : Math.round(cpus * periodMicros)} ${periodMicros}`),
  limitNew: (place, { memoryBytes, cpus }) => {
    write(place.memory, "memory.max", memoryBytes ?? "max");
    filesOfV2.limitCpu(place, cpus);
  },
  use: async ({ memory }) => {
    const [usage, stat, limit, events] = await Promise.all(
      ["memory.current", "memory.stat", "memory.max", "memory.events"].map((name) =>
        readFile(join(memory, name), "utf8"),
      ),
    );
    const files = figure(stat, "inactive_file") + figure(stat, "active_file");
    return {
      heldBytes: Math.max(0, Number(usage) - files),
      memoryLimitBytes: limit?.trim() === "max" ? undefined : Number(limit),
      outOfMemoryKills: figure(events, "oom_kill"),
    };
  },
};

/** Of a file with a name and a number in each line. */
function figure(text: string | undefined, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text ?? "")?.[1] ?? 0);
}

function write(directory: string, name: string, value: number | string): void {
  writeFileSync(join(directory, name), String(value), existing);
}

/** Whether a limit may be lowered to so much now: with a little room, for what is under way. */
export function hasRoomFor({ heldBytes }: GroupUse, { memoryBytes }: Limit): boolean {
  return memoryBytes === undefined || heldBytes < memoryBytes * 0.95;
}
