/**
 * Directories of tests that real processes work in, each with the pid of its maker, so that what a killed test left
 * can be told apart and swept away by the next one, and nothing else ever is. Used by installations and laboratories.
 */
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isAlive, processesIn, signalAll } from "./processes.ts";
import { until } from "./until.ts";

const makerFile = "made-by";

/** @param prefix a short path, because Unix sockets lie below it: `/tmp/mh-` */
export async function makeScratch(prefix: string): Promise<string> {
  const directory = await mkdtemp(prefix);
  // The servers' own user walks through it.
  await chmod(directory, 0o755);
  await writeFile(join(directory, makerFile), `${process.pid} ${startOf(process.pid)}\n`);
  return directory;
}

/** Its maker is done with it; MATRIARCH_KEEP_HOMES leaves it there to be looked at, and no sweep takes it away. */
export async function removeScratch(directory: string): Promise<void> {
  if (process.env["MATRIARCH_KEEP_HOMES"]) return rm(join(directory, makerFile), { force: true });
  await rm(directory, { recursive: true, force: true });
}

/**
 * What makers that are no longer there have left: their processes, mounts and directories.
 * @param unmount takes a file system away that is mounted below such a directory
 */
export async function sweepScratch(
  prefix: string,
  unmount: (point: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const names = readdirSync(dirname(prefix)).filter((name) => name.startsWith(basename(prefix)));
  for (const directory of names.map((name) => join(dirname(prefix), name))) {
    if (!isOrphan(directory)) continue;
    await endAllIn(directory);
    for (const point of mountsIn(directory)) await unmount(point);
    await rm(directory, { recursive: true, force: true });
  }
}

/** SIGKILL to all, again until none is left: whoever is killed first may be started anew by one that is not dead yet. */
async function endAllIn(directory: string): Promise<void> {
  await until(`everything in ${directory} to end`, () => {
    const pids = processesIn(directory).map(({ pid }) => pid);
    signalAll(pids, "SIGKILL");
    return pids.length === 0 ? true : undefined;
  });
}

/** One without a maker's name was kept on purpose, or is somebody else's. */
function isOrphan(directory: string): boolean {
  const file = join(directory, makerFile);
  if (!existsSync(file) || !isOurs(directory)) return false;
  const [pid = 0, start = 0] = readFileSync(file, "utf8").split(" ").map(Number);
  return Number.isInteger(pid) && pid > 1 && !(isAlive(pid) && startOf(pid) === start);
}

/** Only root can end what another user's test has left. */
function isOurs(directory: string): boolean {
  const own = process.getuid?.();
  return own === 0 || statSync(directory).uid === own;
}

/** Ticks since the system's start: a pid is given again, a pid with its start is not. */
function startOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  } catch {
    return 0;
  }
}

/** The deepest first. */
function mountsIn(directory: string): readonly string[] {
  const points = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return points.filter((point) => point.startsWith(`${directory}/`)).toSorted((a, b) => b.length - a.length);
}
