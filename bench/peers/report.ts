/** Keeps the samples of the bench beside the peers, and makes its table and its plot of them. */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeMachine, load, today } from "../measure/machine.ts";
import { summarize, table } from "../measure/statistics.ts";
import type { FaultName, Sample } from "./faults.ts";
import { plotGaps } from "./plot.ts";

const results = join(import.meta.dirname, "../results");

function rawFile(name: string): string {
  mkdirSync(join(results, "raw"), { recursive: true });
  return join(results, "raw", `${name}.jsonl`);
}

export function startSamples(name: string, loadBefore: string): void {
  writeFileSync(rawFile(name), "");
  writeFileSync(join(results, "raw", `${name}.load`), loadBefore);
}

export function keepSample(name: string, sample: Sample): void {
  appendFileSync(rawFile(name), `${JSON.stringify(sample)}\n`);
}

export function readSamples(name: string): readonly Sample[] {
  const lines = readFileSync(rawFile(name), "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

export function reportPeers(
  name: string,
  samples: readonly Sample[],
  titles: Readonly<Record<FaultName, string>>,
): void {
  const systems = [...new Set(samples.map(({ system }) => system))].sort();
  const faults = (Object.keys(titles) as FaultName[]).filter((fault) =>
    samples.some((sample) => sample.fault === fault),
  );
  const of = (system: string, fault: FaultName): readonly Sample[] =>
    samples.filter((sample) => sample.system === system && sample.fault === fault);
  const gaps = faults.map((fault) => [
    titles[fault],
    ...systems.map((system) => cell(of(system, fault).map(({ gapMs }) => gapMs))),
  ]);
  const harms = systems.map((system) => {
    const own = samples.filter((sample) => sample.system === system);
    const bad = own.filter(({ lost, splits }) => lost + splits > 0);
    return [
      system,
      String(own.length),
      String(own.reduce((sum, { acknowledged }) => sum + acknowledged, 0)),
      String(own.reduce((sum, { lost }) => sum + lost, 0)),
      bad.map(({ fault }) => titles[fault]).join("; ") || "none",
    ];
  });
  const rows = faults.map((fault) => ({
    title: titles[fault],
    series: systems.map((system) => ({ name: system, valuesMs: of(system, fault).map(({ gapMs }) => gapMs) })),
  }));
  writeFileSync(
    join(results, `${name}.svg`),
    plotGaps("Longest gap between acknowledged writes, three hosts (logarithmic)", rows),
  );
  const text = [
    `# bench/failover --peers`,
    "Longest gap between two acknowledged writes of any of four clients, each of which tries the three hosts in turn and gives a write or a connection up after 1 s. Three hosts are three network namespaces of one machine; the store is the system's etcd on all three. Patroni in synchronous mode: as it comes, and with the tightest timings that it accepts. Median (least to most) of n runs.",
    `Measured until ${today()} UTC; load average at the end ${load()}.\n\n${describeMachine(results, "of each system")
      .map((line) => `- ${line}`)
      .join("\n")}`,
    table([["fault", ...systems], ...gaps]),
    table([
      ["system", "runs", "acknowledged writes", "of them lost", "faults with loss or with two primaries"],
      ...harms,
    ]),
    `![gaps](${name}.svg)`,
  ].join("\n\n");
  writeFileSync(join(results, `${name}.md`), `${text}\n`);
  process.stdout.write(`${text}\n`);
}

function cell(valuesMs: readonly number[]): string {
  const known = valuesMs.filter(Number.isFinite);
  if (known.length === 0) return "-";
  const { n, median, min, max } = summarize(known);
  const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 10_000 ? 2 : 1);
  return `${seconds(median)} s (${seconds(min)} to ${seconds(max)}), n=${n}`;
}
