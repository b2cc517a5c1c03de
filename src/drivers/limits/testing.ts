/** A place for groups of a test's own, where this machine lets it have one. Called by tests only. */
import { existsSync, readFileSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { readHierarchies } from "./hierarchies.ts";

const hierarchies =
  process.platform === "linux"
    ? readHierarchies(readFileSync("/proc/self/mountinfo", "utf8"), readFileSync("/proc/self/cgroup", "utf8"))
    : undefined;

/** In v2 whoever manages the groups of a machine must hand one over; a test has none. */
export const noGroupsHere: string | false =
  process.getuid?.() !== 0
    ? "only root can make control groups"
    : hierarchies?.version === 1
      ? false
      : "needs control groups of version 1";

/** A path for MATRIARCH_CGROUP. The caller removes what is below with `removeGroups`. */
export function groupForTest(): string {
  return `/matriarch-test-${process.pid}`;
}

/** Its processes must have ended. */
export function removeGroups(parent: string): void {
  for (const root of [hierarchies?.memory, hierarchies?.cpu]) {
    const directory = root && join(root, parent);
    if (directory === undefined || !existsSync(directory)) continue;
    const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const { name } of below) rmdirSync(join(directory, name));
    rmdirSync(directory);
  }
}

/** Of the one group below `parent` whose name ends so. */
export function groupFile(parent: string, ending: string, file: string): string {
  const directory = join((file.startsWith("cpu.") ? hierarchies?.cpu : hierarchies?.memory) ?? "", parent);
  const name = readdirSync(directory).find((found) => found.endsWith(ending));
  return readFileSync(join(directory, name ?? ending, file), "utf8").trim();
}
