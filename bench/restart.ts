/**
 * How long writes pause when every member is restarted, and when every member takes a newer minor version of Postgres.
 * Clients write through the primary endpoint all the while; counted are the longest time from one acknowledged write to
 * the next, of any client, and what the cluster's own ledger says. Beside them, in turn with them, the two ways for the
 * primary's turn: stopped and started where it is, and a switchover.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { ClientConfig } from "pg";
import { downtimeSchema } from "../src/contract/downtime.ts";
import { checkHistory } from "../tests/checker/history.ts";
import { prepareTable, readRows, recordWrites } from "../tests/checker/record-writer.ts";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, summarize, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    clients: { type: "string", default: "4" },
    pause: { type: "string", default: "2" },
    from: { type: "string", default: "18.3" },
    only: { type: "string", default: "restart,upgrade,in-place,switchover" },
  },
});
const runs = Number(options.runs);
const writers = { connections: Number(options.clients), pauseMs: Number(options.pause) };
const patienceMs = 30_000;
const healMs = 60_000;

const works = {
  "restart": ["restart"],
  "upgrade": ["upgrade"],
  "in-place": ["restart", "--in-place"],
  "switchover": ["switchover", "--yes"],
} as const;
type Work = keyof typeof works;
const titles: Readonly<Record<Work, string>> = {
  "restart": "`matriarch restart`: all three members, the primary by whichever way pauses less",
  "upgrade": "`matriarch upgrade`: all three members, the primary by whichever way pauses less",
  "in-place": "`matriarch restart --in-place`: all three, the primary stopped and started where it is",
  "switchover": "`matriarch switchover`: the other way for the primary's turn",
};

interface Sample {
  readonly gapMs: number;
  /** as the ledger has it */
  readonly pauseMs: number;
  /** of the whole command */
  readonly tookMs: number;
  readonly failed: number;
  readonly lost: number;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const wanted = (Object.keys(works) as Work[]).filter((work) => options.only.split(",").includes(work));
  const samples: Record<Work, Sample[]> = { "restart": [], "upgrade": [], "in-place": [], "switchover": [] };
  const installation = await Installation.prepare();
  let version = "";
  try {
    for (let n = 1; n <= runs; n += 1) {
      // A cluster of its own for each round: an upgrade has no way back.
      const cluster = `bench${n}`;
      const { uri } = await installation.create(cluster, "--version", options.from);
      for (const work of wanted) {
        const sample = await measure(installation, cluster, { connectionString: uri }, work);
        samples[work].push(sample);
        tell(
          `${n} of ${runs}: ${work} ${sample.gapMs.toFixed(0)} ms, ledger ${sample.pauseMs} ms, ${sample.lost} lost`,
        );
      }
      version = `${options.from}, then ${(await installation.status(cluster)).version}`;
      await installation.destroy(cluster);
    }
    report(installation, version, loadBefore, samples);
  } finally {
    await installation.end();
  }
}

async function measure(installation: Installation, cluster: string, target: ClientConfig, work: Work): Promise<Sample> {
  await healthy(installation, cluster);
  const rows = `rows_${work.replace("-", "_")}`;
  await prepareTable(target, rows);
  const recorder = recordWrites({ targets: [target], table: rows, patienceMs, ...writers });
  await recorder.acknowledged(300, patienceMs);
  const [verb, ...flags] = works[work];
  const begun = performance.now();
  await installation.matriarch(verb, cluster, ...flags);
  const tookMs = performance.now() - begun;
  await recorder.acknowledged(300, patienceMs);
  const verdict = checkHistory(await recorder.stop(), await readRows(target, rows));
  if (verdict.overlaps.length > 0) throw new Error("two servers acknowledged at the same time");
  return {
    gapMs: verdict.gap?.ms ?? NaN,
    pauseMs: await lastPause(installation, cluster),
    tookMs,
    failed: verdict.refused + verdict.unknown,
    lost: verdict.lost.length,
  };
}

async function lastPause(installation: Installation, cluster: string): Promise<number> {
  const said: unknown = JSON.parse(await installation.matriarch("events", cluster, "--downtime", "--json"));
  return downtimeSchema.parse(said).pauses.at(-1)?.ms ?? NaN;
}

async function healthy(installation: Installation, cluster: string): Promise<void> {
  const end = performance.now() + healMs;
  for (;;) {
    const { state, members } = await installation.status(cluster);
    if (state === "healthy" && members.every(({ lag_bytes: lag }) => (lag ?? Infinity) < 65_536)) return;
    if (performance.now() > end) throw new Error(`not healthy after ${healMs} ms`);
    await sleep(100);
  }
}

function report(
  { home }: Installation,
  version: string,
  loadBefore: string,
  samples: Readonly<Record<Work, readonly Sample[]>>,
): void {
  const present = (Object.keys(titles) as Work[]).filter((work) => samples[work].length > 0);
  const cells = (of: (sample: Sample) => number) =>
    present.map((work) => [titles[work], ...secondsCells(samples[work].map(of))]);
  const outcomes = present.map((work) => {
    const failed = summarize(samples[work].map((sample) => sample.failed));
    const lost = samples[work].reduce((sum, sample) => sum + sample.lost, 0);
    return [titles[work], `${failed.median} (at most ${failed.max})`, String(lost)];
  });
  writeReport({
    name: "restart",
    about:
      `Planned work on every member of a cluster of three, default settings, while ${writers.connections} clients write ` +
      `single rows through the primary endpoint (TLS, SCRAM), with a pause of ${writers.pauseMs} ms between two writes of one. ` +
      "Each round makes a cluster on the older version and runs all rows on it, one after the other.",
    directory: home,
    postgres: version,
    loadBefore,
    parts: [
      table([["longest gap between acknowledged writes", "median", "min", "max", "n"], ...cells(({ gapMs }) => gapMs)]),
      table([
        ["pause, as `events --downtime` has it", "median", "min", "max", "n"],
        ...cells(({ pauseMs }) => pauseMs),
      ]),
      table([["the whole command", "median", "min", "max", "n"], ...cells(({ tookMs }) => tookMs)]),
      table([["", "writes that failed at the client", "acknowledged writes lost"], ...outcomes]),
    ],
    samples,
  });
}
