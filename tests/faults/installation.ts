/**
 * An installation in a home of its own, as a user has it: the real command line, agent, router and servers. Made by the
 * tests of faults. Ending it ends every process that works in its home and removes the home, also when a test failed.
 */
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { chown, cp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { isAlive, processesIn, signalAll } from "./processes.ts";
import { makeScratch, removeScratch, sweepScratch } from "./scratch.ts";
import { until } from "./until.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export interface InstallationOptions {
  /** the ordinary user that runs everything, when the tests run as root */
  readonly as?: Identity;
  /** an existing directory to use as home; it is left there at the end */
  readonly home?: string;
  /** where its members' control groups are made (MATRIARCH_CGROUP); none otherwise, for they would outlive the test */
  readonly cgroup?: string;
  /** where its Postgres binaries are, instead of the directory that all tests share */
  readonly engines?: string;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
/** The bundle is copied below it, so that a build during the test changes nothing; short, as Unix sockets lie there. */
const scratchPrefix = "/tmp/mf-";
const runWithinMs = 120_000;

export class Installation implements AsyncDisposable {
  readonly home: string;
  readonly #scratch: string;
  readonly #as: Identity | undefined;
  readonly #kept: boolean;
  readonly #cgroup: string;
  readonly #engines: string;

  constructor(scratch: string, { as, home, cgroup = "off", engines = sharedEngines() }: InstallationOptions) {
    this.#cgroup = cgroup;
    this.#engines = engines;
    this.#scratch = scratch;
    this.home = home ?? join(scratch, "h");
    this.#kept = home !== undefined;
    this.#as = as;
  }

  /** Runs the command line; never throws for its exit code. */
  async run(
    args: readonly string[],
    options: { input?: string; signal?: AbortSignal; interruptOnceItSays?: string } = {},
  ): Promise<Ran> {
    const child = this.begin(args);
    const deadline = setTimeout(() => child.kill("SIGKILL"), runWithinMs);
    let told = "";
    child.stderr.on("data", (chunk: Buffer) => {
      const before = told;
      told += chunk.toString();
      const awaited = options.interruptOnceItSays;
      if (awaited !== undefined && told.includes(awaited) && !before.includes(awaited)) child.kill("SIGINT");
    });
    child.stdin.end(options.input ?? "");
    const code = new Promise<number | null>((resolve) => child.on("close", resolve));
    const [stdout, stderr, ended] = await Promise.all([text(child.stdout), text(child.stderr), code]);
    clearTimeout(deadline);
    return { code: ended, stdout, stderr };
  }

  /** Starts the command line, for one that goes on until it is told to end. */
  begin(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, ["--", join(this.#scratch, "dist", "cli.mjs"), ...args], {
      env: { ...this.#environment(), ...env },
      cwd: this.#scratch,
      ...this.#as,
    });
  }

  /** Runs it and expects it to succeed. @returns what it printed */
  async ok(...args: readonly string[]): Promise<string> {
    const ran = await this.run(args);
    if (ran.code !== 0)
      throw new Error(`matriarch ${args.join(" ")} ended with ${ran.code}:\n${ran.stdout}\n${ran.stderr}`);
    return ran.stdout;
  }

  async json(...args: readonly string[]): Promise<unknown> {
    const answer: unknown = JSON.parse(await this.ok(...args, "--json"));
    return answer;
  }

  /** Reads from the agent's API; undefined when nobody answers. */
  async api(path: string): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) => {
      const asked = request({ socketPath: join(this.home, "agent.sock"), path, timeout: 5000 }, (response) => {
        text(response).then((body) => resolve(JSON.parse(body)), reject);
      });
      asked.on("error", reject);
      asked.on("timeout", () => asked.destroy(new Error("no answer")));
      asked.end();
    });
    return answer.catch(() => undefined);
  }

  get agentPid(): number | undefined {
    return this.#pidOf(`agent.mjs --home ${this.home}`);
  }

  get routerPid(): number | undefined {
    return this.#pidOf(`router.mjs ${this.home}/`);
  }

  /** Starts the agent and waits until it answers. */
  async startAgent(): Promise<void> {
    await this.ok("agent", "start");
  }

  async killAgent(): Promise<void> {
    const pid = this.agentPid;
    if (pid === undefined) throw new Error("there is no agent");
    await endAll([pid]);
  }

  /** Everything of this home, at once: as if the power had gone. */
  async killEverything(): Promise<void> {
    // Whoever is killed first may be started again by one that is not dead yet.
    await until("no process to be left", async () => {
      const found = processesIn(this.home).map(({ pid }) => pid);
      await endAll(found);
      return found.length === 0 ? true : undefined;
    });
  }

  async log(): Promise<string> {
    return readFile(join(this.home, "agent.log"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killEverything();
    if (this.#kept && !process.env["MATRIARCH_KEEP_HOMES"])
      await rm(join(this.home, "clusters"), { recursive: true, force: true });
    await removeScratch(this.#scratch);
  }

  #pidOf(command: string): number | undefined {
    return processesIn(this.home).find((found) => found.command.includes(command))?.pid;
  }

  #environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: this.#scratch,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      MATRIARCH_HOME: this.home,
      MATRIARCH_CGROUP: this.#cgroup,
      MATRIARCH_ENGINE_CACHE: this.#engines,
    };
  }
}

/** Installed once for all tests, which only read it. */
export function sharedEngines(): string {
  return process.env["MATRIARCH_ENGINE_CACHE"] ?? `/tmp/matriarch-test-engines-${process.getuid?.() ?? 0}`;
}

/** A fresh installation. */
export async function makeInstallation(options: InstallationOptions = {}): Promise<Installation> {
  await sweepScratch(scratchPrefix);
  const scratch = await makeScratch(scratchPrefix);
  await cp(join(await builtBundle(), "dist"), join(scratch, "dist"), { recursive: true });
  if (options.as) await chown(scratch, options.as.uid, options.as.gid);
  return new Installation(scratch, options);
}

/** The launcher builds when the sources have changed. */
export async function builtBundle(): Promise<string> {
  const child = spawn(join(root, "matriarch"), ["version", "--json"], {
    env: { ...process.env, MATRIARCH_HOME: "/nonexistent" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const told = text(child.stderr);
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`the launcher failed: ${await told}`);
  return root;
}

export async function endAll(pids: readonly number[]): Promise<void> {
  signalAll(pids, "SIGKILL");
  await until("killed processes to be gone", () => (pids.some(isAlive) ? undefined : true), { withinMs: 10_000 });
}
