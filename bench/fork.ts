/**
 * How long a snapshot and a fork take, the fork until a client has the answer of its first query, beside a plain copy of
 * the same files in the same minutes, which has no server yet; on loop devices with xfs and btrfs, and on the file system
 * of the temporary directory. And what both cost the clients of the source: transactions of pgbench by the second.
 */
import { execFile, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { Client } from "pg";
import { mountLoop } from "../src/drivers/volume/testing.ts";
import { Installation, type Created } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { keepPlot, tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";
import { plotGaps } from "./peers/plot.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    /** of the sizes above one gigabyte */
    large: { type: "string", default: "3" },
    systems: { type: "string", default: "xfs,btrfs,home" },
    sizes: { type: "string", default: "1,5" },
    seconds: { type: "string", default: "10" },
  },
});
const run = promisify(execFile);
const seconds = Number(options.seconds);
/** About a gigabyte with its indexes. */
const scale = "68";

type System = "xfs" | "btrfs" | "home";

interface Sample {
  readonly system: string;
  readonly gigabytes: number;
  readonly snapshot: number[];
  readonly fork: number[];
  readonly copy: number[];
}

interface Effect {
  readonly system: string;
  /** transactions in each second */
  readonly tps: readonly number[];
  readonly snapshotMs: number;
  readonly forkMs: number;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const samples: Sample[] = [];
  const effects: Effect[] = [];
  let postgres = "";
  const systems = options.systems.split(",");
  for (const system of systems) {
    if (system !== "xfs" && system !== "btrfs" && system !== "home") throw new Error(`no file system "${system}"`);
    await onSystem(system, async (installation) => {
      const shop = await installation.create("shop", "--members", "1");
      postgres = shop.version;
      for (const gigabytes of options.sizes.split(",").map(Number)) {
        await fill(shop, gigabytes);
        samples.push(await measure(installation, system, gigabytes));
        if (effects.every((effect) => effect.system !== system))
          effects.push(await disturb(installation, shop, system));
      }
    });
    report({ samples, effects, loadBefore, postgres });
  }
}

/** An installation whose home is on it. */
async function onSystem(system: System, work: (installation: Installation) => Promise<void>): Promise<void> {
  const endings: (() => Promise<unknown>)[] = [];
  const before = process.env["TMPDIR"];
  try {
    if (system !== "home") {
      const after = (ending: unknown): void => void endings.push(ending as () => Promise<unknown>);
      const mounted = await mountLoop({ after }, system, { megabytes: 40_000 });
      if (typeof mounted === "string") throw new Error(mounted);
      process.env["TMPDIR"] = mounted.directory;
    }
    const installation = await Installation.prepare();
    try {
      await work(installation);
    } finally {
      await installation.end();
    }
  } finally {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    for (const ending of endings) await ending();
  }
}

/** The first gigabyte by pgbench; the others are copies of that database. */
async function fill(shop: Created, gigabytes: number): Promise<void> {
  const client = await connect(shop.uri);
  const { rows } = await client.query<{ name: string }>(
    "SELECT datname AS name FROM pg_database WHERE datname ~ '^gb'",
  );
  for (let n = rows.length; n < gigabytes; n += 1) {
    tell(`gigabyte ${n + 1} of ${gigabytes}`);
    const how = n === 0 ? "" : " TEMPLATE gb0 STRATEGY file_copy";
    await client.query(`CREATE DATABASE gb${n}${how}`);
    if (n === 0) await run("pgbench", ["-i", "-I", "dtGvp", "-q", "-s", scale, of(shop, "gb0")]);
  }
  await client.query("CHECKPOINT");
  await client.end();
}

async function measure(installation: Installation, system: string, gigabytes: number): Promise<Sample> {
  const sample: Sample = { system: await nameOf(system), gigabytes, snapshot: [], fork: [], copy: [] };
  const runs = Number(gigabytes === 1 ? options.runs : options.large);
  for (let n = 1; n <= runs; n += 1) {
    sample.snapshot.push(await timed(() => installation.matriarch("snapshot", "create", "shop")));
    sample.fork.push(await timed(() => forked(installation)));
    await installation.destroy("pr-1");
    // A large one takes minutes, and says the same each time.
    if (gigabytes === 1 || n === 1) sample.copy.push(await timed(() => plainCopy(installation)));
    await rm(join(dirname(installation.home), "copy"), { recursive: true, force: true });
    await removeSnapshots(installation);
    tell(`${n} of ${runs}: ${JSON.stringify(sample)}`);
  }
  return sample;
}

/** To the answer of its first query. */
async function forked(installation: Installation): Promise<void> {
  const made = JSON.parse(await installation.matriarch("fork", "shop", "pr-1", "--json")) as Created;
  const client = await connect(of(made, "gb0"));
  await client.query("SELECT count(*) FROM pgbench_branches");
  await client.end();
}

