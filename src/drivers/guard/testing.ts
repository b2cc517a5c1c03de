/** Guards of several hosts on addresses of this machine, and servers for them to end. Test support only. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { leaveNothingOf } from "../../../tests/fixtures/leave-nothing.ts";
import type { HostAddress } from "../../domain/host.ts";
import { OpError } from "../../errors/op-error.ts";
import type { GuardReport, GuardTimings, MemberFeed, MemberReport } from "../../guard/wire.ts";
import { createTestAuthority } from "../../links/testing.ts";
import type { GuardDriver } from "./port.ts";
import { createGuardDriver, guardProgram } from "./process.ts";

const script = join(import.meta.dirname, "../../entry/guard.ts");
/** Long enough for a guard to be started meanwhile on a machine that is busy with other tests. */
export const patient: GuardTimings = { heartbeatMs: 200, promiseMs: 50_000, marginMs: 300 };
export const usual: GuardTimings = { heartbeatMs: 200, promiseMs: 1500, marginMs: 300 };

export class TestHost {
  readonly name: string;
  readonly home: string;
  driver: GuardDriver;
  report: GuardReport | undefined;
  #feeding: NodeJS.Timeout | undefined;
  readonly #make: (version: string) => GuardDriver;

  constructor(name: string, home: string, make: (version: string) => GuardDriver) {
    this.name = name;
    this.home = home;
    this.#make = make;
    this.driver = this.again("1");
  }

  /** Another agent's view of the same guard. */
  again(version: string): GuardDriver {
    this.driver = this.#make(version);
    this.driver.onReport((report) => {
      this.report = report;
    });
    return this.driver;
  }

  get pid(): number {
    assert.ok(this.driver.pid);
    return this.driver.pid;
  }

  member(): MemberReport {
    const [member] = this.report?.members ?? [];
    assert.ok(member, `no report of ${this.name}`);
    return member;
  }

  /** As its agent does it: now, and again and again until it stands still. */
  async feed(...members: readonly MemberFeed[]): Promise<void> {
    this.standStill();
    this.#feeding = setInterval(() => void this.driver.feed(members, now()).catch(() => undefined), 500);
    // The driver gives up soon, for the agent's sake; here a busy machine may have its time.
    for (const deadline = now() + 10_000; ; await sleep(20)) {
      try {
        return await this.driver.feed(members, now());
      } catch (error) {
        const isSlow = error instanceof OpError && error.code === "guard-unreachable";
        if (now() > deadline || !isSlow) throw error;
      }
    }
  }

  standStill(): void {
    clearInterval(this.#feeding);
  }
}

export interface TestHosts {
  readonly hosts: readonly TestHost[];
  readonly addresses: readonly HostAddress[];
  readonly directory: string;
  remove(): Promise<void>;
}

/** Every test file has addresses of its own: loopback is a /8. */
export async function startHosts(names: readonly string[], timings: GuardTimings): Promise<TestHosts> {
  const directory = await mkdtemp(join(tmpdir(), "guards-"));
  leaveNothingOf(directory);
  const authority = await createTestAuthority(directory);
  const net = `127.${random(1, 250)}.${random(0, 250)}`;
  const addresses = names.map((name, index) => ({ name, address: `${net}.${index + 1}`, basePort: 17_400 }));
  const hosts = await Promise.all(
    names.map(async (name) => {
      const home = join(directory, name);
      await mkdir(home);
      const tls = await authority.issue(name, `CN=${name},OU=host`);
      return new TestHost(name, home, (version) => createGuardDriver(guardProgram({ home, tls, script, version })));
    }),
  );
  await Promise.all(hosts.map(({ driver }) => driver.ensure()));
  for (const { driver } of hosts) await driver.hosts(addresses, timings);
  return {
    hosts,
    addresses,
    directory,
    remove: async () => {
      for (const host of hosts) host.standStill();
      await Promise.all(hosts.map(({ driver }) => driver.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface TestServer {
  readonly pid: number;
  readonly directory: string;
  readonly end: () => void;
}

/**
 * Stands for a Postgres server: two processes that work in a data directory. With `deaf` they are as hard to end as
 * servers get.
 */
export async function startServer(directory: string, deaf = false): Promise<TestServer> {
  await mkdir(directory, { recursive: true });
  const program = `${deaf ? 'trap "" QUIT TERM INT; ' : ""}sleep 1000 & echo ready; while :; do wait; sleep 1; done`;
  const child = spawn("sh", ["-c", program], { cwd: directory, detached: true, stdio: ["ignore", "pipe", "ignore"] });
  assert.ok(child.pid !== undefined && child.stdout);
  const { pid } = child;
  await once(child.stdout, "data");
  child.stdout.destroy();
  return { pid, directory: await realpath(directory), end: () => killGroup(pid) };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // ended already
  }
}

export async function until(what: string, condition: () => boolean, withinMs = 20_000): Promise<number> {
  const since = performance.now();
  for (; !condition(); await sleep(5)) {
    assert.ok(performance.now() - since < withinMs, `never came: ${what}`);
  }
  return performance.now() - since;
}

/** CLOCK_MONOTONIC, as the guards read it. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function random(from: number, below: number): number {
  return from + Math.floor(Math.random() * (below - from));
}
