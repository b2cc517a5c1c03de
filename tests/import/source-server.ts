/**
 * A Postgres of the tests' own to import from: the distribution's server in a scratch directory, on a port that the
 * system chose, with passwords and logical replication. Ended by pid, and swept away when its test was killed.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFile, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { chooseServerOwner } from "../../src/drivers/postgres/engine/owner.ts";
import { findSystemEngines } from "../../src/drivers/postgres/engine/system.ts";
import type { Engine } from "../../src/drivers/postgres/port.ts";
import { makeScratch, removeScratch, sweepScratch } from "../faults/scratch.ts";
import { until } from "../faults/until.ts";
import { freePort } from "../fixtures/ports.ts";

const scratchPrefix = "/tmp/ms-";
const loopback = "127.0.0.1";
export const sourcePassword = "p@ss w'rd:/?#%\\";

/** Oldest that is installed; undefined: the tests that need it are skipped. */
export async function sourceEngine(): Promise<Engine | undefined> {
  return (await findSystemEngines()).at(-1);
}

/** Where it runs: on this machine when not given. */
export interface SourcePlace {
  /** command prefix that enters the network it is in */
  readonly inside: readonly string[];
  readonly address: string;
}

export class SourceServer implements AsyncDisposable {
  readonly port: number;
  readonly #address: string;
  readonly #scratch: string;
  #child: ChildProcess;
  readonly #start: () => ChildProcess;

  private constructor(scratch: string, port: number, address: string, startServer: () => ChildProcess) {
    this.#scratch = scratch;
    this.port = port;
    this.#address = address;
    this.#start = startServer;
    this.#child = startServer();
  }

  static async start(
    engine: Engine,
    settings: Readonly<Record<string, string>> = {},
    place: SourcePlace = { inside: [], address: loopback },
  ): Promise<SourceServer> {
    await sweepScratch(scratchPrefix);
    const scratch = await makeScratch(scratchPrefix);
    const owner = await chooseServerOwner();
    const as = owner ? { uid: owner.uid, gid: owner.gid } : {};
    const data = join(scratch, "data");
    for (const directory of [data, socketsIn(scratch)]) {
      await mkdir(directory, { mode: 0o700 });
      if (owner) await chown(directory, owner.uid, owner.gid);
    }
    const passwordFile = join(scratch, "password");
    await writeFile(passwordFile, sourcePassword);
    const initdb = ["-D", data, "-U", "boss", "-A", "scram-sha-256", "--pwfile", passwordFile, "--no-sync"];
    const locale = ["--encoding=UTF8", "--locale=C"];
    await promisify(execFile)(join(engine.binDirectory, "initdb"), [...initdb, ...locale], { ...as, cwd: "/" });
    await appendFile(join(data, "pg_hba.conf"), `host all all ${place.address}/24 scram-sha-256\n`);
    const port = await freePort();
    const all = {
      port: String(port),
      listen_addresses: place.address,
      unix_socket_directories: socketsIn(scratch),
      fsync: "off",
      wal_level: "logical",
      max_replication_slots: "20",
      max_wal_senders: "20",
      shared_buffers: "64MB",
      ...settings,
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    // Only root may enter a network: there the user is changed on the way in.
    const through = place.inside.length > 0 && owner ? [...place.inside, ...becoming(owner)] : place.inside;
    const [file = "", ...args] = [...through, join(engine.binDirectory, "postgres"), "-D", data, ...flags];
    const server = new SourceServer(scratch, port, place.address, () =>
      spawn(file, args, { ...(through.length > 0 ? {} : as), cwd: "/", stdio: "ignore" }),
    );
    await server.answers();
    return server;
  }

  async answers(): Promise<void> {
    await until("the source's server to answer", async () => {
      const client = await this.connect("postgres").catch(() => undefined);
      await client?.end();
      return client && true;
    });
  }

  async connect(database: string): Promise<Client> {
    // Past the network: it may be one in which this process is not.
    const host = this.#address === loopback ? loopback : socketsIn(this.#scratch);
    const client = new Client({ host, port: this.port, user: "boss", password: sourcePassword, database });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  async sql(database: string, ...statements: readonly string[]): Promise<readonly Record<string, unknown>[]> {
    const client = await this.connect(database);
    try {
      let rows: readonly Record<string, unknown>[] = [];
      for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows ?? [];
      return rows;
    } finally {
      await client.end();
    }
  }

  uri(database: string, more = ""): string {
    const login = `boss:${encodeURIComponent(sourcePassword)}`;
    return `postgres://${login}@${this.#address}:${this.port}/${encodeURIComponent(database)}${more}`;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGQUIT");
    await gone;
  }

  async startAgain(): Promise<void> {
    this.#child = this.#start();
    await this.answers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await removeScratch(this.#scratch);
  }
}

function socketsIn(scratch: string): string {
  return join(scratch, "sockets");
}

function becoming({ uid, gid }: { readonly uid: number; readonly gid: number }): readonly string[] {
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"];
}
