/**
 * Runs pgBackRest: as the servers' user, with a clean environment and the configuration's file, so that no secret is in
 * its arguments or its environment. Short commands end with the agent. A backup does not: it writes what it says, and at
 * last its exit code, to a file that the next agent reads.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../errors/op-error.ts";
import type { ServerOwner } from "../postgres/port.ts";

export interface Call {
  readonly program: string;
  readonly owner: ServerOwner | undefined;
  readonly config: string;
  readonly stanza: string;
  readonly command: string;
  readonly options?: readonly string[];
  /** after the command's name */
  readonly words?: readonly string[];
  /** hears how much is done, 0 to 1 */
  readonly told?: (done: number) => void;
}

export interface Said {
  readonly code: number | null;
  readonly text: string;
}

const keptMax = 4 << 20;
const lookEveryMs = 200;
const endBytes = 4000;

/** To be run as it is, also by a server for its log. @returns program and arguments */
export function argumentsOf(call: Omit<Call, "program" | "owner">): readonly string[] {
  const { config, stanza, command, options = [], words = [] } = call;
  return [`--config=${config}`, `--stanza=${stanza}`, ...options, command, ...words];
}

function identityOf(owner: ServerOwner | undefined): { readonly uid?: number; readonly gid?: number } {
  return owner === undefined ? {} : { uid: owner.uid, gid: owner.gid };
}

function environment(): Readonly<Record<string, string>> {
  return { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
}

/** To its end. @throws OpError backup-repository when it takes longer than `withinMs` */
export async function run(
  call: Call,
  limit: { readonly withinMs: number; readonly signal: AbortSignal },
): Promise<Said> {
  const child = spawn(call.program, argumentsOf(call), {
    ...identityOf(call.owner),
    cwd: "/",
    env: environment(),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const hear = (chunk: string): void => {
    text = (text + chunk).slice(-keptMax);
    const done = call.told && doneOf(chunk);
    if (done !== undefined) call.told?.(done);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", hear);
  const end = AbortSignal.any([limit.signal, AbortSignal.timeout(limit.withinMs)]);
  const kill = (): void => endGroup(child.pid);
  end.addEventListener("abort", kill);
  try {
    await once(child, "close");
  } finally {
    end.removeEventListener("abort", kill);
  }
  limit.signal.throwIfAborted();
  if (end.aborted) throw tooSlow(call.command, limit.withinMs);
  return { code: child.exitCode, text };
}

/** Pid of a command that goes on without us; what it says goes to `log`, its end as a line `exit CODE`. */
export async function launch(call: Call, log: string): Promise<number> {
  // Other users must not read the names of files; the servers' user writes it.
  const file = await open(log, "w", 0o600);
  try {
    const child = spawn("/bin/sh", ["-c", '"$@"; echo "exit $?"', "sh", call.program, ...argumentsOf(call)], {
      ...identityOf(call.owner),
      cwd: "/",
      env: environment(),
      detached: true,
      stdio: ["ignore", file.fd, file.fd],
    });
    child.unref();
    child.on("error", () => undefined); // told by the missing end of its log
    if (child.pid === undefined) throw new Error("the shell does not start");
    return child.pid;
  } finally {
    await file.close();
  }
}

/**
 * Follows what `launch` began, also for an agent that did not begin it, to its end.
 * @param isMine whether this process is still that command: ids are used again
 * @param told hears how much is done, 0 to 1
 */
export async function followLog(
  { log, isAlive }: { readonly log: string; readonly isAlive: () => Promise<boolean> },
  told: (done: number) => void,
  signal: AbortSignal,
): Promise<Said> {
  for (;;) {
    // Asked before the log is read: what it said last is there once it has ended.
    const alive = await isAlive();
    // A line for each file: of a large database the whole would be megabytes, several times a second.
    const end = await readEnd(log, endBytes);
    const code = /^exit (\d+)$/m.exec(end)?.[1];
    if (code !== undefined || !alive)
      return { code: code === undefined ? null : Number(code), text: await readEnd(log, keptMax) };
    const done = doneOf(end);
    if (done !== undefined) told(done);
    await sleep(lookEveryMs, undefined, { signal });
  }
}

/** The last of what a file has, at most `bytes`; nothing when it cannot be read. */
async function readEnd(path: string, bytes: number): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return "";
  try {
    const { size } = await file.stat();
    const length = Math.min(size, bytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Of lines like `backup file /…/1259 (88KB, 45.23%) checksum …`. */
function doneOf(text: string): number | undefined {
  const percent = [...text.matchAll(/([\d.]+)%\)/g)].at(-1)?.[1];
  return percent === undefined ? undefined : Number(percent) / 100;
}

/** Whether a process of this id runs with this word among its arguments. */
export async function runsWith(pid: number, word: string): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  return line === undefined ? process.platform !== "linux" && isThere(pid) : line.includes(word);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended meanwhile
  }
}

export function removeLog(log: string): Promise<void> {
  return rm(log, { force: true });
}

function tooSlow(command: string, withinMs: number): OpError {
  return new OpError("backup-repository", {
    message: `pgBackRest's ${command} did not end within ${Math.round(withinMs / 1000)} s`,
    detail: "A repository that answers slowly, or not at all, is the usual reason.",
    hint: "Try again later; matriarch backup show tells what each repository answers.",
  });
}
