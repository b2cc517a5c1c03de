/** Serves a memory installation over a real socket in a home of its own, and runs the real command line against it. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import { createApi } from "../../src/api/server.ts";
import { createMemoryInstallation, statusOf, type MemoryInstallation } from "./memory-installation.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Harness extends AsyncDisposable {
  readonly home: string;
  readonly installation: MemoryInstallation;
  readonly logged: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The bundle that users run; the launcher builds it here if it is missing or old. */
export const cliEntry = join(root, "dist", "cli.mjs");
execFileSync(join(root, "matriarch"), ["--version"], { stdio: ["ignore", "ignore", "inherit"] });
const runWithinMs = 30_000;

/** With one cluster, "shop", unless told otherwise. */
export async function createHarness(options: { readonly clusters?: readonly string[] } = {}): Promise<Harness> {
  const home = await mkdtemp(join(tmpdir(), "matriarch-cli-"));
  const installation = createMemoryInstallation(home);
  for (const name of options.clusters ?? ["shop"]) installation.clusters.set(name, statusOf({ name }, home));
  const logged: Harness["logged"] = [];
  const log = {
    info: (fields: Readonly<Record<string, unknown>>, message: string) => void logged.push({ message, fields }),
    error: (fields: Readonly<Record<string, unknown>>, message: string) => void logged.push({ message, fields }),
  };
  const api = createApi(installation, log);
  await api.listen(join(home, "agent.sock"));
  return {
    home,
    installation,
    logged,
    run: (args, runOptions) => runCli(home, args, runOptions),
    async [Symbol.asyncDispose]() {
      await api.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export async function runCli(
  home: string,
  args: readonly string[],
  { input = "", env = {} }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(process.execPath, ["--", cliEntry, ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: home, MATRIARCH_HOME: home, ...env },
    timeout: runWithinMs,
    killSignal: "SIGKILL",
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr };
}

/** Fails with the whole output when it is no JSON. */
export function parseOutput(ran: Ran): unknown {
  try {
    return JSON.parse(ran.stdout);
  } catch {
    throw new Error(`not JSON on stdout: ${JSON.stringify(ran)}`);
  }
}
