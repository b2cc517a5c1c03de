/** Starts a process of this host that outlives its starter. Called by kept-process.ts. It knows nothing of what the process does. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { Readable } from "node:stream";
import type { ErrorCode } from "../../errors/catalog.ts";
import { OpError } from "../../errors/op-error.ts";

const startMs = 15_000;

/** Its own arguments are `args`, the control socket's path and the log's path. It says `ready` on MATRIARCH_READY_FD. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** added to the environment */
  readonly environment?: Readonly<Record<string, string>>;
  readonly controlPath: string;
  readonly logPath: string;
  readonly version: string;
}

/** What messages call it, and the code of an error when it does not answer. */
export interface ProgramName {
  readonly name: string;
  readonly unreachable: ErrorCode;
}

/** Returns once the process takes requests. @throws OpError */
export async function startProgram(program: Program, { name, unreachable }: ProgramName): Promise<void> {
  const log = openSync(program.logPath, "a", 0o600);
  const child = spawn(program.command, [...program.args, program.controlPath, program.logPath], {
    detached: true,
    // Its own last words, when Node itself fails, belong into its log.
    stdio: ["ignore", log, log, "pipe"],
    env: { ...process.env, ...program.environment, MATRIARCH_VERSION: program.version, MATRIARCH_READY_FD: "3" },
  });
  closeSync(log);
  try {
    await isReady(child, name);
  } catch (cause) {
    child.kill("SIGKILL");
    throw new OpError(unreachable, {
      message: `the ${name} could not be started`,
      hint: `Its log is ${program.logPath}.`,
      cause,
    });
  } finally {
    child.unref();
  }
}

function isReady(child: ChildProcess, name: string): Promise<void> {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Readable)) throw new Error(`no pipe to the ${name}`);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("not ready in time")), startMs);
  pipe.once("data", () => resolve());
  pipe.once("end", () => reject(new Error("ended while starting")));
  pipe.once("error", reject);
  child.once("error", reject);
  return promise.finally(() => {
    clearTimeout(timer);
    pipe.destroy();
  });
}
