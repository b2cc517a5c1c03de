/**
 * Three bare machines, and the installation on them that docs/hosts.md leads to, by its own shell blocks. Used by
 * bench/bare.ts and what it tries.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { assertKept, checkHistory } from "../../checker/history.ts";
import { until } from "../../faults/until.ts";
import { Recorder } from "../lab/recorder.ts";
import { toolWith } from "../lab/shell.ts";
import { enter, spaceName } from "../lab/spaces.ts";
import { blocksOf } from "./blocks.ts";
import { BareMachine, debianBase } from "./machine.ts";
import { BareNetwork } from "./network.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");
const cache = process.env["MATRIARCH_BARE_CACHE"] ?? "/var/cache/matriarch-bare";
/** where the machines find the repository */
export const source = "/srv/matriarch.git";
/** three machines by copy and paste, on a machine with two cores for all of them */
const minutesMax = 10;

const begun = performance.now();

export function say(text: string): void {
  const seconds = ((performance.now() - begun) / 1000).toFixed(0).padStart(4);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** All blocks below a heading as one, ready to be pasted. */
export function pasted(page: string, heading: string): string {
  return blocksOf(page, heading).join("\n").replaceAll("REPOSITORY", source);
}

interface Act {
  readonly what: string;
  readonly gapMsMax: number;
  readonly act: () => Promise<void>;
}

export class Three implements AsyncDisposable {
  readonly machines: BareMachine[] = [];
  /** of the first user of the cluster */
  password = "";
  #base: string;
  readonly #scratch: string;
  readonly #network: BareNetwork;
  #told = 0;

  private constructor(base: string, scratch: string, network: BareNetwork) {
    this.#base = base;
    this.#scratch = scratch;
    this.#network = network;
  }

  static async make(): Promise<Three> {
    say("making the base system (once)");
    const base = await debianBase(cache);
    const scratch = mkdtempSync("/tmp/mb-");
    execFileSync("git", ["clone", "--quiet", "--bare", checkout, join(scratch, "matriarch.git")]);
    const three = new Three(base, scratch, await BareNetwork.make());
    try {
      for (const number of [1, 2, 3]) await three.#add(number);
    } catch (error) {
      await three[Symbol.asyncDispose]();
      throw error;
    }
    say("three bare machines have booted");
    return three;
  }

  /** @param number 1 to 3, as in the names */
  machine(number: number): BareMachine {
    const found = this.machines[number - 1];
    if (!found) throw new Error(`there is no machine ${number}`);
    return found;
  }

  /** Another machine with the same name and address, as the first was after step 1. */
  async replace(number: number): Promise<BareMachine> {
    await this.machine(number)[Symbol.asyncDispose]();
    return this.#add(number);
  }

  /** The page's steps 1 to 4. */
  async install(): Promise<void> {
    const [first, second, third] = [this.machine(1), this.machine(2), this.machine(3)];
    const since = performance.now();
    await Promise.all(this.machines.map((machine) => machine.ok(pasted("hosts.md", "1. On every machine"))));
    say("step 1 done on all three: packages, checkout, build");
    const after = join(this.#scratch, "after-step-1");
    await toolWith(["cp", "-a", third.disk, after], { withinMs: 120_000 });
    this.#base = `${after}:${this.#base}`;
    const token = tokenIn(await first.ok(pasted("hosts.md", "2. On the first machine")));
    say("step 2 done: the first host");
    const joins = blocksOf("hosts.md", "3. On the second and third machine");
    for (const [at, machine] of [second, third].entries())
      await machine.ok((joins[at] ?? "false").replace("TOKEN", token));
    say("step 3 done: all hosts have joined");
    const shown = await third.ok(pasted("hosts.md", "4. On any of them"));
    const password = /postgres:([^@]+)@/.exec(shown)?.[1];
    if (password === undefined) throw new Error("create showed no password");
    this.password = decodeURIComponent(password);
    await this.healthy(first);
    const minutes = (performance.now() - since) / 60_000;
    say(`step 4 done: a healthy cluster, ${minutes.toFixed(1)} min after the first line was pasted`);
    if (minutes > minutesMax) throw new Error(`that took longer than ${minutesMax} minutes`);
  }

  async healthy(machine: BareMachine, withinMs = 60_000): Promise<void> {
    let seen = "";
    await until(
      `${machine.name}: shop to be healthy`,
      async () => {
        const { stdout, stderr } = await machine.run("matriarch status shop");
        seen = stdout + stderr;
        return stdout.startsWith("shop is healthy") ? true : undefined;
      },
      { withinMs, seen: () => seen },
    );
  }

  /** While a client writes without pause through every host. */
  async underLoad({ what, gapMsMax, act }: Act): Promise<void> {
    const ca = readFileSync(join(this.machine(1).root, "var/lib/matriarch/ca/ca.crt"), "utf8");
    const user = { user: "postgres", password: this.password, database: "postgres" };
    const targets = this.machines.map(({ address }) => ({ host: address, port: 5432, ...user, ssl: { ca } }));
    const recorder = new Recorder(enter(spaceName("switch")));
    try {
      const [target] = targets;
      if (!target) return;
      const table = `trial_${(this.#told += 1)}`;
      await recorder.prepare(target, table);
      await recorder.start({ writers: { any: targets }, table, patienceMs: 1000, pauseMs: 5 });
      await recorder.acknowledged(50, 20_000);
      await act();
      await recorder.acknowledged(50, 20_000);
      const histories = await recorder.stop();
      const verdict = checkHistory(Object.values(histories).flat(), await recorder.rows(target, table));
      assertKept(verdict);
      const gap = verdict.gap?.ms ?? NaN;
      say(`${what}: ${verdict.acknowledged} writes, none lost, longest pause ${gap.toFixed(0)} ms`);
      // The machines share two cores: the promise itself is held by the benches.
      if (gap > gapMsMax * 4) throw new Error(`${what}: writes stood still for ${gap.toFixed(0)} ms`);
    } finally {
      recorder.end();
    }
  }

  async tellWhatIsSeen(): Promise<void> {
    for (const machine of this.machines) {
      const look = "systemctl status matriarch --no-pager -n 30; matriarch host list; matriarch events shop --limit 15";
      const ran = await machine.run(
        `set +e\n${look}\ngrep -v '"level":"info"' /var/lib/matriarch/agent.log | tail -n 8`,
        30_000,
      );
      process.stdout.write(`--- ${machine.name}\n${ran.stdout}\n${ran.stderr}\n`.replaceAll(/^(.{400}).*$/gm, "$1…"));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const machine of this.machines) await machine[Symbol.asyncDispose]();
    await this.#network[Symbol.asyncDispose]();
    await rm(this.#scratch, { recursive: true, force: true });
  }

  async #add(number: number): Promise<BareMachine> {
    const [name, address] = [`db-${number}`, `10.0.0.${number}`];
    const machine = new BareMachine(name, address, this.#scratch, await this.#network.plug(name, address));
    this.machines[number - 1] = machine;
    await machine.install(this.#base, join(this.#scratch, "matriarch.git"));
    await machine.boot();
    return machine;
  }
}

export function tokenIn(text: string): string {
  const token = /matriarch host join (\S+)/.exec(text)?.[1];
  if (token === undefined) throw new Error(`no token in: ${text}`);
  return token;
}
