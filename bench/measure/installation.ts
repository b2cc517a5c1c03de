/**
 * A whole installation of its own in a temporary directory, used through the launcher as a user would. Used by the
 * benches; touches no other installation. `end` stops everything and removes it.
 */
import { execFile, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

const run = promisify(execFile);
const launcher = join(import.meta.dirname, "../../matriarch");
const commandMs = 1_200_000;

/** What the benches read of `status --json`. */
export interface Status {
  readonly name: string;
  readonly state: string;
  readonly version: string;
  readonly primary: string | null;
  readonly endpoints: { readonly primary: { readonly host: string; readonly port: number } };
  readonly members: readonly {
    readonly id: string;
    readonly role: string;
    readonly state: string;
    readonly pid: number | null;
    readonly lag_bytes: number | null;
    readonly status_url: string | null;
  }[];
}

export interface Created extends Status {
  readonly uri: string;
}

/** One command, and what it told while it worked. */
export interface Watched {
  readonly stdout: string;
  readonly tookMs: number;
  readonly steps: readonly { readonly step: string; readonly atMs: number }[];
}

export interface AgentStatus {
  readonly pid: number;
  readonly router_pid: number;
}

export class Installation {
  readonly launcher = launcher;
  readonly home: string;
  readonly #above: string;

  private constructor(above: string) {
    this.#above = above;
    this.home = join(above, "home");
  }

  /** Nothing runs yet; what the launcher has to set up is set up. */
  static async prepare(): Promise<Installation> {
    const above = await mkdtemp(join(tmpdir(), "bench-"));
    // Root's servers run as another user, who has to walk through.
    await chmod(above, 0o711);
    const installation = new Installation(above);
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => void installation.end().finally(() => process.exit(130)));
    await installation.matriarch("--help");
    return installation;
  }

  /** Runs one command to its end. @returns what it printed */
  async matriarch(...args: readonly string[]): Promise<string> {
    const env = { ...process.env, MATRIARCH_HOME: this.home };
    const { stdout } = await run(launcher, [...args], { env, timeout: commandMs, maxBuffer: 16 * 2 ** 20 });
    return stdout;
  }

  /** Runs one command to its end, with the time of each line of its progress. */
  async watched(...args: readonly string[]): Promise<Watched> {
    const begun = performance.now();
    const env = { ...process.env, MATRIARCH_HOME: this.home };
    const child = spawn(launcher, args, { env, timeout: commandMs, stdio: ["ignore", "pipe", "pipe"] });
    const steps: { readonly step: string; readonly atMs: number }[] = [];
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (step) => steps.push({ step, atMs: performance.now() - begun }));
    const stdout = text(child.stdout);
    const [code] = (await once(child, "close")) as [number | null];
    if (code === 0) return { stdout: await stdout, tookMs: performance.now() - begun, steps };
    throw new Error(`matriarch ${args.join(" ")} failed:\n${steps.map(({ step }) => step).join("\n")}`);
  }

  async create(name: string, ...args: readonly string[]): Promise<Created> {
    // The usual ports may be what another installation on this machine is about to take.
    const port = String(randomInt(10_000, 12_000) * 2);
    return JSON.parse(await this.matriarch("create", name, "--json", "--port", port, ...args)) as Created;
  }

  async status(name: string): Promise<Status> {
    return JSON.parse(await this.matriarch("status", name, "--json")) as Status;
  }

  async agent(): Promise<AgentStatus> {
    return JSON.parse(await this.matriarch("agent", "status", "--json")) as AgentStatus;
  }

  async destroy(name: string): Promise<void> {
    await this.matriarch("destroy", name, "--yes");
  }

  async end(): Promise<void> {
    await this.matriarch("agent", "stop", "--servers").catch((error: unknown) =>
      process.stderr.write(`${String(error)}\n`),
    );
    await rm(this.#above, { recursive: true, force: true });
  }
}
