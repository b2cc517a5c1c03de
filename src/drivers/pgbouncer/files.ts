/** PgBouncer's directory and its start, with the rights of the servers' user. Called by process.ts. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { access, chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../errors/op-error.ts";
import type { ServerOwner } from "../postgres/port.ts";
import { formatAccess, formatSettings, formatUsers, type AdminName } from "./configuration.ts";
import { Console } from "./console.ts";
import type { PoolerWish, PoolUser } from "./port.ts";
import { findPgbouncer } from "./program.ts";

const startMs = 10_000;
const lookMs = 10;

export interface PoolerFiles {
  readonly directory: string;
  readonly logPath: string;
  readonly owner: ServerOwner | undefined;
}

export interface PoolerContent {
  readonly admin: AdminName;
  readonly wish: PoolerWish;
  /** undefined: whoever is listed already */
  readonly users: readonly PoolUser[] | undefined;
}

/** Returns once it lets the agent in. @throws OpError pooler-missing, pooler-unreachable */
export async function startPgbouncer(files: PoolerFiles, content: PoolerContent): Promise<void> {
  const { path } = await findPgbouncer();
  await makeDirectory(files);
  await writeFiles(files, content, await freePort());
  const log = openSync(files.logPath, "a", 0o600);
  const child = spawn(path, [`${files.directory}/settings`], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
    env: {},
    ...identity(files.owner),
  });
  closeSync(log);
  child.unref();
  const ended = Promise.race([once(child, "error"), once(child, "exit")]).then(
    () => true,
    () => true,
  );
  for (const until = performance.now() + startMs; performance.now() < until;) {
    if (await Promise.race([ended, sleep(lookMs, false)])) break;
    const link = await Console.open(files.directory, content.admin.name);
    link?.close();
    if (link?.pid === child.pid) return;
  }
  child.kill("SIGKILL");
  throw new OpError("pooler-unreachable", {
    message: "the pooler could not be started",
    detail: await lastWords(files.logPath),
    hint: `Its log is ${files.logPath}.`,
  });
}

export async function writeFiles(files: PoolerFiles, content: PoolerContent, port: number): Promise<void> {
  const { admin, wish, users } = content;
  const { version } = await findPgbouncer();
  const place = { directory: files.directory, port, admin, version };
  await put(files, "hba", formatAccess(admin));
  if (users || !(await isThere(`${files.directory}/users`))) await writeUsers(files, admin, users ?? []);
  await put(files, "settings", formatSettings(wish, place));
}

export function writeUsers(files: PoolerFiles, admin: AdminName, users: readonly PoolUser[]): Promise<void> {
  return put(files, "users", formatUsers(users, admin));
}

/** Whole or not at all: it may be read at any moment. */
async function put({ directory, owner }: PoolerFiles, name: string, text: string): Promise<void> {
  const path = `${directory}/${name}`;
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === text) return;
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, text, { mode: 0o600 });
  if (owner) await chown(draft, owner.uid, owner.gid);
  await rename(draft, path);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function makeDirectory({ directory, owner }: PoolerFiles): Promise<void> {
  await mkdir(dirname(directory), { recursive: true, mode: 0o755 });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (owner) await chown(directory, owner.uid, owner.gid);
  // Of one that was killed: its number may be another process's by now.
  await rm(`${directory}/pid`, { force: true });
}

/** Free a moment ago; should somebody take it meanwhile, the start fails and the next one has another. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen({ port: 0, host: "127.0.0.1", exclusive: true });
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function lastWords(logPath: string): Promise<string> {
  const text = await readFile(logPath, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-1)[0] ?? "";
}

function identity(owner: ServerOwner | undefined): { readonly uid?: number; readonly gid?: number } {
  return owner ? { uid: owner.uid, gid: owner.gid } : {};
}

/**
 * A process that ends a pause when nobody else does: the agent that asked for it may be killed. PgBouncer takes SIGUSR2
 * for RESUME.
 * @returns calls it off
 */
export function endPauseAfter(ms: number, pid: number, owner: ServerOwner | undefined): () => void {
  const script = 'sleep "$1" && kill -USR2 "$2"';
  const child = spawn("/bin/sh", ["-c", script, "pause", String(Math.ceil(ms / 1000)), String(pid)], {
    detached: true,
    stdio: "ignore",
    cwd: "/",
    ...identity(owner),
  });
  child.on("error", () => undefined);
  child.unref();
  return () => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    try {
      // With its sleep: they are a group of their own.
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
}
