/**
 * An installation over several hosts, one namespace each, made by the real commands, and a client's host beside them.
 * Ending it ends everything that runs in its namespaces and removes what it made; a test that crashed is swept up by the
 * next one. Used by the stories of faults and by the benches.
 */
import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { builtBundle } from "../../faults/installation.ts";
import { signalAll } from "../../faults/processes.ts";
import { makeScratch, removeScratch, sweepScratch } from "../../faults/scratch.ts";
import { until } from "../../faults/until.ts";
import { startGivenEtcd } from "./given-etcd.ts";
import { Host } from "./host.ts";
import { Network } from "./network.ts";
import { commandOf, endAtExit, enter, pidsIn, sweepSpaces } from "./spaces.ts";
import { unmount } from "./volume.ts";

export interface LabOptions {
  readonly hosts?: number;
  /** hosts that exist and have joined nothing yet */
  readonly spare?: number;
  /** size of each host's own file system for its members; none when not given */
  readonly volumeMegabytes?: number;
  readonly fakeClock?: boolean;
  /** an etcd with TLS and users that exists already, instead of one of its own */
  readonly givenEtcd?: boolean;
  /** by host; the usual one where none is given */
  readonly regions?: Readonly<Record<string, string>>;
  /** how fast the clocks of the first hosts run; 1 for those that are not named */
  readonly clockRates?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

const hostNames = ["a", "b", "c", "d", "e", "f"];
export const clientName = "client";
const scratchPrefix = "/tmp/mh-";
const faketime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

export function hasFakeClock(): boolean {
  return existsSync(faketime);
}

function drift(rate: number | undefined): Readonly<Record<string, string>> {
  if (rate === undefined) return {};
  const preload = join(import.meta.dirname, "drift.mjs");
  return { NODE_OPTIONS: `--import=${preload}`, MATRIARCH_TEST_CLOCK_RATE: String(rate) };
}

export class Lab implements AsyncDisposable {
  readonly network: Network;
  /** those that have joined */
  readonly hosts: readonly Host[];
  readonly spare: readonly Host[];
  readonly #scratch: string;
  readonly #regions: Readonly<Record<string, string>>;

  private constructor(
    scratch: string,
    network: Network,
    all: readonly Host[],
    { hosts = 3, regions = {} }: LabOptions,
  ) {
    this.#scratch = scratch;
    this.#regions = regions;
    this.network = network;
    this.hosts = all.slice(0, hosts);
    this.spare = all.slice(hosts);
  }

  static async make(options: LabOptions = {}): Promise<Lab> {
    const { hosts = 3, spare = 0 } = options;
    await sweepSpaces();
    // Two tests may sweep at once; what is mounted still cannot be removed, and says so.
    await sweepScratch(scratchPrefix, (point) => unmount(point).catch(() => undefined));
    const scratch = await makeScratch(scratchPrefix);
    await cp(join(await builtBundle(), "dist"), join(scratch, "dist"), { recursive: true });
    const names = hostNames.slice(0, hosts + spare);
    const network = await Network.make([...names, clientName]);
    endAtExit();
    const plan = { dist: join(scratch, "dist"), fakeClock: options.fakeClock ? faketime : undefined };
    const all = names.map((name, index) => {
      const env = { ...options.env, ...drift(options.clockRates?.[index]) };
      return new Host(network, name, join(scratch, name), { ...plan, env });
    });
    const lab = new Lab(scratch, network, all, options);
    try {
      await lab.#install(options);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  /** copy of what was built */
  get dist(): string {
    return join(this.#scratch, "dist");
  }

  /** Command prefix of the client's host. */
  get client(): readonly string[] {
    return enter(this.network.space(clientName));
  }

  /** It is started again, as everything is that runs for long. */
  killGivenEtcd(): void {
    const pids = pidsIn(this.network.space(clientName)).filter((pid) => /^\S*etcd --/.test(commandOf(pid)));
    signalAll(pids, "SIGKILL");
  }

  host(name: string): Host {
    const found = [...this.hosts, ...this.spare].find((host) => host.name === name);
    if (!found) throw new Error(`there is no host "${name}"`);
    return found;
  }

  others(...without: readonly Host[]): readonly Host[] {
    return this.hosts.filter((host) => !without.includes(host));
  }

  /** A host joins the installation. @param by the host that gives the token */
  async join(host: Host, by: Host | undefined = this.hosts[0], ...flags: readonly string[]): Promise<void> {
    const told = await this.token(by);
    await host.ok("host", "join", told, ...this.#flagsOf(host), ...flags);
    await handOver(host);
  }

  async token(by: Host | undefined = this.hosts[0]): Promise<string> {
    return findToken(await by?.json("host", "token"));
  }

  #flagsOf({ name, address }: Host): readonly string[] {
    const region = this.#regions[name];
    const place = ["--zone", name, ...(region === undefined ? [] : ["--region", region])];
    return ["--name", name, "--address", address, ...place, "--no-service"];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!process.env["MATRIARCH_KEEP_LAB"]) {
      for (const host of [...this.hosts, ...this.spare]) {
        await host.volumeOrNone?.release();
        host.thaw();
      }
      await this.network.remove();
      for (const host of [...this.hosts, ...this.spare]) await host.removeVolume();
      await removeScratch(this.#scratch);
    }
  }

  async #install({ volumeMegabytes, givenEtcd }: LabOptions): Promise<void> {
    const [first, ...rest] = this.hosts;
    if (!first) throw new Error("a laboratory needs a host");
    const directory = join(this.#scratch, clientName);
    const store = givenEtcd ? await startGivenEtcd(this.network, clientName, directory) : [];
    await first.ok("host", "init", ...this.#flagsOf(first), ...store);
    await handOver(first);
    for (const host of rest) await this.join(host);
    if (volumeMegabytes !== undefined) for (const host of this.hosts) await host.giveVolume(volumeMegabytes);
  }
}

/** From the agent that the command started to one that is started again when it ends. */
async function handOver(host: Host): Promise<void> {
  await host.ok("agent", "stop");
  host.boot();
  await agentAnswers(host);
}

async function agentAnswers(host: Host): Promise<void> {
  await until(
    `the agent of ${host.name} to answer`,
    async () => ((await host.api("/v1/clusters")) === undefined ? undefined : true),
    {
      withinMs: 60_000,
    },
  );
}

function findToken(told: unknown): string {
  if (typeof told === "object" && told !== null && "token" in told && typeof told.token === "string") return told.token;
  throw new Error(`no token in ${JSON.stringify(told)}`);
}
