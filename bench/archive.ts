/**
 * What it costs clients that nothing is lost. The archive of the log: transactions of pgbench on one and the same bare
 * server, which archives with Matriarch's command or not at all, in turn. A snapshot, a backup and a test restore: what
 * pgBackRest and Matriarch do beside a pgbench that goes on, with the time of every transaction.
 */
import { execFile } from "node:child_process";
import { appendFile, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { archiveSettings, installArchiveCommand } from "../src/drivers/postgres/archive/command.ts";
import { givePermit } from "../src/drivers/postgres/archive/permit.ts";
import { ensureEmbeddedEngine } from "../src/drivers/postgres/engine/embedded.ts";
import { chooseServerOwner } from "../src/drivers/postgres/engine/owner.ts";
import { ensureTemplate } from "../src/drivers/postgres/provision/template.ts";
import { timed } from "./measure/data.ts";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { figuresOf, fillPgbench, perSecond, Pgbench, tpsOf, type WindowFigures } from "./measure/pgbench.ts";
import { RawServer, type RawPlan } from "./measure/raw-cluster.ts";
import { keepPlot, tell, writeReport } from "./measure/report.ts";
import { summarize, table } from "./measure/statistics.ts";
import { plotTimeline } from "./measure/timeline-plot.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    /** of one pgbench with the archive on or off */
    seconds: { type: "string", default: "20" },
    /** of what is beside a snapshot, a backup, a test restore */
    rounds: { type: "string", default: "3" },
    pause: { type: "string", default: "15" },
    /** of pgbench; 68 is a gigabyte */
    scale: { type: "string", default: "68" },
  },
});
const [runs, rounds, seconds, scale] = [options.runs, options.rounds, options.seconds, options.scale].map(Number) as [
  number,
  number,
  number,
  number,
];
const run = promisify(execFile);
const pauseMs = Number(options.pause) * 1000;
const major = 18;
const engineMs = 60_000;

/** Transactions a second in each run. */
interface Archiving {
  readonly on: number[];
  readonly off: number[];
}

const works = ["before", "snapshot", "backup", "test restore"] as const;
type Work = (typeof works)[number];

interface Round {
  readonly windows: Readonly<Record<Work, WindowFigures & { readonly from: number; readonly to: number }>>;
  readonly tps: readonly number[];
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const archiving = await timeArchiving();
  const installation = await Installation.prepare();
  try {
    const shop = await installation.create("shop", "--members", "1", "--engine", "system", "--version", "15");
    await fillPgbench(shop.uri, scale);
    await installation.matriarch("backup", "enable", "shop", "--to", join(dirname(installation.home), "repository"));
    const found: Round[] = [];
    for (let n = 1; n <= rounds; n += 1) {
      found.push(await disturb(installation, shop.uri));
      tell(`${n} of ${rounds}: ${JSON.stringify(found.at(-1)?.windows)}`);
    }
    report({ archiving, found, loadBefore, postgres: shop.version });
  } finally {
    await installation.end();
  }
}

