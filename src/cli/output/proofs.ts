/** Test restores in words: of the schedule, of the last one, and a line of the status. */
import type { ClusterStatus } from "../../contract/cluster.ts";
import type { Proofs, ProofStatus } from "../../contract/proof.ts";
import { formatDuration } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const shownMost = 5;

const columns: readonly Column<ProofStatus>[] = [
  { heading: "TESTED", cell: testedCell },
  { heading: "RESTORED TO", cell: ({ restored_to: at }) => `${at.slice(0, 19).replace("T", " ")}Z` },
  { heading: "FROM", cell: ({ base }) => base },
];

function testedCell({ made_at: at, passed }: ProofStatus) {
  const text = `${passed ? "passed" : "failed"} ${at.slice(0, 10)}`;
  return { text, tone: passed ? ("good" as const) : ("bad" as const) };
}

/** Of the newest few, and what is wrong with the last. */
export function renderProofs(found: Proofs, paint: Paint): string {
  const { proofs } = found;
  const last = proofs.at(-1);
  return [
    ...(proofs.length === 0 ? [] : [renderTable(columns, proofs.slice(-shownMost), paint)]),
    ...(last?.problems ?? []).map((problem) => paint("bad", `Wrong: ${problem}.`)),
    ...(last?.counts ?? []).map(countWords),
    scheduleOfProofs(found),
    ...(found.is_overdue ? [paint("bad", `None has passed for long: matriarch backup verify ${found.cluster}`)] : []),
  ].join("\n");
}

function countWords({ table, rows, at_least: least, at_most: most, verdict }: ProofStatus["counts"][number]): string {
  const found = `${table} had ${rows ?? "no"} rows in the copy`;
  if (verdict === "unsure" || least === null)
    return `${found}; there are no counts of the running cluster to compare it with.`;
  return `${found}, and ${least === most ? least : `${least} to ${most}`} in the running cluster at that moment.`;
}

export function scheduleOfProofs({ every_days: days, next_at: next, tables }: Proofs): string {
  const counted = tables.length === 0 ? "" : ` Counted: ${tables.join(", ")}.`;
  if (days === 0) return `No test restore is made by itself.${counted}`;
  const every = days === 1 ? "every day" : days === 7 ? "every week" : `every ${days} days`;
  return `A test restore is made ${every}${next === null ? "" : `, the next at ${minute(next)}`}.${counted}`;
}

/** Nothing while all is as it should be and the first one is to come. */
export function proofWords({ name, proof }: ClusterStatus, paint: Paint, now: number): readonly string[] {
  if (proof === null) return [];
  const ago = (at: string): string => `${formatDuration(Math.max(0, now - Date.parse(at)))} ago`;
  const passed = proof.passed_at === null ? "never restored as a test" : `restored as a test ${ago(proof.passed_at)}`;
  if (proof.problem !== null) return [paint("bad", `the last test restore failed: ${proof.problem}`), passed];
  if (proof.is_overdue) return [paint("bad", `${passed}; overdue: matriarch backup verify ${name}`)];
  return proof.passed_at === null ? [] : [passed];
}

/** To the minute, in UTC. */
function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")}Z`;
}
