/**
 * Patroni of the system's packages with the system's etcd and Postgres, three hosts, synchronous mode: the peer that
 * the bench measures beside Matriarch. Clients write to the servers themselves, like a driver that knows all hosts.
 */
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientConfig } from "pg";
import { Machine } from "../../tests/hosts/lab/machine.ts";
import { Network } from "../../tests/hosts/lab/network.ts";
import { until } from "../../tests/faults/until.ts";
import { enter } from "../../tests/hosts/lab/spaces.ts";
import type { PeerSystem } from "./system.ts";

export interface PatroniTimings {
  readonly ttl: number;
  readonly loop_wait: number;
  readonly retry_timeout: number;
  /** seconds that a crashed primary may take to start again before another takes over */
  readonly primary_start_timeout: number;
}

/** As it comes. Source: Patroni manual, "Dynamic configuration settings". */
export const defaultTimings: PatroniTimings = { ttl: 30, loop_wait: 10, retry_timeout: 10, primary_start_timeout: 300 };
/** The least that it accepts. Source: patroni/config.py, `ttl` at least 20, `loop_wait` 1, `retry_timeout` 3. */
export const tightTimings: PatroniTimings = { ttl: 20, loop_wait: 1, retry_timeout: 3, primary_start_timeout: 0 };

const password = "bench";
const hostNames = ["a", "b", "c"];
const healthyMs = 180_000;
/** Clients go on writing meanwhile. */
const lagBytesMax = 1_000_000;
const ports = { postgres: 5432, rest: 8008, etcd: 2379, etcdPeer: 2380 };

export function missingForPatroni(): readonly string[] {
  return ["patroni", "etcd", "/usr/lib/postgresql"].filter(
    (name) => !(name.startsWith("/") ? existsSync(name) : existsSync(`/usr/bin/${name}`)),
  );
}

export class Patroni implements PeerSystem {
  readonly name: string;
  readonly network: Network;
  readonly hosts: readonly Machine[];
  readonly #directory: string;

  private constructor(name: string, network: Network, directory: string) {
    this.name = name;
    this.network = network;
    this.#directory = directory;
    this.hosts = hostNames.map((host) => new Machine(network, host, join(directory, host)));
  }

  static async start(name: string, timings: PatroniTimings): Promise<Patroni> {
    const directory = await mkdtemp(join(tmpdir(), "peers-"));
    await chmod(directory, 0o711);
    const started = new Patroni(name, await Network.make([...hostNames, "client"]), directory);
    try {
      for (const host of started.hosts) started.#startEtcd(host);
      for (const host of started.hosts) await started.#startPatroni(host, timings);
      await started.healthy();
    } catch (error) {
      await started.end();
      throw error;
    }
    return started;
  }

  get client(): readonly string[] {
    return enter(this.network.space("client"));
  }

  get targets(): readonly ClientConfig[] {
    return this.hosts.map(({ address }) => ({
      host: address,
      port: ports.postgres,
      user: "postgres",
      password,
      database: "postgres",
    }));
  }

  /** Two standbys stream, and one of them is the synchronous one, so that a failover may lose nothing. */
  async healthy(): Promise<Machine> {
    let seen = "";
    return until(
      `${this.name} to be healthy`,
      async () => {
        for (const host of this.hosts) {
          const answer = await this.#ask(host, "GET", "/cluster");
          seen = answer ?? seen;
          const leader = answer === undefined ? undefined : leaderOf(answer);
          if (leader !== undefined) return this.hosts.find(({ name }) => name === leader);
        }
        return undefined;
      },
      { withinMs: healthyMs, seen: () => seen },
    );
  }

  postmaster(host: Machine): number {
    const [pid] = host.find(/bin\/postgres -D /);
    if (pid === undefined) throw new Error(`no Postgres on ${host.name}`);
    return pid;
  }

  async switchover(from: Machine): Promise<void> {
    await this.#ask(from, "POST", "/switchover", JSON.stringify({ leader: from.name }), 60_000);
  }

