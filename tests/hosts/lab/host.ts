/**
 * A host of the laboratory with Matriarch on it: the real command line, and an agent that is started again when it ends,
 * as its systemd unit says (Restart=always, RestartSec=1). Each host has a home of its own. Used by lab.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { signalAll } from "../../faults/processes.ts";
import { until } from "../../faults/until.ts";
import { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { Ran } from "./shell.ts";
import { Volume } from "./volume.ts";

/** The processes of a host, told by their command lines. */
const roles = {
  // Not the shell that starts it again, whose command line has the same words.
  agent: /^\S*node .*agent\.mjs .*--home/,
  guard: /guard(\.mjs|\.js)? /,
  relay: /relay\.mjs /,
  router: /router\.mjs /,
  etcd: /^\S*\betcd /,
  postmaster: /\/postgres -D /,
} as const;
export type Role = keyof typeof roles;

const serviceScript = 'while :; do "$@"; sleep 1; done';
const apiMs = 3000;

export interface HostPlan {
  /** copy of what was built */
  readonly dist: string;
  /** clock of libfaketime, so that it can be stepped; Linux with that library only */
  readonly fakeClock: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export class Host extends Machine {
  readonly home: string;
  readonly #plan: HostPlan;
  #volume: Volume | undefined;

  constructor(network: Network, name: string, directory: string, plan: HostPlan) {
    super(network, name, directory);
    this.home = join(directory, "h");
    this.#plan = plan;
    if (plan.fakeClock !== undefined) this.setClock("+0");
  }

  /** The members' directories get a file system of their own. Before `create`, after `init` or `join`. */
  async giveVolume(megabytes: number): Promise<Volume> {
    const directory = join(this.home, "clusters");
    mkdirSync(directory, { recursive: true });
    this.#volume = await Volume.mount(directory, join(this.directory, "volume"), megabytes);
    return this.#volume;
  }

  get volumeOrNone(): Volume | undefined {
    return this.#volume;
  }

  get volume(): Volume {
    if (!this.#volume) throw new Error(`${this.name} has no volume of its own`);
    return this.#volume;
  }

  /** The command line as a program, for another machine or user. Node takes `--env-file` for its own before a `--`. */
  get cli(): readonly string[] {
    return [process.execPath, "--", join(this.#plan.dist, "cli.mjs")];
  }

  /** The command line, on this host. Never throws for its exit code. */
  matriarch(args: readonly string[], options: { input?: string; withinMs?: number } = {}): Promise<Ran> {
    return this.run([...this.cli, ...args], { env: this.#environment(), withinMs: 120_000, ...options });
  }

  async ok(...args: readonly string[]): Promise<string> {
    const ran = await this.matriarch(args);
    if (ran.code === 0) return ran.stdout;
    throw new Error(`${this.name}: matriarch ${args.join(" ")} ended with ${ran.code}:\n${ran.stdout}\n${ran.stderr}`);
  }

  async json(...args: readonly string[]): Promise<unknown> {
    const answer: unknown = JSON.parse(await this.ok(...args, "--json"));
    return answer;
  }

  /** Switched on: the agent runs, and is started again whenever it ends. Everything else is the agent's. */
  boot(): void {
    const agent = [
      process.execPath,
      "--max-semi-space-size=1",
      join(this.#plan.dist, "agent.mjs"),
      "--home",
      this.home,
    ];
    this.start(["sh", "-c", serviceScript, "matriarch-service", ...agent], {
      env: this.#environment(),
      log: "service.log",
    });
  }

  isBooted(): boolean {
    return this.find(/matriarch-service/).length > 0;
  }

  /** Asks this host's agent over its own socket: files are shared by all namespaces. undefined: no answer. */
  api(path: string): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) => {
      const asked = request({ socketPath: join(this.home, "agent.sock"), path, timeout: apiMs }, (response) => {
        text(response).then((body) => resolve(JSON.parse(body)), reject);
      });
      asked.on("error", reject);
      asked.on("timeout", () => asked.destroy(new Error("no answer")));
      asked.end();
    });
    return answer.catch(() => undefined);
  }

  process(role: Role): number {
    const [pid] = this.find(roles[role]);
    if (pid === undefined) throw new Error(`there is no ${role} on ${this.name}`);
    return pid;
  }

  has(role: Role): boolean {
    return this.find(roles[role]).length > 0;
  }

  signal(role: Role, signal: NodeJS.Signals): void {
    signalAll(this.find(roles[role]), signal);
  }

  /** SIGKILL, and gone. */
  async killRole(role: Role): Promise<void> {
    const pids = this.find(roles[role]);
    if (pids.length === 0) throw new Error(`there is no ${role} on ${this.name}`);
    signalAll(pids, "SIGKILL");
    await until(`the ${role} of ${this.name} to be gone`, () =>
      this.find(roles[role]).some((pid) => pids.includes(pid)) ? undefined : true,
    );
  }

  /** What this host's etcd says of itself, asked with the host's own certificate; undefined: no answer. */
  storeStatus(): Promise<unknown> {
    return this.#etcdctl("endpoint", "status");
  }

  /** The members of the store, as this host's etcd knows them. */
  storeMembers(): Promise<unknown> {
    return this.#etcdctl("member", "list");
  }

  async #etcdctl(...asked: readonly string[]): Promise<unknown> {
    const own = ["--cacert", "ca/ca.crt", "--cert", "host/host.crt", "--key", "host/host.key"];
    const flags = own.map((word) => (word.startsWith("--") ? word : join(this.home, word)));
    const command = ["etcdctl", ...flags, `--endpoints=https://${this.address}:7403`, ...asked, "-w", "json"];
    const ran = await this.run(command, { env: { PATH: "/usr/bin:/bin", ETCDCTL_API: "3" }, withinMs: 8000 });
    return ran.code === 0 ? JSON.parse(ran.stdout) : undefined;
  }

  /** @param offset of libfaketime: "+3600", "-60", "+0 x1.02" */
  setClock(offset: string): void {
    if (this.#plan.fakeClock === undefined) throw new Error("the clock of this laboratory is the machine's");
    writeFileSync(this.#clockFile, `${offset}\n`);
  }

  log(): string {
    return readFileSync(join(this.home, "agent.log"), "utf8");
  }

  async removeVolume(): Promise<void> {
    await this.#volume?.remove();
    this.#volume = undefined;
  }

  get #clockFile(): string {
    return join(this.directory, "clock");
  }

  #environment(): Readonly<Record<string, string>> {
    return {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: this.directory,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      MATRIARCH_HOME: this.home,
      MATRIARCH_ENGINE_CACHE: process.env["MATRIARCH_ENGINE_CACHE"] ?? "/tmp/matriarch-test-engines-0",
      ...this.#plan.env,
      ...(this.#plan.fakeClock === undefined ? {} : this.#fakeTime(this.#plan.fakeClock)),
    };
  }

  /** The wall clock alone: the monotonic one cannot be stepped on a real machine either. */
  #fakeTime(library: string): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_CACHE_DURATION: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }
}
