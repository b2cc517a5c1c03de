/**
 * Network namespaces by name, and the processes that live in one. Whatever the laboratory makes carries the process id
 * of its test in its name, so that what a crashed test left can be told apart and swept away, and nothing else ever is.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { isAlive, signalAll } from "../../faults/processes.ts";
import { until } from "../../faults/until.ts";
import { tool, tryTool } from "./shell.ts";

const prefix = "mf-";
const directory = "/run/netns";

export function spaceName(name: string): string {
  return `${prefix}${process.pid}-${name}`;
}

/** Only the network changes: mounts stay those of the machine, so that what is mounted later is seen inside too. */
export function enter(space: string): readonly string[] {
  return ["nsenter", `--net=${directory}/${space}`, "--"];
}

export async function makeSpace(space: string): Promise<void> {
  await tool("ip", "netns", "add", space);
  await tool("ip", "-n", space, "link", "set", "lo", "up");
}

/** Every process inside, zombies left out. */
export function pidsIn(space: string): readonly number[] {
  const wanted = inodeOf(space);
  if (wanted === undefined) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && networkOf(name) === wanted)
    .map(Number)
    .filter(isAlive);
}

/** SIGKILL to all, again until none is left: whoever is killed first may be started anew by one that is not dead yet. */
export async function killAllIn(space: string, withinMs = 10_000): Promise<void> {
  await until(
    `every process of ${space} to be gone`,
    () => {
      const pids = pidsIn(space);
      signalAll(pids, "SIGKILL");
      return pids.length === 0 ? true : undefined;
    },
    { withinMs, seen: () => pidsIn(space).map(commandOf).join("; ") },
  );
}

export async function removeSpace(space: string): Promise<void> {
  signalAll(pidsIn(space), "SIGCONT");
  await killAllIn(space);
  await tryTool(["ip", "netns", "delete", space]);
}

/** What tests that are no longer there have left. */
export async function sweepSpaces(): Promise<void> {
  for (const space of listSpaces()) {
    const owner = Number(/^mf-(\d+)-/.exec(space)?.[1]);
    if (Number.isInteger(owner) && !isAlive(owner)) await removeSpace(space);
  }
}

export function listSpaces(): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

function inodeOf(space: string): string | undefined {
  try {
    return `net:[${statSync(`${directory}/${space}`).ino}]`;
  } catch {
    return undefined;
  }
}

function networkOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

let ends = false;
/** The namespaces go with this process, whatever ends it. What needs waiting is left to the next sweep. */
export function endAtExit(): void {
  if (ends) return;
  ends = true;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      const own = listSpaces().filter((space) => space.startsWith(spaceName("")));
      void Promise.all(own.map(removeSpace)).finally(() => process.exit(130));
    });
}
