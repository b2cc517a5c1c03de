/**
 * Where this machine keeps groups of processes, read from what the kernel says of its mounts. Pure. Called by find.ts.
 * Sources: cgroups(7), proc_pid_mountinfo(5); kernel documentation, cgroup-v1/memory and cgroup-v2.
 */
import { join } from "node:path";

/** One tree of groups: cgroup v2 has one for everything, v1 one for each controller or a few of them together. */
interface Mount {
  readonly point: string;
  /** the group that stands at the mount point: another than `/` in a container */
  readonly root: string;
  readonly isV2: boolean;
  /** of v1 */
  readonly controllers: readonly string[];
}

export interface Hierarchies {
  readonly version: 1 | 2;
  /** directory of the group that everything of the tree is in */
  readonly memory: string;
  /** undefined: processor time cannot be limited here. The same as `memory` in v2 */
  readonly cpu: string | undefined;
  /** path below `memory` of the group that the asking process is in */
  readonly own: string;
}

/**
 * @param mountinfo of /proc/self/mountinfo
 * @param cgroup of /proc/self/cgroup
 * @returns undefined when memory is not accounted for anywhere
 */
export function readHierarchies(mountinfo: string, cgroup: string): Hierarchies | undefined {
  const mounts = mountinfo.split("\n").flatMap(readMount);
  const memory = mounts.find((mount) => mount.controllers.includes("memory"));
  if (memory) {
    const cpu = mounts.find((mount) => mount.controllers.includes("cpu"));
    return { version: 1, memory: memory.point, cpu: cpu?.point, own: ownPath(memory, cgroup) };
  }
  const unified = mounts.find((mount) => mount.isV2);
  return unified && { version: 2, memory: unified.point, cpu: unified.point, own: ownPath(unified, cgroup) };
}

/** `31 23 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory` */
function readMount(line: string): readonly Mount[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root, point] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (root === undefined || point === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
  return [{ point, root, isV2: type === "cgroup2", controllers: type === "cgroup" ? options.split(",") : [] }];
}

/** `4:memory:/user.slice`; v2 has `0::/user.slice`. */
function ownPath({ root, isV2, controllers }: Mount, cgroup: string): string {
  for (const line of cgroup.split("\n")) {
    const [id, names = "", ...rest] = line.split(":");
    const path = rest.join(":");
    const isIt = isV2 ? id === "0" && names === "" : names.split(",").some((name) => controllers.includes(name));
    if (isIt && (names !== "") === !isV2) return path.startsWith(root) ? join("/", path.slice(root.length)) : path;
  }
  return "/";
}
