/**
 * A cluster of three real members in a temporary directory, for the tests of this driver. Not part of the product.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../../tests/fixtures/ports.ts";
import type { RunningServer, Server } from "../../../domain/server.ts";
import type { CommitRule } from "../../../domain/rule.ts";
import { computeSettings } from "../configuration/defaults.ts";
import { chooseServerOwner } from "../engine/owner.ts";
import { createMemberServer } from "../member-server.ts";
import type { Engine, MemberServer, MemberServerConfig, Upstream } from "../port.ts";
import { createDirectories } from "../provision/create.ts";
import { ensureTemplate } from "../provision/template.ts";
import { within } from "../session/deadline.ts";
import { Session, type Row } from "../session/session.ts";

export const waitMs = 60_000;

export interface Member {
  readonly config: MemberServerConfig;
  server: MemberServer;
}

export class TestCluster {
  readonly members: readonly Member[];
  /** passable for the servers' user; gone at the end */
  readonly #home: string;

  static async create(engine: Engine, count = 3, more: Partial<MemberServerConfig> = {}): Promise<TestCluster> {
    const owner = await chooseServerOwner();
    const home = await mkdtemp(join(tmpdir(), "mtr-"));
    await chmod(home, 0o755);
    const signal = AbortSignal.timeout(120_000);
    const template = await ensureTemplate(await templateHome(), engine, owner, signal);
    const configs: MemberServerConfig[] = [];
    for (let n = 1; n <= count; n += 1) {
      configs.push({
        cluster: "t",
        member: `t-${n}`,
        incarnation: 1,
        engine,
        owner,
        dataDirectory: join(home, `t-${n}/data`),
        socketDirectory: join(home, `run/${n}`),
        logDirectory: join(home, `t-${n}/log`),
        port: await freePort(),
        wanted: {
          generation: 1,
          settings: computeSettings({
            major: engine.major,
            memoryBytes: 256 << 20,
            cpus: 2,
            diskBytes: 20 * 1024 ** 3,
            members: count,
          }),
        },
        ...more,
      });
    }
    const directories = configs.map((config) => config.dataDirectory);
    await createDirectories({ template, owner, directories, signal });
    return new TestCluster(home, configs);
  }

  private constructor(home: string, configs: readonly MemberServerConfig[]) {
    this.#home = home;
    this.members = configs.map((config) => ({ config, server: createMemberServer(config) }));
  }

  get home(): string {
    return this.#home;
  }

  member(n: number): Member {
    const member = this.members[n - 1];
    if (member === undefined) throw new Error(`no member ${n}`);
    return member;
  }

  server(n: number): MemberServer {
    return this.member(n).server;
  }

  /** A new agent would know nothing of what the old one did. */
  async forgetServer(n: number): Promise<MemberServer> {
    const member = this.member(n);
    await member.server.close();
    member.server = createMemberServer(member.config);
    return member.server;
  }

  upstream(n: number): Upstream {
    const { member, socketDirectory, port, dataDirectory } = this.member(n).config;
    return { member, socketDirectory, port, dataDirectory };
  }

  /** Member 1 as primary, the others streaming from it. */
  async start(rule: CommitRule): Promise<void> {
    await this.server(1).startPrimary(rule);
    await this.running(1);
    await this.server(1).setSlots(this.members.slice(1).map((member) => member.config.member));
    for (let n = 2; n <= this.members.length; n += 1) await this.server(n).startStandby(this.upstream(1), rule);
    for (let n = 2; n <= this.members.length; n += 1) await this.streaming(n);
  }

  async until(n: number, holds: (server: Server) => boolean, withinMs = waitMs): Promise<Server> {
    const end = Date.now() + withinMs;
    for (;;) {
      const server = await this.server(n).observe(1000);
      if (holds(server)) return server;
      if (Date.now() > end) {
        const text = JSON.stringify(server, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
        throw new Error(`t-${n} is ${text}`);
      }
      await sleep(10);
    }
  }

  async running(n: number): Promise<RunningServer> {
    const server = await this.until(n, (seen) => seen.kind === "running");
    if (server.kind !== "running") throw new Error("not running");
    return server;
  }

  async streaming(n: number): Promise<RunningServer> {
    const server = await this.until(n, (seen) => seen.kind === "running" && seen.streaming);
    if (server.kind !== "running") throw new Error("not running");
    return server;
  }

  async sql(n: number, text: string, values: readonly string[] = []): Promise<readonly Row[]> {
    const session = await Session.open(this.member(n).config, { withinMs: 5000, applicationName: "test" });
    try {
      return await session.query(text, values, { withinMs: 30_000 });
    } finally {
      await session.close();
    }
  }

  async end(): Promise<void> {
    for (const { server } of this.members) {
      await server.fence();
      await server.close();
    }
    await rm(this.#home, { recursive: true, force: true });
  }
}

let templates: Promise<string> | undefined;

/** Shared by all tests of a process. */
function templateHome(): Promise<string> {
  templates ??= mkdtemp(join(tmpdir(), "mtr-templates-")).then(async (home) => {
    await chmod(home, 0o755);
    return home;
  });
  return templates;
}

export async function removeTemplates(): Promise<void> {
  if (templates !== undefined) await rm(await templates, { recursive: true, force: true });
}

export function ruleOf(acks: number, ...members: readonly number[]): CommitRule {
  return { acks, voters: members.map((n) => ({ member: `t-${n}`, incarnation: 1 })) };
}

/** Nobody answers to these names: a commit under this rule waits for ever. */
export const ghostRule: CommitRule = { acks: 1, voters: [{ member: "ghost", incarnation: 1 }] };

/** Inserts one row after the other, on several sessions, and remembers what was acknowledged and when. */
export class Writers {
  readonly acknowledged: { readonly id: number; readonly at: number }[] = [];
  #next = 1;
  #isEnded = false;
  #sessions: Session[] = [];
  #loops: Promise<void>[] = [];

  static async start(cluster: TestCluster, n: number, count: number, commit = "on"): Promise<Writers> {
    const writers = new Writers();
    await cluster.sql(n, "CREATE TABLE IF NOT EXISTS public.w (id int PRIMARY KEY, filler text)");
    for (let i = 0; i < count; i += 1) {
      const settings = { synchronous_commit: commit };
      const session = await Session.open(cluster.member(n).config, {
        withinMs: 5000,
        settings,
        applicationName: "test",
      });
      writers.#sessions.push(session);
      writers.#loops.push(writers.#write(session));
    }
    return writers;
  }

  async #write(session: Session): Promise<void> {
    while (!this.#isEnded) {
      const id = this.#next;
      this.#next += 1;
      const sql = "INSERT INTO public.w VALUES ($1::int, repeat(md5($1::int::text), 20))";
      try {
        await session.query(sql, [String(id)], { withinMs: 60_000, name: "w" });
      } catch {
        return;
      }
      if (session.takeWarnings().length === 0) this.acknowledged.push({ id, at: performance.now() });
    }
  }

  /** At least so many acknowledgements more than there are now. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    const end = Date.now() + waitMs;
    while (this.acknowledged.length < wanted) {
      if (Date.now() > end) throw new Error("no acknowledgements");
      await sleep(2);
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    // What is under way comes to its end, unless it waits for somebody.
    await within(Promise.all(this.#loops), 500, () => undefined);
    for (const session of this.#sessions) session.destroy();
    await Promise.all(this.#loops);
  }
}

export async function sleepUntil(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + waitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("it did not come to pass");
    await sleep(10);
  }
}
