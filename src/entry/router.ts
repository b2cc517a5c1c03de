/**
 * The program of the router process, and of its threads. Arguments: the path of the control socket and of the log file. Environment:
 * MATRIARCH_VERSION, MATRIARCH_READY_FD, and for tests MATRIARCH_ROUTER_LIMITS (JSON). Started by drivers/router/.
 */
import { isMainThread } from "node:worker_threads";
import { runRouter } from "../router/main.ts";
import type { Limits } from "../router/shared.ts";
import { runWorker } from "../router/worker.ts";

if (isMainThread) await main();
else runWorker();

async function main(): Promise<void> {
  const [program, controlPath, logPath] = process.argv.slice(1);
  if (program === undefined || controlPath === undefined) {
    process.stderr.write("usage: router CONTROL-SOCKET [LOG-FILE]\n");
    process.exit(2);
  }
  const readyFd = process.env["MATRIARCH_READY_FD"];
  await runRouter({
    controlPath,
    logPath,
    version: process.env["MATRIARCH_VERSION"] ?? "0",
    threadFile: program,
    limits: parseLimits(process.env["MATRIARCH_ROUTER_LIMITS"]),
    ...(readyFd === undefined ? {} : { readyFd: Number(readyFd) }),
  });
}

function parseLimits(text: string | undefined): Partial<Limits> {
  const limits: Record<string, number> = {};
  const given: unknown = JSON.parse(text ?? "{}");
  for (const [name, value] of Object.entries(given ?? {})) if (typeof value === "number") limits[name] = value;
  return limits;
}