  async end(): Promise<void> {
    for (const host of this.hosts) host.thaw();
    await this.network.remove();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** From another host, by a process there; undefined: no answer. */
  async #ask(host: Machine, method: string, path: string, body = "", withinMs = 5000): Promise<string | undefined> {
    const script = `
      const [url, method, body] = process.argv.slice(1);
      fetch(url, { method, ...(body ? { body } : {}) }).then(async (r) => console.log(await r.text()), () => process.exit(1));`;
    const url = `http://${host.address}:${ports.rest}${path}`;
    const ran = await host.run([process.execPath, "-e", script, url, method, body], { withinMs });
    return ran.code === 0 ? ran.stdout : undefined;
  }

  #startEtcd(host: Machine): void {
    const peers = this.hosts.map(({ name, address }) => `${name}=http://${address}:${ports.etcdPeer}`).join(",");
    const client = `http://${host.address}:${ports.etcd}`;
    const peer = `http://${host.address}:${ports.etcdPeer}`;
    const flags = [
      ["--name", host.name],
      ["--data-dir", join(host.directory, "etcd")],
      ["--listen-client-urls", client],
      ["--advertise-client-urls", client],
      ["--listen-peer-urls", peer],
      ["--initial-advertise-peer-urls", peer],
      ["--initial-cluster", peers],
    ].flat();
    host.start(["etcd", ...flags], { log: "etcd.log" });
  }

  async #startPatroni(host: Machine, timings: PatroniTimings): Promise<void> {
    const [uid, gid] = ["-u", "-g"].map((flag) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" })));
    const data = join(host.directory, "postgres");
    await mkdir(data, { recursive: true, mode: 0o700 });
    const file = join(host.directory, "patroni.yml");
    await writeFile(file, JSON.stringify(this.#configuration(host, data, timings), undefined, 1));
    await writeFile(join(host.directory, "patroni.log"), "");
    for (const path of [data, host.directory]) await chown(path, uid ?? 0, gid ?? 0);
    const as = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups"];
    host.start([...as, "patroni", file], { log: "patroni.log", env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8" } });
  }

  /** YAML understands JSON. */
  #configuration(host: Machine, data: string, timings: PatroniTimings): unknown {
    const listen = (port: number): string => `${host.address}:${port}`;
    return {
      scope: "bench",
      name: host.name,
      restapi: { listen: listen(ports.rest), connect_address: listen(ports.rest) },
      etcd3: { hosts: this.hosts.map(({ address }) => `${address}:${ports.etcd}`) },
      bootstrap: {
        dcs: { ...timings, synchronous_mode: true, postgresql: { use_pg_rewind: true, use_slots: true } },
        initdb: [{ encoding: "UTF8" }, "data-checksums"],
      },
      postgresql: {
        listen: listen(ports.postgres),
        connect_address: listen(ports.postgres),
        data_dir: join(data, "data"),
        bin_dir: newestBin(),
        pgpass: join(host.directory, "pgpass"),
        parameters: { unix_socket_directories: data },
        pg_hba: ["local all all trust", "host all all all md5", "host replication all all md5"],
        authentication: {
          superuser: { username: "postgres", password },
          replication: { username: "replicator", password },
          rewind: { username: "rewinder", password },
        },
      },
    };
  }
}

/** @returns the leader's name when all three run, stream, and one is the synchronous standby */
function leaderOf(answer: string): string | undefined {
  const told: unknown = JSON.parse(answer);
  if (typeof told !== "object" || told === null || !("members" in told) || !Array.isArray(told.members))
    return undefined;
  const members: readonly Record<string, unknown>[] = told.members;
  const of = (role: string): readonly Record<string, unknown>[] => members.filter((member) => member["role"] === role);
  const settled = members.every((m) =>
    m["role"] === "leader"
      ? m["state"] === "running"
      : m["state"] === "running" && typeof m["lag"] === "number" && m["lag"] < lagBytesMax,
  );
  const leader = of("leader")[0]?.["name"];
  if (members.length !== 3 || !settled || of("sync_standby").length !== 1) return undefined;
  return typeof leader === "string" ? leader : undefined;
}

function newestBin(): string {
  const majors = readdirSync("/usr/lib/postgresql").map(Number).filter(Number.isInteger);
  return `/usr/lib/postgresql/${Math.max(...majors)}/bin`;
}
