/** Checks as lines, each with a mark; those that fail say what to do. */
import type { CheckLine, CheckReport } from "../../contract/monitoring.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const columns: readonly Column<CheckLine>[] = [
  { heading: "", cell: ({ ok }) => (ok ? { text: "✓", tone: "good" } : { text: "✗", tone: "bad" }) },
  { heading: "WHERE", cell: ({ member, host }) => member ?? host },
  { heading: "GROUP", cell: ({ group }) => group },
  { heading: "CHECK", cell: ({ check }) => check },
  { heading: "MS", align: "right", cell: ({ took_ms: took }) => took.toFixed(1) },
  { heading: "FOUND", cell: ({ message, ok }) => ({ text: message, tone: ok ? "plain" : "bad" }) },
];

export function renderChecks(report: CheckReport, paint: Paint, terminal: number | undefined): string {
  const { lines, missing, ok, cluster } = report;
  const failing = lines.filter((line) => !line.ok);
  const hints = failing.map(
    ({ member, host, check, hint }) => `${paint("bad", "✗")} ${member ?? host}, ${check}: ${hint ?? "see the message"}`,
  );
  const absent = missing.map(({ host, reason }) => paint("warn", `Host "${host}" could not be asked: ${reason}.`));
  const all = ok
    ? `All ${lines.length} checks of ${paint("strong", cluster)} are well.`
    : `${failing.length} of ${lines.length} checks of ${paint("strong", cluster)} fail.`;
  return [renderTable(columns, lines, paint, terminal), ...absent, all, ...hints].join("\n");
}
