/**
 * What an endpoint costs: pgbench direct, through HAProxy (tcp mode, two threads), through the router (endpoint `primary`),
 * and through router, PgBouncer and router again (endpoint `pooled`), one after the other in every round, there and back,
 * so that noise of the machine hits all of them; ratios are taken within rounds. Select-only and TPC-B, plain and TLS, one
 * client's latency, new connections a second, CPU of the proxy's processes per transaction. Under TLS the router ends it, while
 * HAProxy passes it on to Postgres. Starts its own Postgres, ends everything; table in bench/results/, raw figures in bench/results/raw/.
 */
import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, copyFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, hostname, loadavg, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { Client } from "pg";
import { ensureServerCertificate } from "../src/drivers/certificates/ca.ts";
import { defaultPool } from "../src/domain/pool.ts";
import type { PoolUser } from "../src/drivers/pgbouncer/port.ts";
import { createPooler } from "../src/drivers/pgbouncer/process.ts";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { createRouterDriver } from "../src/drivers/router/process.ts";
import { freePort } from "../tests/fixtures/ports.ts";
import { startPostgres, testPassword, type TestPostgres } from "../tests/fixtures/postgres.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

const wayNames = ["direct", "haproxy", "router", "pooled"] as const;

interface Way {
  readonly name: (typeof wayNames)[number];
  readonly port: number;
  /** of what stands between; none for direct connections */
  readonly pids: readonly number[];
}
interface Load {
  readonly name: string;
  readonly tls: boolean;
  readonly args: readonly string[];
}
interface Sample {
  readonly load: string;
  readonly round: number;
  readonly way: Way["name"];
  readonly tps: number;
  readonly latencyUs: number;
  /** of the proxy, per transaction */
  readonly cpuUs: number | undefined;
}

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "5" },
    clients: { type: "string", default: "8" },
  },
});

const missing = ["haproxy", "pgbench", "pgbouncer"].filter((tool) => !which(tool));
if (missing.length > 0) {
  process.stderr.write(
    `bench/endpoint needs ${missing.join(" and ")}: apt-get install haproxy pgbouncer postgresql postgresql-contrib\n`,
  );
  process.exit(2);
}
const loadAtStart = loadavg()[2] ?? 0;
await main();

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "endpoint-"));
  const certificate = await ensureServerCertificate(directory, ["localhost", "127.0.0.1"], Date.now());
  const postgres = await startPostgres([
    "max_connections = 200",
    "shared_buffers = 256MB",
    "synchronous_commit = off",
    "max_wal_size = 4GB",
  ]);
  const driver = createRouterDriver(routerProgram(directory));
  await chmod(directory, 0o755);
  const owner = await chooseServerOwner();
  const pooler = createPooler({ directory: join(directory, "pool"), logPath: join(directory, "pool.log"), owner });
  let haproxy: ChildProcess | undefined;
  try {
    await enableTls(postgres, certificate);
    await pgbench(postgres.port, false, ["-i", "-q", "-s", "10"]);
    const proxyPort = await freePort();
    haproxy = await startHaproxy(directory, proxyPort, postgres.port);
    const routerPort = await freePort();
    await driver.ensure();
    const pooledPort = await freePort();
    const pool = { ...defaultPool, isOn: true };
    await pooler.ensure(
      { pool, primaryPort: routerPort, serversMax: 100, serverIdleMs: 60_000 },
      await logins(postgres),
    );
    const endpoint = { cluster: "bench", listenHost: "127.0.0.1", tls: certificate };
    await driver.configure([
      { ...endpoint, kind: "primary", listenPort: routerPort },
      { ...endpoint, kind: "pooled", listenPort: pooledPort },
    ]);
    const open = { cluster: "bench", epoch: 1, state: "open", cut: true } as const;
    await driver.route([
      { ...open, kind: "primary", targets: [{ member: "bench-1", host: "127.0.0.1", port: postgres.port }] },
      { ...open, kind: "pooled", targets: [{ member: "pooler", host: "127.0.0.1", port: pooler.port ?? 0 }] },
    ]);
    const ways: Way[] = [
      { name: "direct", port: postgres.port, pids: [] },
      { name: "haproxy", port: proxyPort, pids: [haproxy.pid ?? 0] },
      { name: "router", port: routerPort, pids: [driver.pid ?? 0] },
      { name: "pooled", port: pooledPort, pids: [driver.pid ?? 0, pooler.pid ?? 0] },
    ];
    await report(await measure(ways), driver.pid ?? 0);
  } finally {
    await pooler.stop();
    await driver.stop();
    haproxy?.kill("SIGKILL");
    await postgres.remove();
    await rm(directory, { recursive: true, force: true });
  }
}

