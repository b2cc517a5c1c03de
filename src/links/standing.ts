/**
 * What router and relay have in common as processes that outlive their starter: a log, a control socket, the word that
 * they are ready, and their end. A defect in one connection never ends the others. Called by their main.ts.
 */
import { closeSync, unlinkSync, writeSync } from "node:fs";
import { serveControl, type Clerk } from "./control.ts";
import { openLog, type Log } from "./log.ts";

export interface Standing {
  readonly controlPath: string;
  /** undefined: standard error */
  readonly logPath: string | undefined;
  readonly version: string;
  /** descriptor that gets one line when requests are taken, then is closed */
  readonly readyFd?: number;
}

/**
 * Returns when requests are taken; the process ends by a signal, or by `exit`.
 * @param make what answers the requests; `exit` ends the process
 */
export async function stand<Request extends { readonly id: number }>(
  options: Standing,
  make: (log: Log, exit: () => void) => Clerk<Request>,
): Promise<void> {
  const log = openLog(options.logPath);
  const exit = () => {
    removeQuietly(`${options.controlPath}.${process.pid}`);
    log.info("ended");
    setImmediate(() => process.exit(0));
  };
  process.on("uncaughtException", (error) => log.error("defect", { error, stack: error.stack }));
  process.on("unhandledRejection", (error) => log.error("defect", { error }));
  process.on("SIGHUP", () => undefined);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, exit);
  await serveControl(options.controlPath, make(log, exit), log);
  log.info("started", { pid: process.pid, version: options.version });
  if (options.readyFd !== undefined) sayReady(options.readyFd);
}

function sayReady(fd: number): void {
  try {
    writeSync(fd, "ready\n");
    closeSync(fd);
  } catch {
    // Whoever started this does not wait any more.
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never there, or somebody has tidied up.
  }
}
