/**
 * Where a bench leaves what it found: every sample under results/raw (not in git), the table under results (in git),
 * the table on stdout too. Used by every bench.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeMachine, load, today } from "./machine.ts";

const results = join(import.meta.dirname, "../results");

export interface Report {
  readonly name: string;
  /** what was measured, in a sentence or two */
  readonly about: string;
  /** where the data was */
  readonly directory: string;
  /** full version of the servers */
  readonly postgres: string;
  readonly loadBefore: string;
  /** paragraphs and tables */
  readonly parts: readonly string[];
  readonly samples: unknown;
}

export function writeReport(report: Report): void {
  const machine = describeMachine(report.directory, report.postgres);
  const measured = `Measured ${today()} UTC; load average before and after: ${report.loadBefore}, ${load()}.`;
  const list = machine.map((line) => `- ${line}`).join("\n");
  const text = [`# bench/${report.name}`, report.about, `${measured}\n\n${list}`, ...report.parts].join("\n\n");
  mkdirSync(join(results, "raw"), { recursive: true });
  const raw = { machine, measured, samples: report.samples };
  writeFileSync(join(results, "raw", `${report.name}.json`), `${JSON.stringify(raw, undefined, 1)}\n`);
  writeFileSync(join(results, `${report.name}.md`), `${text}\n`);
  process.stdout.write(`${text}\n`);
}

/** A picture beside the table. */
export function keepPlot(name: string, svg: string): void {
  writeFileSync(join(results, `${name}.svg`), svg);
}

/** A copy beside the raw samples. */
export function keepFile(from: string, name: string): void {
  mkdirSync(join(results, "raw"), { recursive: true });
  copyFileSync(from, join(results, "raw", name));
}

/** Progress, for whoever waits. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
