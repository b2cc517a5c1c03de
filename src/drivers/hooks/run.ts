/**
 * Runs one program of the user's, in a process group of its own that is killed at the limit, when the program has ended,
 * and when the agent has. Called by agent/hooks.ts. Always answers soon after the limit, whatever the program does.
 */
import { spawn, type ChildProcess } from "node:child_process";

export interface HookRun {
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
  /** whom it runs as; empty: as the agent */
  readonly identity: { readonly uid?: number; readonly gid?: number };
  readonly limitMs: number;
  /** ends it early */
  readonly signal: AbortSignal;
}

export interface HookEnd {
  /** undefined: it ended well */
  readonly failure: string | undefined;
  /** the end of what it printed */
  readonly output: string;
}

const outputCharactersMax = 1000;
/** For what it printed last, and for a process that hangs in the kernel: not waited for longer. */
const lastWordsMs = 100;

/**
 * `$0` is the program; descriptor 3 ends with the agent, and then the watcher kills the group, itself included. It is
 * nobody's child, so that a program which waits for all its children does not wait for it.
 */
const watched = '( (read -r _ <&3; kill -s KILL -- "-$$") >/dev/null 2>&1 & ); exec "$0" 3<&-';

export async function runHook({ path, environment, identity, limitMs, signal }: HookRun): Promise<HookEnd> {
  const child = spawn("/bin/sh", ["-c", watched, path], {
    cwd: "/",
    detached: true,
    env: environment,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    ...identity,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-outputCharactersMax);
    });
  const failure = await endOf(child, limitMs, signal);
  killGroup(child);
  await closed(child);
  for (const stream of child.stdio) stream?.destroy();
  return { failure, output: output.trim() };
}

function endOf(child: ChildProcess, limitMs: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => end(`it had not ended after ${Math.round(limitMs / 100) / 10} s, and was killed`),
      limitMs,
    );
    const aborted = (): void => end("it was ended early, because something more urgent came");
    const end = (failure: string | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      resolve(failure);
    };
    child.once("error", (error) => end(`it could not be started: ${error.message}`));
    child.once("exit", (code, name) => end(code === 0 ? undefined : `it ended with ${name ?? `exit code ${code}`}`));
    if (signal.aborted) aborted();
    else signal.addEventListener("abort", aborted, { once: true });
  });
}

/** Also what the program has left behind. The watcher keeps the group's number from being anybody else's. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // none of them is left
  }
}

function closed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, lastWordsMs);
    child.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
