/**
 * How programs of Postgres are started: with a clean environment, as the servers' owner, without a shell. Used by
 * everything here that runs one (install, template, validation) and by the member's server for its postmaster. Never
 * passes secrets on: neither the agent's environment nor arguments carry any.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine, ServerOwner } from "../port.ts";

export interface ToolOptions {
  readonly owner: ServerOwner | undefined;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** given on standard input, which is then closed */
  readonly input?: string;
}

export interface ToolOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** What the tool left behind, whether it succeeded or not. `code` is null when it was killed. */
export interface ToolResult extends ToolOutput {
  readonly code: number | null;
}

/** The last so many characters of each stream are kept. */
const outputMax = 64 * 1024;

/**
 * Environment of every Postgres process. Messages are in English, whatever the user speaks: some are looked for. The
 * locale of databases is fixed by initdb and does not come from here.
 */
export function serverEnvironment(engine: Engine): Readonly<Record<string, string>> {
  return { PATH: `${engine.binDirectory}:/usr/local/bin:/usr/bin:/bin`, LC_ALL: "C", TZ: "UTC", ...engine.environment };
}

/** For `spawn`: the identity that a server process runs under. */
export function identityOf(owner: ServerOwner | undefined): { readonly uid?: number; readonly gid?: number } {
  return owner === undefined ? {} : { uid: owner.uid, gid: owner.gid };
}

/** Runs one tool of the engine to its end. @throws OpError engine-failed, with the last lines that it said */
export async function runTool(
  engine: Engine,
  tool: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolOutput> {
  const result = await tryTool(engine, tool, args, options);
  if (result.code === 0) return result;
  throw new OpError("engine-failed", {
    message: `${tool} ended with ${result.code === null ? "a signal" : `exit code ${result.code}`}`,
    detail: lastLines(result.stderr || result.stdout),
  });
}

/** Like `runTool`, and leaves it to the caller what an exit code means. */
export function tryTool(
  engine: Engine,
  tool: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  options.signal.throwIfAborted();
  // A process group of its own: initdb starts others, and all must go when it is cut short.
  const child = spawn(join(engine.binDirectory, tool), args, {
    ...identityOf(options.owner),
    env: serverEnvironment(engine),
    cwd: "/",
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // it may end without having read
  child.stdin.end(options.input ?? "");
  return ended(child, tool, options);
}

async function ended(child: ChildProcess, tool: string, options: ToolOptions): Promise<ToolResult> {
  const stdout = keepTail(child.stdout);
  const stderr = keepTail(child.stderr);
  const limit = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  const kill = (): void => killGroup(child);
  limit.addEventListener("abort", kill);
  try {
    await once(child, "close");
  } catch (error) {
    throw cannotStart(tool, options.owner, error);
  } finally {
    limit.removeEventListener("abort", kill);
  }
  options.signal.throwIfAborted();
  if (limit.aborted) throw tooSlow(tool, options.timeoutMs);
  return { code: child.exitCode, stdout: stdout(), stderr: stderr() };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // it has ended meanwhile
  }
}

function keepTail(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (chunk: string) => {
    text = (text + chunk).slice(-outputMax);
  });
  return () => text;
}

function tooSlow(tool: string, timeoutMs: number): OpError {
  return new OpError("engine-failed", { message: `${tool} did not end within ${timeoutMs / 1000} s` });
}

function cannotStart(tool: string, owner: ServerOwner | undefined, cause: unknown): OpError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  return new OpError("engine-failed", {
    message: `could not start ${tool}: ${code}`,
    ...(code === "EACCES" &&
      owner && { hint: `Every directory above the binaries must let the user "${owner.name}" pass.` }),
    cause,
  });
}

/** What a person wants to see of a long output. */
export function lastLines(text: string, count = 12): string {
  return text.trim().split("\n").slice(-count).join("\n");
}
