/**
 * The processes of one installation, found in /proc by what they work on, so that a fault can be aimed at one of them
 * and nothing of it survives a test. Never signals anything outside its own home directory.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

export interface Found {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
  readonly cwd: string;
}

/** Every process whose command line or working directory lies in `home`. */
export function processesIn(home: string): readonly Found[] {
  const found: Found[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const process = look(Number(name));
    const inHome = (text: string): boolean => text.includes(`${home}/`) || text === home || text.endsWith(` ${home}`);
    if (process && (inHome(process.command) || inHome(process.cwd))) found.push(process);
  }
  return found.filter(({ pid }) => pid !== process.pid);
}

/** A server's postmaster and everything below it. */
export function postmasterGroup(home: string, postmaster: number): readonly number[] {
  const below = processesIn(home).filter(({ parent }) => parent === postmaster);
  return [postmaster, ...below.map(({ pid }) => pid)];
}

export function isAlive(pid: number): boolean {
  try {
    // The state stands after the name in brackets; a zombie has ended.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** One that is to stand still does so when it would run next, on a busy machine a moment later: that is waited for. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  // Zero and below are whole groups of processes.
  const known = pids.filter((pid) => pid > 0);
  for (const pid of known) {
    try {
      process.kill(pid, signal);
    } catch {
      // it has ended meanwhile
    }
  }
  if (signal === "SIGSTOP") known.forEach(untilStill);
}

/** One that waits in the kernel, for a disk that hangs, is left to it. */
const stillWithinMs = 5000;

function untilStill(pid: number): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const deadline = performance.now() + stillWithinMs;
  while (isAlive(pid) && !standsStill(pid) && performance.now() < deadline) Atomics.wait(nothing, 0, 0, 1);
}

function standsStill(pid: number): boolean {
  try {
    return /\) [Tt] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

function look(pid: number): Found | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    if (/\) Z /.test(stat)) return undefined;
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent, command, cwd: readlinkSync(`/proc/${pid}/cwd`) };
  } catch {
    return undefined;
  }
}
