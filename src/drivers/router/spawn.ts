/** Starts a router process that outlives its starter. Called by process.ts. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { Readable } from "node:stream";
import { OpError } from "../../errors/op-error.ts";

const startMs = 15_000;

export interface RouterProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** added to the environment */
  readonly environment?: Readonly<Record<string, string>>;
  readonly controlPath: string;
  readonly logPath: string;
  readonly version: string;
}

/** Returns once the router takes requests. @throws OpError */
export async function spawnRouter(program: RouterProgram): Promise<void> {
  const log = openSync(program.logPath, "a", 0o600);
  const child = spawn(program.command, [...program.args, program.controlPath, program.logPath], {
    detached: true,
    // Its own last words, when Node itself fails, belong into its log.
    stdio: ["ignore", log, log, "pipe"],
    env: { ...process.env, ...program.environment, MATRIARCH_VERSION: program.version, MATRIARCH_READY_FD: "3" },
  });
  closeSync(log);
  try {
    await isReady(child);
  } catch (cause) {
    child.kill("SIGKILL");
    throw new OpError("router-unreachable", {
      message: "the router could not be started",
      hint: `Its log is ${program.logPath}.`,
      cause,
    });
  } finally {
    child.unref();
  }
}

function isReady(child: ChildProcess): Promise<void> {
  const pipe = child.stdio[3];
  if (!(pipe instanceof Readable)) throw new Error("no pipe to the router");
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
