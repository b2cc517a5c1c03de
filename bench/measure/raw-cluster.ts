/**
 * Three Postgres servers with nothing around them: what the machine itself needs for the work that Matriarch does.
 * Used by the benches for their floors. The steps are written for speed and not for safety: nothing here is synced, and
 * nobody decides who may be primary.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, writeFileSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Client, type ClientConfig } from "pg";
import { identityOf, runTool, serverEnvironment } from "../../src/drivers/postgres/engine/environment.ts";
import type { Engine, ServerOwner } from "../../src/drivers/postgres/port.ts";

const run = promisify(execFile);
const startMs = 30_000;
const superuser = "matriarch";

/** Servers must not outlive a bench that is interrupted. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGQUIT");
});

export interface RawPlan {
  readonly engine: Engine;
  readonly owner: ServerOwner | undefined;
  /** made and removed by the cluster; its path is short enough for a socket */
  readonly directory: string;
}

export class RawServer {
  readonly number: number;
  readonly data: string;
  readonly #plan: RawPlan;
  #child: ChildProcess | undefined;

  constructor(plan: RawPlan, number: number) {
    this.#plan = plan;
    this.number = number;
    this.data = join(plan.directory, `n${number}`);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** @param upstream undefined: as the primary */
  async configure(upstream: RawServer | undefined, voters: readonly RawServer[]): Promise<void> {
    const { directory, owner } = this.#plan;
    const settings = [
      "listen_addresses = ''",
      `unix_socket_directories = '${directory}'`,
      `port = ${this.number}`,
      `cluster_name = 'n${this.number}'`,
      "wal_level = replica",
      "max_connections = 50",
      "wal_retrieve_retry_interval = 100ms",
      "recovery_init_sync_method = syncfs",
      "restart_after_crash = off",
      "shared_buffers = 128MB",
      `synchronous_standby_names = '${voters.length === 0 ? "" : `ANY 1 (${voters.map(({ number }) => `n${number}`).join(", ")})`}'`,
      `primary_conninfo = '${upstream === undefined ? "" : this.#conninfo(upstream)}'`,
    ];
    await writeFile(join(this.data, "postgresql.conf"), `${settings.join("\n")}\n`);
    await writeFile(join(this.data, "pg_hba.conf"), "local all all trust\nlocal replication all trust\n");
    if (upstream !== undefined) await writeFile(join(this.data, "standby.signal"), "");
    if (upstream !== undefined && owner !== undefined)
      await chown(join(this.data, "standby.signal"), owner.uid, owner.gid);
  }

  start(): void {
    const { engine, owner } = this.#plan;
    const log = join(this.#plan.directory, `n${this.number}.log`);
    const child = spawn(
      "/bin/sh",
      ["-c", 'exec "$0" -D "$1" >>"$2" 2>&1', join(engine.binDirectory, "postgres"), this.data, log],
      {
        cwd: this.#plan.directory,
        env: { ...serverEnvironment(engine) },
        stdio: "ignore",
        ...identityOf(owner),
      },
    );
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#child = child;
  }

  /** For a client of the bench. */
  get address(): ClientConfig {
    return { host: this.#plan.directory, port: this.number, user: superuser, database: "postgres" };
  }

  /** Resolves when the process has ended. */
  async ended(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** A session, as soon as there can be one. */
  async connect(withinMs = startMs): Promise<Client> {
    const end = performance.now() + withinMs;
    for (;;) {
      const client = new Client(this.address);
      client.on("error", () => undefined);
      try {
        await client.connect();
        return client;
      } catch (error) {
        await client.end().catch(() => undefined);
        if (performance.now() > end) throw error;
        await sleep(2);
      }
    }
  }

  follow(upstream: RawServer): void {
    appendFileSync(join(this.data, "postgresql.conf"), `primary_conninfo = '${this.#conninfo(upstream)}'\n`);
    this.signal("SIGHUP");
  }

  /** Asks for the promotion as pg_ctl does. */
  promote(): void {
    writeFileSync(join(this.data, "promote"), "");
    this.signal("SIGUSR1");
  }

  #conninfo(upstream: RawServer): string {
    return `host=${this.#plan.directory} port=${upstream.number} user=${superuser} application_name=n${this.number}`;
  }
}

export class RawCluster {
  readonly plan: RawPlan;
  readonly servers: readonly [RawServer, RawServer, RawServer];

  constructor(plan: RawPlan) {
    this.plan = plan;
    this.servers = [new RawServer(plan, 1), new RawServer(plan, 2), new RawServer(plan, 3)];
  }

  async makeDirectory(): Promise<void> {
    const { directory, owner } = this.plan;
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o700);
    if (owner) await chown(directory, owner.uid, owner.gid);
  }

  /** The quickest way to three directories: copies of one that was prepared before. */
  async copyTemplate(template: string): Promise<void> {
    await Promise.all(this.servers.map(({ data }) => run("cp", ["-a", "--reflink=auto", template, data])));
  }

  async initdb(): Promise<void> {
    const { engine, owner } = this.plan;
    const args = [
      "-D",
      this.servers[0].data,
      "-U",
      superuser,
      "--auth=trust",
      "-E",
      "UTF8",
      "--locale=C",
      "--data-checksums",
    ];
    await runTool(engine, "initdb", args, { owner, signal: AbortSignal.timeout(startMs), timeoutMs: startMs });
  }

  /** A copy of a running primary, as base backups are made. */
  async clone(target: RawServer): Promise<void> {
    const [primary] = this.servers;
    const { owner } = this.plan;
    const client = await primary.connect();
    await client.query("SELECT pg_backup_start('clone', true)");
    await run("cp", ["-a", "--reflink=auto", primary.data, target.data]);
    const { rows } = await client.query<{ labelfile: string }>("SELECT labelfile FROM pg_backup_stop(false)");
    await client.end();
    await rm(join(target.data, "postmaster.pid"), { force: true });
    // What was written to the log during the copy.
    await run("cp", ["-a", "-T", join(primary.data, "pg_wal"), join(target.data, "pg_wal")]);
    await writeFile(join(target.data, "backup_label"), rows[0]?.labelfile ?? "");
    if (owner) await chown(join(target.data, "backup_label"), owner.uid, owner.gid);
  }

  async configure(): Promise<void> {
    const [one, two, three] = this.servers;
    await one.configure(undefined, [two, three]);
    await two.configure(one, [one, three]);
    await three.configure(one, [one, two]);
  }

  start(): void {
    for (const server of this.servers) server.start();
  }

  /** The first write that a standby has too. Resolves when it is acknowledged. */
  firstWrite(): Promise<void> {
    return this.quorumWrite("first_write");
  }

  /** A new table of this name, once a standby can acknowledge it. */
  async quorumWrite(name: string): Promise<void> {
    const client = await this.servers[0].connect();
    const end = performance.now() + startMs;
    // A commit waits for nobody until the checkpointer has read the names.
    for (;;) {
      const { rows } = await client.query<{ ready: boolean }>(
        "SELECT count(*) > 0 AS ready FROM pg_stat_replication WHERE sync_state = 'quorum'",
      );
      if (rows[0]?.ready) break;
      if (performance.now() > end) throw new Error(`raw standbys do not stream:\n${await this.#logs()}`);
      await sleep(2);
    }
    await client.query(`CREATE TABLE ${name} AS SELECT 1 AS id`);
    await client.end();
  }

  /** Waits until both standbys stream. */
  async streaming(): Promise<void> {
    const client = await this.servers[0].connect();
    const end = performance.now() + startMs;
    const sql =
      "SELECT count(*)::int AS n FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn = pg_current_wal_lsn()";
    for (;;) {
      const { rows } = await client.query<{ n: number }>(sql);
      if (rows[0]?.n === 2) break;
      if (performance.now() > end) throw new Error(`raw standbys do not stream:\n${await this.#logs()}`);
      await sleep(5);
    }
    await client.end();
  }

  async remove(): Promise<void> {
    for (const server of this.servers) if (server.pid > 0) server.signal("SIGQUIT");
    for (const server of this.servers) if (server.pid > 0) await server.ended();
    await rm(this.plan.directory, { recursive: true, force: true });
  }

  async #logs(): Promise<string> {
    const texts = this.servers.map(({ number }) =>
      readFile(join(this.plan.directory, `n${number}.log`), "utf8").catch(() => ""),
    );
    return (await Promise.all(texts)).join("\n");
  }
}
