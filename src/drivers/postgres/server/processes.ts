/**
 * Which processes belong to a data directory, and what state they are in. Called by the postmaster's keeper and by the
 * proof of a reload. Reads /proc where there is one, else asks `ps`. Never signals anything but what it is given.
 *
 * Every process of a server has the data directory as its working directory: the postmaster changes into it and the
 * others inherit it, also the commands that an archiver runs. That holds for orphans whose postmaster is gone as well.
 */
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readFile, readdir, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** Whether `sampleProcess` can tell anything here. */
export const tellsSleep = existsSync("/proc/self/status");
const hasProc = existsSync("/proc/self/cwd");
const run = promisify(execFile);

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    // EPERM: it exists and is somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Ended, but not yet collected by its parent; some containers' first process never does. */
function isZombie(pid: number): boolean {
  return /^[ZX]/.test(stateOf(pid));
}

/** The letter of its state; empty when it is gone, or nobody tells. */
function stateOf(pid: number): string {
  const stat = statOf(pid);
  return stat.charAt(stat.lastIndexOf(")") + 2);
}

/** Its program, of which the kernel keeps 15 letters; empty when it is gone, or nobody tells. */
export function programOf(pid: number): string {
  const stat = statOf(pid);
  return stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
}

/** Read at once: this file of /proc waits for no disk and no lock, a thread of the pool may. */
function statOf(pid: number): string {
  if (!hasProc) return "";
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return "";
  }
}

/** Sends a signal; a process that is gone already is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone
  }
}

/** pids of all processes of the server of `dataDirectory`, its orphans included. */
export async function processesOf(dataDirectory: string): Promise<readonly number[]> {
  const directory = await realpath(dataDirectory).catch(() => dataDirectory);
  if (!hasProc) return (await processesByPs(directory)).map((found) => found.pid);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await worksIn(pid, directory)) ? pid : undefined)));
  return found.filter((pid) => pid !== undefined && pid !== process.pid).map(Number);
}

/** Whether `pid` is the postmaster of `dataDirectory`, and not another process that was given its number. */
export async function isPostmasterOf(pid: number, dataDirectory: string): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const directory = await realpath(dataDirectory).catch(() => dataDirectory);
  if (!hasProc) return (await processesByPs(directory)).some((found) => found.pid === pid && found.isPostmaster);
  return (await worksIn(pid, directory)) && isPostmasterTitle(await titleOf(pid));
}

/** The processes that a server started for a command (an archiver's, for instance), which carry no server title. */
export async function commandsOf(dataDirectory: string): Promise<readonly number[]> {
  if (!hasProc) return [];
  const pids = await processesOf(dataDirectory);
  const titles = await Promise.all(pids.map(titleOf));
  return pids.filter((_, i) => !isPostmasterTitle(titles[i] ?? "") && !(titles[i] ?? "").startsWith("postgres: "));
}

/** The server's archiver; undefined when there is none, or nobody tells. */
export async function archiverOf(dataDirectory: string): Promise<number | undefined> {
  if (!hasProc) return undefined;
  const pids = await processesOf(dataDirectory);
  const titles = await Promise.all(pids.map(titleOf));
  return pids.find((_, i) => /^postgres: (\S.*: )?archiver\b/.test(titles[i] ?? ""));
}

export interface ProcessSample {
  readonly isAsleep: boolean;
  /** how often it has left its processor: unchanged between two samples means asleep all the while */
  readonly sleeps: string;
  /** a SIGHUP was sent and its handler has not begun to run */
  readonly hasPendingHangup: boolean;
}

/** @returns undefined when the process is gone, or the platform does not tell */
export async function sampleProcess(pid: number): Promise<ProcessSample | undefined> {
  if (!hasProc) return undefined;
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  if (status === "") return undefined;
  const pending = ["SigPnd", "ShdPnd"].map((field) => BigInt(`0x${fieldOf(status, field) || "1"}`));
  return {
    isAsleep: /^State:\s+S/m.test(status),
    sleeps: `${fieldOf(status, "voluntary_ctxt_switches")}/${fieldOf(status, "nonvoluntary_ctxt_switches")}`,
    hasPendingHangup: pending.some((set) => (set & 1n) !== 0n),
  };
}

/** Asleep in one and the same sleep from the first sample to the second, with no SIGHUP waiting for it. */
export function sleptThrough(before: ProcessSample | undefined, after: ProcessSample | undefined): boolean {
  if (before === undefined || after === undefined || before.hasPendingHangup) return false;
  return before.isAsleep && after.isAsleep && before.sleeps === after.sleeps;
}

/** Stopped by a signal (SIGSTOP, a debugger): it does nothing until it is continued. */
export function isFrozen(pid: number): boolean {
  return /^[Tt]/.test(stateOf(pid));
}

/**
 * SIGKILL has been sent and the process is still there: it waits in the kernel, for a disk that hangs. It will never run
 * another instruction of its own, so it answers nobody and acknowledges nothing; but what it was writing may yet be
 * written. False where nobody tells.
 */
export function isDoomed(pid: number): boolean {
  if (!hasProc) return false;
  try {
    return tellsDoom(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

/** @param status of procfs: SIGKILL is the ninth signal, so bit 8 of those that are pending */
export function tellsDoom(status: string): boolean {
  return ["SigPnd", "ShdPnd"].some((field) => (BigInt(`0x${fieldOf(status, field) || "0"}`) & 0x100n) !== 0n);
}

function fieldOf(status: string, name: string): string {
  return new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
}

async function worksIn(pid: number, directory: string): Promise<boolean> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => "");
  // The kernel says so of a directory that was removed under its process.
  return cwd === directory || cwd === `${directory} (deleted)`;
}

async function titleOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")).replaceAll("\0", " ");
}

/** The postmaster keeps the command line it was started with; every other process shows `postgres: …`. */
function isPostmasterTitle(title: string): boolean {
  return /^\S*(postgres|postmaster) /.test(title) && !title.startsWith("postgres: ");
}

/** For platforms without /proc: the postmaster by its `-D`, the others as its children. Orphans are not found. */
async function processesByPs(
  directory: string,
): Promise<readonly { readonly pid: number; readonly isPostmaster: boolean }[]> {
  const { stdout } = await run("ps", ["-axo", "pid=,ppid=,command="], { timeout: 5000 });
  const rows = stdout.split("\n").flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
  const isPostmaster = (command: string): boolean =>
    isPostmasterTitle(`${command} `) && command.includes(`-D ${directory}`);
  const heads = rows.filter((row) => isPostmaster(row.command)).map((row) => row.pid);
  return rows
    .filter((row) => heads.includes(row.pid) || heads.includes(row.parent))
    .map((row) => ({ pid: row.pid, isPostmaster: heads.includes(row.pid) }));
}

/** pid on the first line of `postmaster.pid`; undefined without such a file. */
export async function readPidFile(dataDirectory: string): Promise<number | undefined> {
  const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

/**
 * Whether the postmaster says in its pid file (line 8, written by AddToDataDirLockFile) that it takes sessions. Asking
 * by a session instead would fill its log with refusals while it starts.
 */
export async function saysReady(dataDirectory: string): Promise<boolean> {
  const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "");
  return text.split("\n")[7]?.trim() === "ready";
}
