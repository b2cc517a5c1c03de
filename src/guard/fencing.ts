/**
 * Ends a Postgres server: SIGQUIT, so that it leaves at once and in order, and SIGKILL a moment later for whatever of it
 * is still there, stopped or stuck. Called by the guard's core and by nobody else. Reads procfs only, and at once: it
 * waits for no disk, and a thread could. It signals nothing but the processes of the server that it was given.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Log } from "../links/log.ts";
import type { Postmaster } from "./wire.ts";

const killAfterMs = 100;
/** USER_HZ: the unit of start times in procfs, the same on every Linux. */
const ticksPerSecond = 100;

export class Fencing {
  readonly #log: Log;
  /** servers that are being ended, by the pid of their postmaster */
  readonly #underWay = new Set<number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns whether the server was there; safe to call again */
  fence(server: Postmaster, because: string): boolean {
    if (this.#underWay.has(server.pid)) return true;
    if (!isPostmaster(server)) return false;
    const begunAt = uptimeTicks();
    this.#underWay.add(server.pid);
    send(server.pid, "SIGQUIT");
    setTimeout(() => this.#kill(server, begunAt), killAfterMs);
    this.#log.info("server ended", { because, pid: server.pid, directory: server.dataDirectory });
    return true;
  }

  #kill(server: Postmaster, begunAt: number): void {
    this.#underWay.delete(server.pid);
    const isThere = isPostmaster(server);
    if (isThere) send(server.pid, "SIGKILL");
    // While its postmaster was there nobody can have started another one in this directory; after that, what is
    // younger than the end of the old server belongs to a new one.
    const left = processesIn(server.dataDirectory).filter((pid) => isThere || startTicks(pid) <= begunAt);
    for (const pid of left) send(pid, "SIGKILL");
    if (isThere || left.length > 0) this.#log.info("server killed", { pid: server.pid, processes: left.length });
  }
}

const hasProc = startTicks(process.pid) > 0;

/** Its pid may have been given to another process since. */
function isPostmaster({ pid, dataDirectory }: Postmaster): boolean {
  if (hasProc) return worksIn(pid, dataDirectory) && !isZombie(pid);
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Every process of a server works in its data directory, orphans and an archiver's commands included. */
function processesIn(directory: string): readonly number[] {
  if (!hasProc) return [];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => pid !== process.pid && worksIn(pid, directory));
}

function worksIn(pid: number, directory: string): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`);
    // The kernel says so of a directory that was removed under its process.
    return cwd === directory || cwd === `${directory} (deleted)`;
  } catch {
    return false;
  }
}

function isZombie(pid: number): boolean {
  return /^[ZX]/.test(statFields(pid)[0] ?? "");
}

/** Ticks from the system's start to the process'; 0 when it is gone. */
function startTicks(pid: number): number {
  return Number(statFields(pid)[19] ?? 0);
}

/** Fields of /proc/<pid>/stat from the third on: the second is a name that may hold anything. */
function statFields(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}

function uptimeTicks(): number {
  if (!hasProc) return Infinity;
  return Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * ticksPerSecond;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone
  }
}