function loads(): readonly Load[] {
  const many = ["-c", options.clients, "-j", "2"];
  return [false, true].flatMap((tls) => {
    const suffix = tls ? ", TLS" : "";
    return [
      { name: `select-only${suffix}`, tls, args: ["-S", ...many] },
      { name: `TPC-B${suffix}`, tls, args: [...many] },
      { name: `select-only, 1 client${suffix}`, tls, args: ["-S", "-c", "1"] },
      { name: `new connections${suffix}`, tls, args: ["-S", "-C", "-c", "4", "-j", "2"] },
    ];
  });
}

async function measure(ways: readonly Way[]): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (const load of loads()) {
    for (const way of ways) await pgbench(way.port, load.tls, [...load.args, "-T", "1"]);
    for (let round = 0; round < Number(options.rounds); round += 1) {
      for (const way of round % 2 === 0 ? ways : ways.toReversed()) {
        const sample = { ...(await sampleOf(way, load)), round };
        samples.push(sample);
        process.stderr.write(`${load.name} ${round + 1}: ${way.name} ${sample.tps.toFixed(0)} tps\n`);
      }
    }
  }
  return samples;
}

async function sampleOf(way: Way, load: Load): Promise<Omit<Sample, "round">> {
  const before = cpuSeconds(way.pids);
  const output = await pgbench(way.port, load.tls, [...load.args, "-T", options.seconds]);
  const used = way.pids.length === 0 ? undefined : cpuSeconds(way.pids) - before;
  const transactions = number(output, /transactions actually processed: (\d+)/);
  return {
    load: load.name,
    way: way.name,
    tps: number(output, /tps = ([\d.]+)/),
    latencyUs: number(output, /latency average = ([\d.]+)/) * 1000,
    cpuUs: used === undefined ? undefined : (used * 1e6) / transactions,
  };
}

async function pgbench(port: number, tls: boolean, args: readonly string[]): Promise<string> {
  const env = {
    ...process.env,
    PGPASSWORD: testPassword,
    PGSSLMODE: tls ? "require" : "disable",
    PGUSER: "postgres",
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
  };
  const { stdout } = await run("pgbench", ["-n", ...args.filter((arg) => arg !== "-n"), "postgres"], {
    env,
    timeout: 120_000,
  });
  return stdout;
}

