/**
 * docs/hosts-faults.md: what each fault over several hosts must come to, from the stories of the fault laboratory, with
 * what was measured last. Run without arguments it writes the page; with `--take` it first keeps the newest results of
 * the suite (.cache/hosts-results.jsonl) beside the benches' results. tests/docs.test.ts checks that it is up to date.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { resultsFile, type StoryResult } from "../tests/hosts/lab/results.ts";
import type { Story } from "../tests/hosts/lab/stories.ts";
import { chapters } from "../tests/hosts/stories/all.ts";

const root = resolve(import.meta.dirname, "..");
const keptFile = join(root, "bench/results/hosts-faults.json");
const page = "docs/hosts-faults.md";

type Results = Readonly<Record<string, StoryResult>>;

export function hostsFaultsPage(): { readonly path: string; readonly text: string } {
  return { path: page, text: format(existsSync(keptFile) ? readKept() : {}) };
}

const head = `# Faults over several hosts

<!-- Made from the stories in tests/hosts/stories by scripts/hosts-faults-page.ts; change the stories instead. -->

Each row is a test on real processes: hosts are network namespaces, each with its own agent, guard, relay, router, etcd and
Postgres. While the fault lasts, clients write through every host's primary endpoint, through all of them in turn, and past
the endpoints to every member; readers read everywhere. In every row, besides what it says: **no acknowledged write is
lost, never do two servers acknowledge writes in overlapping time, no read through a primary endpoint is older than 3 s,
everything is healthy again afterwards, every host's endpoint leads to the primary, and nobody did anything by hand.**

"Promised" is the longest time without an acknowledged write on a machine that is not overloaded ("-": writes may stop for
as long as the fault lasts); "measured" is of the newest run. All of them: \`bench/faults\`. Those marked * run in every
\`./test\`, where no time is judged; \`bench/faults\` fails beyond twice the promise. Each row was
measured once, with all hosts and clients on one machine of two cores that in part had other work as well; rows without a
figure were green, and their time was not kept.`;

function format(results: Results): string {
  const parts = chapters.map(({ title, stories }) => {
    const rows = stories.map((story) => formatRow(story, results[story.name]));
    const top = ["| what breaks | what it must come to | promised | measured |", "| --- | --- | --- | --- |"];
    return `## ${title}\n\n${[...top, ...rows].join("\n")}`;
  });
  return `${[head, ...parts].join("\n\n")}\n`;
}

function formatRow(story: Story, result: StoryResult | undefined): string {
  const name = `${story.name}${story.ci ? " *" : ""}`;
  const promise = story.gapMsMax === undefined ? "-" : seconds(story.gapMsMax);
  return `| ${[name, story.outcome, promise, measured(result)].join(" | ")} |`;
}

function measured(result: StoryResult | undefined): string {
  if (!result) return "";
  const gap = typeof result.gapMs === "number" ? seconds(result.gapMs) : "";
  return result.problem === "" ? gap : `**failed**${gap === "" ? "" : `, ${gap}`}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 1000 ? 2 : 1)} s`;
}

function readKept(): Results {
  return JSON.parse(readFileSync(keptFile, "utf8"));
}

/** The newest result of each story. */
function take(): void {
  const known = new Set(chapters.flatMap(({ stories }) => stories.map(({ name }) => name)));
  const lines = readFileSync(resultsFile, "utf8").split("\n").filter(Boolean);
  const newest: Record<string, StoryResult> = existsSync(keptFile) ? { ...readKept() } : {};
  for (const line of lines) {
    const result: StoryResult = JSON.parse(line);
    newest[result.story] = result;
  }
  const kept = Object.entries(newest).filter(([name]) => known.has(name));
  writeFileSync(keptFile, `${JSON.stringify(Object.fromEntries(kept), undefined, 1)}\n`);
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes("--take")) take();
  const { path, text } = hostsFaultsPage();
  writeFileSync(join(root, path), text);
}
