/**
 * The router process: owns the endpoints' ports, ends TLS and moves bytes between clients and servers. Started by the
 * agent (drivers/router/) and outlives it: when the agent goes away, the last word that it gave holds. It decides
 * nothing about who is primary, reads no store, and no client can end it.
 */
import { closeSync, unlinkSync, writeSync } from "node:fs";
import { serveControl } from "./control.ts";
import { openLog } from "./log.ts";
import { defaultLimits, type Limits } from "./shared.ts";
import { Threads } from "./threads.ts";

export interface RouterOptions {
  readonly controlPath: string;
  /** undefined: standard error */
  readonly logPath: string | undefined;
  readonly version: string;
  /** program of its further threads: calls runWorker */
  readonly threadFile: string;
  readonly limits?: Partial<Limits>;
  /** descriptor that gets one line when requests are taken, then is closed */
  readonly readyFd?: number;
}

/** Returns when requests are taken; the process ends when it was told to drain, or by a signal. */
export async function runRouter(options: RouterOptions): Promise<void> {
  const log = openLog(options.logPath);
  const exit = () => {
    removeQuietly(`${options.controlPath}.${process.pid}`);
    log.info("ended");
    setImmediate(() => process.exit(0));
  };
  // A defect in one connection must not end the others.
  process.on("uncaughtException", (error) => log.error("defect", { error, stack: error.stack }));
  process.on("unhandledRejection", (error) => log.error("defect", { error }));
  process.on("SIGHUP", () => undefined);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, exit);
  const limits = { ...defaultLimits, ...options.limits };
  const { version, threadFile } = options;
  const router = new Threads({ version, threadFile, limits, log, drained: exit });
  await serveControl(options.controlPath, router, log);
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
