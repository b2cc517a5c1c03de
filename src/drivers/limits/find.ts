/**
 * Whether this agent can keep servers to limits, and by which groups. Called once, when the agent starts. Makes an empty
 * group to see whether it may, and takes it away again.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { Cgroups } from "./cgroups.ts";
import { readHierarchies, type Hierarchies } from "./hierarchies.ts";
import type { Groups, Obstacle } from "./port.ts";

export interface FindOptions {
  readonly home: string;
  /** of the agent's settings: a group to make the members' groups in, or `off` */
  readonly parent: string | undefined;
}

const usualParent = "/matriarch";

export function findGroups({ home, parent }: FindOptions): Groups | Obstacle {
  if (parent === "off")
    return { why: "it is switched off (MATRIARCH_CGROUP=off)", how: "Start the agent without that." };
  const hierarchies = process.platform === "linux" ? hierarchiesHere() : undefined;
  if (!hierarchies) return { why: "this system has no control groups for memory", how: "Linux has them." };
  const below = parent ?? parentFor(hierarchies);
  if (below === undefined) return giveOne;
  const { version } = hierarchies;
  const prefix = `${createHash("sha256").update(home).digest("hex").slice(0, 8)}-`;
  const [memory, cpu] = [hierarchies.memory, hierarchies.cpu].map((root) => root && join(root, below));
  if (memory === undefined) return giveOne;
  return cannotMake(memory, prefix) ?? new Cgroups({ version, memory, cpu, prefix });
}

const giveOne: Obstacle = {
  why: "the agent has no control group to make others in",
  how: "Give it one that is its own with MATRIARCH_CGROUP (docs/operating.md).",
};

function hierarchiesHere(): Hierarchies | undefined {
  try {
    return readHierarchies(readFileSync("/proc/self/mountinfo", "utf8"), readFileSync("/proc/self/cgroup", "utf8"));
  } catch {
    return undefined;
  }
}

/**
 * In v1 a place of its own, the same for every agent to come; unless somebody limits the agent, whose limit must hold for
 * its servers too. In v2 whoever manages the machine's groups must hand one over.
 */
function parentFor({ version, memory, own }: Hierarchies): string | undefined {
  if (version === 2) return undefined;
  const stat = readFileSync(join(memory, own, "memory.stat"), "utf8");
  const limit = Number(/^hierarchical_memory_limit (\d+)$/m.exec(stat)?.[1] ?? Infinity);
  return limit > Number.MAX_SAFE_INTEGER ? usualParent : own;
}

function cannotMake(directory: string, prefix: string): Obstacle | undefined {
  const isNew = !existsSync(directory);
  const probe = join(directory, `${prefix}probe-${process.pid}`);
  try {
    mkdirSync(probe, { recursive: true });
    rmdirSync(probe);
    if (isNew) removeEmpty(directory);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { why: `groups cannot be made in "${directory}" (${code})`, how: hintFor(code, isNew) };
  }
}

/** Another installation may have come to use it meanwhile. */
function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // in use
  }
}

function hintFor(code: string, isNew: boolean): string {
  if (code === "EROFS") return "In a container: let it write to /sys/fs/cgroup.";
  const whose = isNew ? "Run the agent as root" : "Let the agent's user write there";
  return `${whose}, or give it a group of its own with MATRIARCH_CGROUP (docs/operating.md).`;
}
