/**
 * How long a scrape of `/metrics` takes at a member's status port, and at the host's with its three members, with few tables
 * and with many; and what it holds. The agent's other work goes on meanwhile; nobody else uses the cluster.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Client } from "pg";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({
  options: { tables: { type: "string", default: "10000" }, runs: { type: "string", default: "60" } },
});
const runs = Number(options.runs);
const tables = Number(options.tables);
const few = 10;
const pauseMs = 700;

interface Sample {
  readonly tables: number;
  readonly what: string;
  readonly ms: readonly number[];
  readonly lines: number;
  readonly bytes: number;
}

await main();

async function main(): Promise<void> {
  const loadBefore = load();
  const installation = await Installation.prepare();
  try {
    const { uri, version } = await installation.create("scrape");
    const [member = ""] = (await installation.matriarch("metrics", "scrape", "--targets")).trim().split("\n");
    const samples: Sample[] = [];
    for (const count of [few, tables]) {
      await makeTables(uri, count);
      tell(`${count} tables`);
      samples.push(await scrape(count, "one member", member));
      samples.push(await scrape(count, "the host, with three", await hostUrl(installation, member)));
    }
    report(installation, version, loadBefore, samples);
  } finally {
    await installation.end();
  }
}

/** So many in one transaction that it does not run out of locks. */
async function makeTables(uri: string, count: number): Promise<void> {
  const client = new Client({ connectionString: uri, ssl: { rejectUnauthorized: false } });
  await client.connect();
  try {
    for (let from = 1; from <= count; from += 500)
      await client.query(`DO $$ BEGIN FOR i IN ${from}..${Math.min(count, from + 499)} LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS t_%s (id int PRIMARY KEY, v text)', i); END LOOP; END $$`);
    await client.query("CHECKPOINT");
  } finally {
    await client.end();
  }
}

/** The host's own port stands in no status: the agent's options know it. */
async function hostUrl(installation: Installation, member: string): Promise<string> {
  const { hostStatusPort } = await import("../src/installation/ports.ts");
  return member.replace(/:\d+\//, `:${hostStatusPort(installation.home)}/`);
}

async function scrape(count: number, what: string, url: string): Promise<Sample> {
  const ms: number[] = [];
  let text = "";
  // The first one begins what is asked in the background.
  for (let turn = -3; turn < runs; turn += 1) {
    await sleep(pauseMs);
    const begun = performance.now();
    const answer = await fetch(url);
    text = await answer.text();
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text}`);
    if (turn >= 0) ms.push(performance.now() - begun);
  }
  return {
    tables: count,
    what,
    ms,
    lines: text.split("\n").filter((line) => !line.startsWith("#")).length,
    bytes: text.length,
  };
}

function report(installation: Installation, version: string, loadBefore: string, samples: readonly Sample[]): void {
  const rows = samples.map(({ tables: count, what, ms, lines, bytes }) => [
    String(count),
    what,
    ...secondsCells(ms),
    String(lines),
    `${Math.round(bytes / 1024)} KiB`,
  ]);
  writeReport({
    name: "scrape",
    about: `A client scrapes /metrics every ${pauseMs} ms over HTTP. Servers are asked anew for each; sizes of databases, WAL and volumes are asked in the background.`,
    directory: installation.home,
    postgres: version,
    loadBefore,
    parts: [table([["tables", "scraped", "median", "min", "max", "n", "samples", "size"], ...rows])],
    samples,
  });
}