async function startHaproxy(directory: string, port: number, target: number): Promise<ChildProcess> {
  const config = [
    "global",
    "  nbthread 2",
    "  maxconn 4000",
    "defaults",
    "  mode tcp",
    "  timeout connect 5s",
    "  timeout client 1h",
    "  timeout server 1h",
    "listen postgres",
    `  bind 127.0.0.1:${port}`,
    `  server one 127.0.0.1:${target}`,
  ];
  const file = join(directory, "haproxy.cfg");
  await writeFile(file, `${config.join("\n")}\n`);
  const child = spawn("haproxy", ["-db", "-f", file], { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}

/** As the agent reads them. */
async function logins(postgres: TestPostgres): Promise<readonly PoolUser[]> {
  const client = new Client({ host: "127.0.0.1", port: postgres.port, user: "postgres", password: testPassword });
  await client.connect();
  const sql = "SELECT rolname AS name, rolpassword AS verifier FROM pg_authid WHERE rolpassword IS NOT NULL";
  const { rows } = await client.query<PoolUser>(sql);
  await client.end();
  return rows;
}

/** Direct connections under TLS end in Postgres: it gets a certificate as well. */
async function enableTls(postgres: TestPostgres, files: { certFile: string; keyFile: string }): Promise<void> {
  const data = join(postgres.directory, "data");
  const owner = statSync(data);
  for (const [from, name] of [
    [files.certFile, "server.crt"],
    [files.keyFile, "server.key"],
  ] as const) {
    copyFileSync(from, join(data, name));
    chownSync(join(data, name), owner.uid, owner.gid);
  }
  await postgres.stop();
  await writeFile(join(data, "postgresql.conf"), `${readFileSync(join(data, "postgresql.conf"), "utf8")}ssl = on\n`);
  await postgres.start();
}

function routerProgram(directory: string): Parameters<typeof createRouterDriver>[0] {
  const built = join(root, "dist/router.mjs");
  const entry = existsSync(built) ? built : join(root, "src/entry/router.ts");
  return {
    command: process.execPath,
    args: [entry],
    controlPath: join(directory, "router.sock"),
    logPath: join(directory, "router.log"),
    version: "bench",
  };
}

async function report(samples: readonly Sample[], routerPid: number): Promise<void> {
  const lines = [
    heading(),
    "",
    `Load average of the last 15 minutes: ${loadAtStart.toFixed(1)} before, ${(loadavg()[2] ?? 0).toFixed(1)} after.`,
    "",
    "| load | way | tps median (min to max) | of direct | of HAProxy (min to max) | latency | proxy CPU per transaction (min to max) |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const load of loads()) {
    const ofLoad = samples.filter((sample) => sample.load === load.name);
    for (const way of wayNames) lines.push(row(load.name, way, ofLoad));
  }
  lines.push("", `Router's resident memory after all this: ${residentMegabytes(routerPid)} MB.`);
  const text = `${lines.join("\n")}\n`;
  const results = join(root, "bench/results");
  await mkdir(join(results, "raw"), { recursive: true });
  await writeFile(
    join(results, "raw/endpoint.json"),
    `${JSON.stringify({ heading: heading(), samples }, undefined, 1)}\n`,
  );
  await writeFile(join(results, "endpoint.md"), text);
  process.stdout.write(text);
}

/** @param ofLoad of all ways */
function row(load: string, way: Way["name"], ofLoad: readonly Sample[]): string {
  const samples = ofLoad.filter((sample) => sample.way === way);
  const tps = samples.map((sample) => sample.tps);
  const cpu = samples.map((sample) => sample.cpuUs).filter((value) => value !== undefined);
  const ofHaproxy = ratios(samples, ofLoad, "haproxy");
  const cells = [
    load,
    way,
    `${median(tps).toFixed(0)} (${Math.min(...tps).toFixed(0)} to ${Math.max(...tps).toFixed(0)})`,
    median(ratios(samples, ofLoad, "direct")).toFixed(2),
    `${median(ofHaproxy).toFixed(2)} (${Math.min(...ofHaproxy).toFixed(2)} to ${Math.max(...ofHaproxy).toFixed(2)})`,
    `${median(samples.map((sample) => sample.latencyUs)).toFixed(0)} µs`,
    cpu.length > 0
      ? `${median(cpu).toFixed(1)} µs (${Math.min(...cpu).toFixed(1)} to ${Math.max(...cpu).toFixed(1)})`
      : "-",
  ];
  return `| ${cells.join(" | ")} |`;
}

/** To the other way's sample of the same round. */
function ratios(samples: readonly Sample[], ofLoad: readonly Sample[], to: Way["name"]): readonly number[] {
  return samples.map(({ tps, round }) => tps / (ofLoad.find((s) => s.way === to && s.round === round)?.tps ?? NaN));
}

function heading(): string {
  const versions = [
    `Linux ${release()}`,
    firstLine("pgbench", ["--version"]),
    firstLine("haproxy", ["-v"]).replace(/ - .*/, ""),
    firstLine("pgbouncer", ["--version"]),
    `Node ${process.version}`,
  ];
  const runs = `${options.rounds} rounds of ${options.seconds} s, ${options.clients} clients where not said otherwise`;
  return `${hostname()}: ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB; ${versions.join("; ")}; ${runs}; ${new Date().toISOString().slice(0, 16)}`;
}

function firstLine(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8" }).split("\n")[0] ?? "";
}

function which(tool: string): boolean {
  return [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin"].some((directory) =>
    existsSync(join(directory, tool)),
  );
}

/** utime and stime of all threads, in ticks of 10 ms. */
function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / 100;
}

function residentMegabytes(pid: number): string {
  return (number(readFileSync(`/proc/${pid}/status`, "utf8"), /VmRSS:\s+(\d+)/) / 1024).toFixed(0);
}

function number(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? NaN);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
