/**
 * Tools that an agent left at work on a member's directory when it was killed: a copy, a rewind. They would go on writing
 * into what the next agent makes at the same place. Called once for each driver, before anything is done with the
 * directory; it must never end a server. Without /proc nothing is found: those platforms wait for the tool's own end.
 */
import { readdir, readFile } from "node:fs/promises";
import { OpError } from "../../../errors/op-error.ts";
import { until } from "../session/deadline.ts";
import { isAlive, programOf, signal } from "./processes.ts";

const endMs = 10_000;
const tools = new Set(["cp", "pg_rewind", "postgres"]);

/** @throws OpError server-unresponsive when one survives even SIGKILL (a hung disk) */
export async function endLeftovers(dataDirectory: string): Promise<void> {
  const names = await readdir("/proc").catch(() => []);
  for (const pid of names.filter((name) => /^\d+$/.test(name)).map(Number)) {
    // To read the arguments of every process takes a busy host half a second, in which no member is looked at.
    if (!tools.has(programOf(pid)) || !writesInto(await argumentsOf(pid), dataDirectory)) continue;
    signal(pid, "SIGKILL");
    if (await until(() => !isAlive(pid), endMs, 5)) continue;
    throw new OpError("server-unresponsive", { message: `process ${pid} still works on "${dataDirectory}"` });
  }
}

/** `cp … TARGET`, `pg_rewind --target-pgdata TARGET …`, and the single-user server that a rewind runs first. */
export function writesInto([program = "", ...args]: readonly string[], dataDirectory: string): boolean {
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (name === "cp") return args.at(-1)?.startsWith(`${dataDirectory}.new`) ?? false;
  if (name === "pg_rewind") return args[args.indexOf("--target-pgdata") + 1] === dataDirectory;
  return name === "postgres" && args.includes("--single") && args[args.indexOf("-D") + 1] === dataDirectory;
}

async function argumentsOf(pid: number): Promise<readonly string[]> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return line.split("\0").slice(0, -1);
}