async function plainCopy({ home }: Installation): Promise<void> {
  const data = join(home, "clusters/shop/shop-1/data");
  await run("cp", ["-a", "--reflink=never", data, join(dirname(home), "copy")]);
}

/** A copy in full each, where blocks are not shared. */
async function removeSnapshots(installation: Installation): Promise<void> {
  const { snapshots } = JSON.parse(await installation.matriarch("snapshot", "list", "shop", "--json")) as {
    readonly snapshots: readonly { readonly id: string }[];
  };
  for (const { id } of snapshots) await installation.matriarch("snapshot", "delete", "shop", id, "--yes");
}

/** A snapshot after a third of the time, a fork after two thirds. */
async function disturb(installation: Installation, shop: Created, system: string): Promise<Effect> {
  const total = String(3 * seconds);
  const args = ["-n", "-c", "4", "-j", "1", "-T", total, "-P", "1", of(shop, "gb0")];
  const bench = spawn("pgbench", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  bench.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise((resolve) => bench.once("close", resolve));
  await sleep(seconds * 1000);
  const snapshotMs = await timed(() => installation.matriarch("snapshot", "create", "shop"));
  await sleep(Math.max(0, seconds * 1000 - snapshotMs));
  const forkMs = await timed(() => forked(installation));
  await ended;
  await installation.destroy("pr-1");
  await removeSnapshots(installation);
  const tps = [...said.matchAll(/progress: [\d.]+ s, ([\d.]+) tps/g)].map(([, count]) => Number(count));
  if (tps.length === 0) throw new Error(`pgbench said nothing of its speed: ${said}`);
  return { system: await nameOf(system), tps, snapshotMs, forkMs };
}

interface Found {
  readonly samples: readonly Sample[];
  readonly effects: readonly Effect[];
  readonly loadBefore: string;
  readonly postgres: string;
}

function report({ samples, effects, loadBefore, postgres }: Found): void {
  const rows = samples.flatMap(({ system, gigabytes, snapshot, fork, copy }) => {
    const title = `${system}, ${gigabytes} GB`;
    return [
      [`**${title}: fork, to the answer of the first query**`, ...secondsCells(fork)],
      [`${title}: snapshot`, ...secondsCells(snapshot)],
      [`${title}: the files copied with cp, no server yet`, ...secondsCells(copy)],
    ];
  });
  keepPlot("fork", plot(samples));
  writeReport({
    name: "fork",
    about:
      "A cluster of one member with databases of pgbench, a gigabyte each, the second and further ones copies of the first " +
      "(`STRATEGY file_copy`). Each round takes a snapshot, makes a fork of the running cluster, and copies the data directory " +
      "with `cp -a --reflink=never` (of several gigabytes once), one after the other. xfs and btrfs are on loop devices. Commands are timed from their start, the start of Node included.",
    directory: tmpdir(),
    postgres,
    loadBefore,
    parts: [
      table([["", "median", "fastest", "slowest", "n"], ...rows]),
      "![seconds of each](fork.svg)",
      `Transactions in each second of pgbench (TPC-B, 4 clients, the ${seconds} s before a snapshot, those from its begin, and those from the begin of a fork) on the gigabyte:`,
      table([
        ["", "before", "snapshot", "fork", "slowest second", "snapshot took", "fork took"],
        ...effects.map(effectRow),
      ]),
      ...effects.map(
        ({ system, tps }) => `${system}, second by second: ${tps.map((count) => count.toFixed(0)).join(" ")}`,
      ),
    ],
    samples: { samples, effects },
  });
}

function plot(samples: readonly Sample[]): string {
  return plotGaps(
    "Copies of a running cluster, every round a dot",
    samples.map(({ system, gigabytes, snapshot, fork, copy }) => ({
      title: `${system}, ${gigabytes} GB`,
      series: [
        { name: "matriarch snapshot create", valuesMs: snapshot },
        { name: "matriarch fork, to the answer of the first query", valuesMs: fork },
        { name: "cp of the files, no server yet", valuesMs: copy },
      ],
    })),
  );
}

function effectRow({ system, tps, snapshotMs, forkMs }: Effect): readonly string[] {
  const thirds = [0, 1, 2].map((third) => tps.slice(third * seconds, (third + 1) * seconds));
  const means = thirds.map((part) => (part.reduce((sum, count) => sum + count, 0) / part.length).toFixed(0));
  const took = [snapshotMs, forkMs].map((ms) => `${(ms / 1000).toFixed(2)} s`);
  return [system, ...means, summarize(tps).min.toFixed(0), ...took];
}

/** What the temporary directory is on. */
async function nameOf(system: string): Promise<string> {
  if (system !== "home") return system;
  return (await run("stat", ["-f", "-c", "%T", tmpdir()])).stdout.trim().replace("ext2/ext3", "ext4");
}

function of({ uri }: Created, database: string): string {
  const url = new URL(uri);
  url.pathname = `/${database}`;
  return url.href;
}

async function connect(uri: string): Promise<Client> {
  const client = new Client({ connectionString: uri });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
