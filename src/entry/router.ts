/**
 * The program of the router process. Arguments: the path of the control socket and of the log file. Environment:
 * MATRIARCH_VERSION, MATRIARCH_READY_FD, and for tests MATRIARCH_ROUTER_LIMITS (JSON). Started by drivers/router/.
 */
import { runRouter } from "../router/main.ts";
import type { Limits } from "../router/shared.ts";

const [controlPath, logPath] = process.argv.slice(2);
if (controlPath === undefined) {
  process.stderr.write("usage: router CONTROL-SOCKET [LOG-FILE]\n");
  process.exit(2);
}
const readyFd = process.env["MATRIARCH_READY_FD"];

await runRouter({
  controlPath,
  logPath,
  version: process.env["MATRIARCH_VERSION"] ?? "0",
  limits: parseLimits(process.env["MATRIARCH_ROUTER_LIMITS"]),
  ...(readyFd === undefined ? {} : { readyFd: Number(readyFd) }),
});

function parseLimits(text: string | undefined): Partial<Limits> {
  const limits: Record<string, number> = {};
  const given: unknown = JSON.parse(text ?? "{}");
  for (const [name, value] of Object.entries(given ?? {})) if (typeof value === "number") limits[name] = value;
  return limits;
}
