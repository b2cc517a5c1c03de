/**
 * What Matriarch's driving adds to pgBackRest: backups and restores through the command, beside pgBackRest called by hand
 * with the configuration and the options that Matriarch gives it, on the same server and repository, in turn.
 */
import { execFile } from "node:child_process";
import { chown, mkdir, mkdtemp, readFile, rm, appendFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { Client } from "pg";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { startS3 } from "../tests/fixtures/s3-server.ts";
import { fillGigabytes, timed } from "./measure/data.ts";
import { Installation, type Watched } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    sizes: { type: "string", default: "1" },
    to: { type: "string", default: "path,s3" },
  },
});
const run = promisify(execFile);
const runs = Number(options.runs);
const binaries = "/usr/lib/postgresql/15/bin";
const environment = { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
const startMs = 60_000;

/** In milliseconds, a figure for each round. */
interface Sample {
  readonly to: string;
  readonly gigabytes: number;
  readonly backup: number[];
  readonly backupByHand: number[];
  /** the files alone, within the whole restore */
  readonly fetch: number[];
  readonly fetchByHand: number[];
  /** until a server takes writes */
  readonly restore: number[];
  readonly restoreByHand: number[];
}

interface Bench {
  readonly installation: Installation;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly scratch: string;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const samples: Sample[] = [];
  let postgres = "";
  for (const gigabytes of options.sizes.split(",").map(Number))
    for (const to of options.to.split(",")) {
      postgres = await withBench(async (bench) => {
        const shop = await bench.installation.create("shop", "--members", "1", "--engine", "system", "--version", "15");
        tell(`filling ${gigabytes} GB`);
        await fillGigabytes(shop.uri, gigabytes);
        await withRepository(bench, to, async () => {
          samples.push(await measure(bench, to, gigabytes));
        });
        return shop.version;
      });
      report(samples, loadBefore, postgres);
    }
}

async function withBench<T>(work: (bench: Bench) => Promise<T>): Promise<T> {
  const owner = await chooseServerOwner();
  if (!owner) throw new Error("pgBackRest is run as the servers' user: this bench is for root");
  const installation = await Installation.prepare();
  const scratch = await mkdtemp(join(tmpdir(), "bench-hand-"));
  await chown(scratch, owner.uid, owner.gid);
  try {
    return await work({ installation, owner, scratch });
  } finally {
    await installation.end();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Backups go there; the first is taken. */
async function withRepository(bench: Bench, to: string, work: () => Promise<void>): Promise<void> {
  const enable = (...place: readonly string[]): Promise<string> =>
    bench.installation.matriarch("backup", "enable", "shop", ...place);
  if (to === "path") {
    await enable("--to", join(dirname(bench.installation.home), "repository"));
    return work();
  }
  await using s3 = await startS3(dirname(bench.installation.home));
  const credentials = join(dirname(bench.installation.home), "s3.env");
  await writeFile(credentials, `AWS_ACCESS_KEY_ID=${s3.key}\nAWS_SECRET_ACCESS_KEY="${s3.secret}"\n`, { mode: 0o600 });
  const place = ["--endpoint", s3.endpoint, "--region", s3.region, "--ca", s3.caFile, "--credentials", credentials];
  await enable("--to", `s3://${s3.bucket}/bench`, ...place);
  await work();
}

async function measure(bench: Bench, to: string, gigabytes: number): Promise<Sample> {
  const kinds = ["backup", "backupByHand", "fetch", "fetchByHand", "restore", "restoreByHand"] as const;
  const figures = Object.fromEntries(kinds.map((kind) => [kind, [] as number[]])) as Record<
    (typeof kinds)[number],
    number[]
  >;
  const sample: Sample = { to, gigabytes, ...figures };
  const ours = async (): Promise<void> => {
    sample.backup.push(await timed(() => bench.installation.matriarch("backup", "create", "shop", "--type", "full")));
    const restored = await bench.installation.watched("restore", "shop", "back", "--backup", await newest(bench));
    sample.restore.push(restored.tookMs);
    sample.fetch.push(fetchedIn(restored));
    await bench.installation.destroy("back");
  };
  const byHand = async (): Promise<void> => {
    sample.backupByHand.push(await timed(() => backupByHand(bench)));
    const { fetchMs, wholeMs } = await restoreByHand(bench, await newest(bench));
    sample.restoreByHand.push(wholeMs);
    sample.fetchByHand.push(fetchMs);
  };
  for (let n = 1; n <= runs; n += 1) {
    // Whoever comes second finds the files in memory.
    for (const turn of n % 2 === 1 ? [ours, byHand] : [byHand, ours]) await turn();
    await keepOne(bench);
    tell(`${n} of ${runs}: ${JSON.stringify(sample)}`);
  }
  return sample;
}

function fetchedIn({ steps }: Watched): number {
  const begun = steps.find(({ step }) => step.startsWith("fetching "))?.atMs;
  const ended = steps.find(({ step }) => step.startsWith("replaying "))?.atMs;
  if (begun === undefined || ended === undefined) throw new Error(`no such steps: ${JSON.stringify(steps)}`);
  return ended - begun;
}

interface Settings {
  readonly file: string;
  readonly stanza: string;
}

/** What Matriarch wrote for its own last backup. */
async function settings({ installation }: Bench): Promise<Settings> {
  const file = join(installation.home, "backups/shop/conf/backup-1-servers.conf");
  const stanza = [...(await readFile(file, "utf8")).matchAll(/^\[(.+)\]$/gm)].map(([, name]) => name).at(-1);
  if (stanza === undefined) throw new Error(`no stanza in ${file}`);
  return { file, stanza };
}

async function pgbackrest(bench: Bench, ...args: readonly string[]): Promise<string> {
  const { file, stanza } = await settings(bench);
  const all = [`--config=${file}`, `--stanza=${stanza}`, ...args];
  const limits = { cwd: "/", env: environment, maxBuffer: 64 << 20, ...bench.owner };
  return (await run("pgbackrest", all, limits)).stdout;
}

async function backupByHand(bench: Bench): Promise<void> {
  await pgbackrest(bench, "--repo=1", "--type=full", "--archive-timeout=60", "--log-level-console=detail", "backup");
}

/** As docs/backups.md does it. */
async function restoreByHand(
  bench: Bench,
  label: string,
): Promise<{ readonly fetchMs: number; readonly wholeMs: number }> {
  const data = join(bench.scratch, "data");
  await mkdir(data, { mode: 0o700 });
  await chown(data, bench.owner.uid, bench.owner.gid);
  const args = ["--repo=1", `--set=${label}`, `--pg1-path=${data}`, "--type=immediate", "--target-action=promote"];
  const begun = performance.now();
  await pgbackrest(bench, ...args, "--archive-mode=off", "--log-level-console=detail", "restore");
  const fetchMs = performance.now() - begun;
  const own = [
    "listen_addresses=''",
    "port=5432",
    `unix_socket_directories='${bench.scratch}'`,
    "logging_collector=off",
  ];
  await appendFile(join(data, "postgresql.auto.conf"), `${own.join("\n")}\n`);
  const control = (...words: readonly string[]): Promise<unknown> =>
    run(join(binaries, "pg_ctl"), ["-D", data, "-l", join(bench.scratch, "start.log"), "-w", ...words], {
      cwd: bench.scratch,
      env: environment,
      ...bench.owner,
    });
  try {
    await control("start");
    await takesWrites(bench.scratch);
    return { fetchMs, wholeMs: performance.now() - begun };
  } finally {
    await control("-m", "immediate", "stop").catch(() => undefined);
    await rm(data, { recursive: true, force: true });
  }
}

async function takesWrites(host: string): Promise<void> {
  const end = performance.now() + startMs;
  for (;;) {
    const client = new Client({ host, port: 5432, user: "postgres", database: "postgres" });
    client.on("error", () => undefined);
    await client.connect();
    const { rows } = await client.query<{ isOver: boolean }>('SELECT NOT pg_is_in_recovery() AS "isOver"');
    await client.end();
    if (rows[0]?.isOver === true) return;
    if (performance.now() > end) throw new Error("the server that was restored by hand does not end its recovery");
    await sleep(5);
  }
}

/** Of either kind: both lie in the same repository. */
async function labels(bench: Bench): Promise<readonly string[]> {
  const [stanza] = JSON.parse(await pgbackrest(bench, "--output=json", "--log-level-console=error", "info")) as {
    readonly backup: readonly { readonly label: string }[];
  }[];
  return stanza?.backup.map(({ label }) => label) ?? [];
}

async function newest(bench: Bench): Promise<string> {
  return (await labels(bench)).at(-1) ?? "";
}

/** Room for the next round. */
async function keepOne(bench: Bench): Promise<void> {
  for (const label of (await labels(bench)).slice(0, -1))
    await pgbackrest(bench, "--repo=1", `--set=${label}`, "--log-level-console=warn", "expire");
}

function report(samples: readonly Sample[], loadBefore: string, postgres: string): void {
  const rows = samples.flatMap((sample) => {
    const { to, gigabytes } = sample;
    const place = to === "path" ? "a path" : "S3";
    const row = (title: string, values: readonly number[], beside?: readonly number[]): readonly string[] => [
      `${gigabytes} GB, ${place}: ${title}`,
      ...secondsCells(values),
      `${((gigabytes * 1024) / (summarize(values).median / 1000)).toFixed(0)} MB/s`,
      beside === undefined ? "" : share(values, beside),
    ];
    return [
      row("**`matriarch backup create --type full`**", sample.backup, sample.backupByHand),
      row("`pgbackrest backup` by hand", sample.backupByHand),
      row("**files fetched within `matriarch restore`**", sample.fetch, sample.fetchByHand),
      row("`pgbackrest restore` by hand", sample.fetchByHand),
      row("`matriarch restore`, checked, with passwords of its own", sample.restore, sample.restoreByHand),
      row("`pgbackrest restore` and `pg_ctl start` by hand, until it takes writes", sample.restoreByHand),
    ];
  });
  writeReport({
    name: "backup",
    about:
      `Full backups and restores of a running cluster of one member (system Postgres), encrypted and compressed (zst), ${runs} rounds, ` +
      "each by Matriarch and by hand in turn. By hand is pgBackRest with the very configuration file that Matriarch wrote, and the same options. " +
      "`matriarch restore` also looks at what it got for up to 10 s (amcheck and checksums) and makes a cluster of it; by hand nobody looks. S3 is the server of the tests, on loopback, in memory.",
    directory: tmpdir(),
    postgres,
    loadBefore,
    parts: [table([["", "median", "fastest", "slowest", "n", "throughput", "against by hand"], ...rows])],
    samples,
  });
}

/** Of the medians, and how many of the pairs were dearer than the one by hand of the same round. */
function share(values: readonly number[], beside: readonly number[]): string {
  const percent = (summarize(values).median / summarize(beside).median - 1) * 100;
  return `${percent < 0 ? "−" : "+"}${Math.abs(percent).toFixed(1)} %`;
}
