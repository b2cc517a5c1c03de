/** What came of each story, one line each, for the summary page. Written by story.ts, read by the page's generator. */
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

export interface StoryResult {
  readonly story: string;
  /** the longest time without an acknowledged write through any endpoint */
  readonly gapMs: number;
  /** the oldest read through a primary endpoint */
  readonly staleMs: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly events: readonly string[];
  /** what went wrong; empty: nothing */
  readonly problem: string;
}

export const resultsFile = join(import.meta.dirname, "../../../.cache/hosts-results.jsonl");

export function keepResult({ story, gapMs, staleMs, acknowledged, unknown, events, problem }: StoryResult): void {
  mkdirSync(dirname(resultsFile), { recursive: true });
  const at = new Date().toISOString();
  const line = { at, story, gapMs, staleMs, acknowledged, unknown, events, problem };
  appendFileSync(resultsFile, `${JSON.stringify(line)}\n`);
  process.stderr.write(
    `${story}: longest gap ${gapMs.toFixed(0)} ms, oldest read ${staleMs.toFixed(0)} ms; ${problem || "kept"}\n`,
  );
}
