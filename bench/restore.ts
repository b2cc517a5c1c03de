/**
 * How fast a restore to a moment replays the log, beside recovery by hand of the same snapshot with the same archive:
 * `restore_command = 'cp …'` and a server started by hand. In turn, each on a copy of its own.
 */
import { execFile } from "node:child_process";
import { appendFile, chown, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { ensureEmbeddedEngine } from "../src/drivers/postgres/engine/embedded.ts";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { connect, timed, withDatabase } from "./measure/data.ts";
import { Installation, type Created, type Watched } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { RawServer, type RawPlan } from "./measure/raw-cluster.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    /** of log between the snapshot and the moment */
    gigabytes: { type: "string", default: "1" },
  },
});
const run = promisify(execFile);
const runs = Number(options.runs);
const major = 18;
const settleMs = 60_000;
const recoveredMs = 600_000;

/** In milliseconds, a figure for each round. */
interface Sample {
  /** from the copy's first start to its end, within the whole restore */
  readonly replay: number[];
  readonly replayByHand: number[];
  /** the whole command */
  readonly restore: number[];
}

interface Scene {
  readonly plan: RawPlan;
  readonly snapshot: string;
  /** the moment, as both take it */
  readonly at: string;
  readonly archive: string;
  readonly sharedBuffers: string;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const installation = await Installation.prepare();
  const directory = await mkdtemp(join(tmpdir(), "bench-hand-"));
  try {
    const shop = await installation.create("shop", "--members", "1");
    const scene = await setUp(installation, shop, directory);
    const { at, bytes } = await writeLog(shop);
    await archived(scene.archive, bytes.end);
    const sample: Sample = { replay: [], replayByHand: [], restore: [] };
    const ours = (): Promise<void> => restore(installation, at, sample);
    const byHand = (): Promise<void> => recover({ ...scene, at }, sample);
    for (let n = 1; n <= runs; n += 1) {
      for (const turn of n % 2 === 1 ? [ours, byHand] : [byHand, ours]) await turn();
      tell(`${n} of ${runs}: ${JSON.stringify(sample)}`);
    }
    report(sample, bytes.written / 2 ** 30, loadBefore, shop.version);
  } finally {
    await installation.end();
    await rm(directory, { recursive: true, force: true });
  }
}

async function setUp(installation: Installation, shop: Created, directory: string): Promise<Omit<Scene, "at">> {
  const engine = await ensureEmbeddedEngine(installation.home, major, { signal: AbortSignal.timeout(settleMs) });
  const owner = await chooseServerOwner();
  if (owner) await chown(directory, owner.uid, owner.gid);
  const client = await connect(shop.uri);
  const { rows } = await client.query<{ buffers: string; id: string }>(
    "SELECT current_setting('shared_buffers') AS buffers, system_identifier::text AS id FROM pg_control_system()",
  );
  await client.end();
  const taken = JSON.parse(await installation.matriarch("snapshot", "create", "shop", "--json")) as TakenSnapshot;
  return {
    plan: { engine, owner, directory },
    snapshot: join(installation.home, "snapshots/shop", taken.result.message, "data"),
    archive: join(installation.home, "archives/shop", rows[0]?.id ?? ""),
    sharedBuffers: rows[0]?.buffers ?? "",
  };
}

interface TakenSnapshot {
  readonly result: { readonly message: string };
}

interface Log {
  readonly at: string;
  readonly bytes: { readonly written: number; readonly end: string };
}

/** Rows and then changes of them, as much as is asked for; one more change after the moment. */
async function writeLog({ uri }: Created): Promise<Log> {
  const wanted = Number(options.gigabytes) * 2 ** 30;
  const client = await connect(uri);
  const ask = async (sql: string): Promise<string> => (await client.query<{ it: string }>(sql)).rows[0]?.it ?? "";
  const begun = await ask("SELECT pg_current_wal_lsn()::text AS it");
  await client.query("CREATE DATABASE gb0");
  const database = await connect(withDatabase(uri, "gb0"));
  await database.query(
    "CREATE TABLE entries AS SELECT i AS id, md5(i::text) AS name, repeat(md5((i * 7)::text), 4) AS detail FROM generate_series(1, 600000) AS i",
  );
  await database.query("ALTER TABLE entries ADD PRIMARY KEY (id)");
  const written = async (): Promise<number> =>
    Number(await ask(`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '${begun}')::text AS it`));
  for (let n = 0; (await written()) < wanted; n += 1)
    await database.query("UPDATE entries SET name = md5(name) WHERE id % 11 = $1", [n % 11]);
  const at = await ask("SELECT clock_timestamp()::text AS it");
  await database.query("UPDATE entries SET name = '' WHERE id = 1");
  await database.end();
  const bytes = { written: await written(), end: await ask("SELECT pg_walfile_name(pg_switch_wal()) AS it") };
  await client.end();
  return { at, bytes };
}