async function timeArchiving(): Promise<Archiving> {
  const directory = await mkdtemp(join(tmpdir(), "bench-"));
  const owner = await chooseServerOwner();
  if (owner) await chown(directory, owner.uid, owner.gid);
  const home = join(directory, "home");
  try {
    await mkdir(home);
    const engine = await ensureEmbeddedEngine(home, major, { signal: AbortSignal.timeout(engineMs) });
    const template = await ensureTemplate(home, engine, owner, AbortSignal.timeout(engineMs));
    const plan = { engine, owner, directory };
    const server = new RawServer(plan, 1);
    await run("cp", ["-a", template.directory, server.data]);
    const found: Archiving = { on: [], off: [] };
    for (let n = 0; n <= runs; n += 1) {
      // The first fills it, and is not counted.
      for (const isOn of n % 2 === 1 ? [true, false] : [false, true]) {
        if (n === 0 && isOn) continue;
        const tps = await withServer(server, plan, isOn, async (uri) => {
          if (n === 0) await fillPgbench(uri, scale);
          return tpsOf(uri, n === 0 ? 1 : seconds);
        });
        if (n > 0) found[isOn ? "on" : "off"].push(tps);
      }
      tell(`archive, ${n} of ${runs}: ${JSON.stringify(found)}`);
    }
    return found;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** With the settings and the program that a member gets, or without an archive. */
async function withServer<T>(
  server: RawServer,
  { owner, directory }: RawPlan,
  isOn: boolean,
  work: (uri: string) => Promise<T>,
): Promise<T> {
  await server.configure(undefined, []);
  const archive = join(directory, "archived");
  if (isOn) {
    await installArchiveCommand(server.data, owner);
    await givePermit(server.data, { timeline: 1, archive }, owner);
    const settings = Object.entries(archiveSettings(server.data));
    const lines = settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    await appendFile(join(server.data, "postgresql.conf"), lines.join(""));
  }
  server.start();
  try {
    await (await server.connect()).end();
    return await work(`host=${directory} port=${server.number} user=matriarch dbname=postgres`);
  } finally {
    server.signal("SIGINT");
    await server.ended();
    await rm(archive, { recursive: true, force: true });
  }
}

/** Each with the same time of rest after it. */
async function disturb(installation: Installation, uri: string): Promise<Round> {
  const directory = await mkdtemp(join(dirname(installation.home), "pgbench-"));
  const pgbench = new Pgbench(uri, directory);
  const begun = Date.now();
  const spans = new Map<Work, { readonly from: number; readonly to: number }>();
  for (const [work, does] of [
    ["before", () => sleep(pauseMs)],
    ["snapshot", () => installation.matriarch("snapshot", "create", "shop")],
    ["backup", () => installation.matriarch("backup", "create", "shop", "--type", "full")],
    ["test restore", () => installation.matriarch("backup", "verify", "shop")],
  ] as const) {
    const from = Date.now();
    await timed(does);
    spans.set(work, { from, to: Date.now() });
    await sleep(pauseMs / 3);
  }
  const transactions = await pgbench.stop();
  const windows = Object.fromEntries(
    [...spans].map(([work, span]) => [
      work,
      { ...figuresOf(transactions, span), from: (span.from - begun) / 1000, to: (span.to - begun) / 1000 },
    ]),
  ) as Round["windows"];
  return { windows, tps: perSecond(transactions, { from: begun, to: Date.now() }) };
}

interface Found {
  readonly archiving: Archiving;
  readonly found: readonly Round[];
  readonly loadBefore: string;
  readonly postgres: string;
}

function report({ archiving, found, loadBefore, postgres }: Found): void {
  const [last] = found.slice(-1);
  if (last) {
    const bands = works.slice(1).map((title) => ({ title, ...last.windows[title] }));
    keepPlot("archive", plotTimeline("Transactions in each second of pgbench", last.tps, bands));
  }
  writeReport({
    name: "archive",
    about:
      `The archive: pgbench (TPC-B, 4 clients, scale ${scale}) for ${seconds} s on a bare server on its socket, ${runs} runs with \`archive_mode = on\` and Matriarch's command, and without, in turn. ` +
      `The rest: pgbench through the primary's endpoint of a cluster of one member (system Postgres) that goes on while a snapshot is taken, a full backup is written to a path, and a test restore is made and checked; ${rounds} rounds, medians of the rounds.`,
    directory: tmpdir(),
    postgres: `${major} (archive), ${postgres} (the rest)`,
    loadBefore,
    parts: [
      table([["archive", "median", "least", "most", "n"], tpsRow("on", archiving.on), tpsRow("off", archiving.off)]),
      table([
        ["while", "transactions a second", "99 of 100 took at most", "it took", "n"],
        ...works.map((work) => workRow(work, found)),
      ]),
      "![transactions in each second of the last round](archive.svg)",
    ],
    samples: { archiving, found },
  });
}

function tpsRow(title: string, values: readonly number[]): readonly string[] {
  const { median, min, max, n } = summarize(values);
  return [title, ...[median, min, max].map((tps) => `${tps.toFixed(0)} TPS`), String(n)];
}

function workRow(work: Work, found: readonly Round[]): readonly string[] {
  const windows = found.map((round) => round.windows[work]);
  const median = (of: (window: (typeof windows)[number]) => number): number => summarize(windows.map(of)).median;
  return [
    work === "before" ? "nothing else" : `a ${work}`,
    median(({ tps }) => tps).toFixed(0),
    `${median(({ p99Ms }) => p99Ms).toFixed(0)} ms`,
    `${median(({ from, to }) => to - from).toFixed(1)} s`,
    String(windows.length),
  ];
}
