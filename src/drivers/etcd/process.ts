/**
 * This host's etcd as a process: found when it runs already, started detached so that it outlives the agent, ended.
 * Used by server.ts.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../errors/op-error.ts";
import type { EtcdFiles, Owner } from "./files.ts";

const endMs = 5000;
const lookMs = 50;

/** @returns the pid of the one that runs on these data */
export async function findRunning(files: EtcdFiles): Promise<number | undefined> {
  const pid = Number(await readFile(files.pid, "utf8").catch(() => ""));
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  // The number may be another process's by now.
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return command.split("\0").includes(`--data-dir=${files.data}`) && isRunning(pid) ? pid : undefined;
}

export async function startEtcd(
  program: string,
  flags: readonly string[],
  files: EtcdFiles,
  owner: Owner | undefined,
): Promise<number> {
  const log = openSync(files.log, "a", 0o600);
  try {
    const child = spawn(program, flags, { detached: true, stdio: ["ignore", log, log], cwd: "/", env: {}, ...owner });
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    const started = new Promise<number>((resolve) => child.once("spawn", () => resolve(child.pid ?? 0)));
    const pid = await Promise.race([started, failed]);
    child.unref();
    await writeFile(files.pid, `${pid}\n`, { mode: 0o600 });
    return pid;
  } catch (cause) {
    throw new OpError("etcd-failed", { message: `"${program}" cannot be started`, cause });
  } finally {
    closeSync(log);
  }
}

/** Asked to end, and ended if it does not. */
export async function endEtcd(pid: number, files: EtcdFiles): Promise<void> {
  signal(pid, "SIGTERM");
  if (!(await hasEnded(pid, endMs))) {
    signal(pid, "SIGKILL");
    await hasEnded(pid, endMs);
  }
  await rm(files.pid, { force: true });
}

/** At once: what it has promised is on its disk. */
export async function killEtcd(pid: number): Promise<void> {
  signal(pid, "SIGKILL");
  await hasEnded(pid, endMs);
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  for (const until = performance.now() + withinMs; performance.now() < until; await sleep(lookMs)) {
    if (!isRunning(pid)) return true;
  }
  return !isRunning(pid);
}