async function archived(archive: string, last: string): Promise<void> {
  const end = performance.now() + settleMs;
  while (!(await readdir(archive)).includes(last)) {
    if (performance.now() > end) throw new Error(`${last} is not archived`);
    await sleep(50);
  }
}

async function restore(installation: Installation, at: string, sample: Sample): Promise<void> {
  const watched = await installation.watched("restore", "shop", "back", "--at", at);
  sample.restore.push(watched.tookMs);
  sample.replay.push(between(watched, "replaying its log", "checking what it holds"));
  await installation.destroy("back");
}

function between({ steps }: Watched, first: string, next: string): number {
  const begun = steps.find(({ step }) => step.startsWith(first))?.atMs;
  const ended = steps.find(({ step }) => step.startsWith(next))?.atMs;
  if (begun === undefined || ended === undefined) throw new Error(`no such steps: ${JSON.stringify(steps)}`);
  return ended - begun;
}

/** The copy is made before the time counts, as it is for the other. */
async function recover({ plan, snapshot, archive, at, sharedBuffers }: Scene, sample: Sample): Promise<void> {
  const server = new RawServer(plan, 1);
  await rm(server.data, { recursive: true, force: true });
  await run("cp", ["-a", "--reflink=auto", snapshot, server.data]);
  await rm(join(server.data, "postgresql.auto.conf"), { force: true });
  await server.configure(undefined, []);
  const recovery = [
    "hot_standby = off",
    `shared_buffers = ${sharedBuffers}`,
    `restore_command = 'cp "${archive}/%f" "%p"'`,
    `recovery_target_time = '${at}'`,
    "recovery_target_action = promote",
  ];
  await appendFile(join(server.data, "postgresql.conf"), `${recovery.join("\n")}\n`);
  await writeFile(join(server.data, "recovery.signal"), "");
  if (plan.owner) await chown(join(server.data, "recovery.signal"), plan.owner.uid, plan.owner.gid);
  sample.replayByHand.push(
    await timed(async () => {
      server.start();
      await (await server.connect(recoveredMs)).end();
    }),
  );
  server.signal("SIGQUIT");
  await server.ended();
  await rm(server.data, { recursive: true, force: true });
}

function report(sample: Sample, gigabytes: number, loadBefore: string, postgres: string): void {
  const row = (title: string, values: readonly number[]): readonly string[] => [
    title,
    ...secondsCells(values),
    `${(summarize(values).median / 1000 / gigabytes).toFixed(2)} s`,
  ];
  writeReport({
    name: "restore",
    about:
      `A cluster of one member, a snapshot, and ${gigabytes.toFixed(2)} GB of log after it (rows that are written and changed). Each round restores to the moment ` +
      "after that log, by `matriarch restore --at` and by hand: a copy of the same snapshot, `restore_command = 'cp …'` out of the same archive, the same `shared_buffers`, from the start of the server until it takes writes. " +
      "What Matriarch replays is timed from the copy's first start until it begins to check what it got: the end of passwords, slots and subscriptions of the source included.",
    directory: tmpdir(),
    postgres,
    loadBefore,
    parts: [
      table([
        ["", "median", "fastest", "slowest", "n", "for each GB of log"],
        row("**log replayed by `matriarch restore --at`**", sample.replay),
        row("log replayed by hand", sample.replayByHand),
        row("the whole of `matriarch restore --at`: copied, replayed, checked, serving", sample.restore),
      ]),
    ],
    samples: sample,
  });
}
