/**
 * The pages of the docs that are made from the catalogs. Run without arguments it writes them; tests/docs.test.ts fails
 * when what is written is not what the catalogs say.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorCatalog } from "../src/errors/catalog.ts";
import { eventCatalog } from "../src/events/catalog.ts";

export interface Page {
  /** from the root of the repository */
  readonly path: string;
  readonly text: string;
}

export function catalogPages(): readonly Page[] {
  return [
    { path: "docs/errors.md", text: errorsPage() },
    { path: "docs/events.md", text: eventsPage() },
  ];
}

const note = "<!-- Made from the catalog by scripts/catalog-pages.ts; change the catalog instead. -->";

const exitMeaning = { 1: "failed", 2: "usage", 3: "refused", 4: "unknown", 5: "not found" } as const;
const retryMeaning = { "no": "no", "later": "yes, later", "after-change": "after a change" } as const;

function errorsPage(): string {
  const rows = Object.entries(errorCatalog).map(
    ([code, { httpStatus, exitCode, retry, meaning }]) =>
      `| \`${code}\` | ${meaning} | ${exitCode} ${exitMeaning[exitCode]} | ${httpStatus} | ${retryMeaning[retry]} |`,
  );
  return lines(
    "# Errors",
    note,
    `Every failure that Matriarch expects has a code. It stands in \`--json\` output and in answers of the API as
\`error.code\`, beside a message, and where there is more to say a detail and a hint. The exit code of the command line
says what became of the change: 3 means that it was refused and nothing was changed, 4 that nobody knows, so look before
you repeat it.`,
    ["| code | meaning | exit code | HTTP status | try again |", "| --- | --- | --- | --- | --- |", ...rows].join("\n"),
  );
}

function eventsPage(): string {
  const rows = Object.entries(eventCatalog).map(
    ([type, { level, meaning }]) => `| \`${type}\` | ${level} | ${meaning} |`,
  );
  return lines(
    "# Events",
    note,
    `What happens to a cluster is written down as events: \`matriarch events NAME\`, with \`--follow\` as they happen,
\`--type failover\` for a family of them, \`--member\` for one member. Level \`error\`: it did not happen, or service was
lost; \`warning\`: it happened, with doubt or with a cost; \`info\`: normal. Each event carries the cluster, the member,
who asked for it (\`matriarch\` when nobody did), the cause, the epoch and the duration where they are known. The newest
100,000 of an installation are kept, for 90 days at most.`,
    ["| type | level | meaning |", "| --- | --- | --- |", ...rows].join("\n"),
  );
}

function lines(...parts: readonly string[]): string {
  return `${parts.join("\n\n")}\n`;
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, "..");
  for (const { path, text } of catalogPages()) writeFileSync(join(root, path), text);
}
