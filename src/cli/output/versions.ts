/** Who runs which version of Postgres, and the plan of an upgrade. */
import { formatDuration } from "../../contract/units.ts";
import type { MemberVersion, UpgradePlan, VersionReport } from "../../contract/upgrade.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

export function renderReport(report: VersionReport, paint: Paint): string {
  return [renderTable(columnsFor(report), report.members, paint), "", ...advice(report)].join("\n");
}

function columnsFor({ members, newest }: VersionReport): readonly Column<MemberVersion>[] {
  const differs = members.some(({ running, next_start: next }) => next !== null && next !== running);
  const isOld = (running: string | null): boolean => newest !== null && running !== null && running !== newest;
  return [
    { heading: "MEMBER", cell: ({ id }) => id },
    ...(new Set(members.map(({ host }) => host)).size > 1
      ? [{ heading: "HOST", cell: ({ host }: MemberVersion) => host }]
      : []),
    { heading: "ROLE", cell: ({ role }) => role },
    {
      heading: "POSTGRES",
      cell: ({ running }) => ({ text: running ?? "not running", tone: isOld(running) ? "warn" : "plain" }),
    },
    ...(differs ? [{ heading: "NEXT START", cell: ({ next_start: next }: MemberVersion) => next ?? "-" }] : []),
  ];
}

function advice({
  cluster,
  engine,
  engine_directory: own,
  major,
  newest,
  is_behind: isBehind,
  newest_in_registry: found,
}: VersionReport) {
  const machines = own === null ? "is installed on this machine" : `is in ${own}`;
  const where = engine === "system" ? machines : "comes with this release of Matriarch";
  const lines: string[] = [];
  if (newest === null) lines.push("No member runs, and nothing newer is known.");
  else if (isBehind) lines.push(`Postgres ${newest} ${where}. Take it with: matriarch upgrade ${cluster}`);
  else lines.push(`Every member that runs has the newest that ${where}.`);
  if (found !== null && found !== newest)
    lines.push(`The registry has ${found}. Take it with: matriarch upgrade ${cluster} --to ${found}`);
  else if (found !== null) lines.push(`The registry has nothing newer of Postgres ${major}.`);
  return lines;
}

const how = {
  "restart": "restarted",
  "switchover": "hands its role over, or restarted where it is if that is quicker",
  "in-place": "restarted where it is",
};

export function renderPlan(plan: UpgradePlan, paint: Paint): string {
  if (plan.turns.length === 0) return `Every member of "${plan.cluster}" runs Postgres ${plan.to} already.`;
  const columns: readonly Column<UpgradePlan["turns"][number]>[] = [
    { heading: "MEMBER", cell: ({ member }) => member },
    { heading: "FROM", cell: ({ from }) => from ?? "-" },
    { heading: "TO", cell: () => plan.to },
    { heading: "TURN", cell: (turn) => how[turn.how] },
  ];
  return [
    renderTable(columns, plan.turns, paint),
    "",
    pauseLine(plan),
    ...(plan.problems.length === 0
      ? []
      : [paint("bad", "In the way:"), ...plan.problems.map((problem) => `  ${problem}`)]),
    "Nothing was changed.",
  ].join("\n");
}

function pauseLine({ turns, expected_pause_ms: pauseMs }: UpgradePlan): string {
  const primary = turns.find((turn) => turn.how !== "restart");
  if (!primary) return "Writes go on throughout: the primary is not restarted.";
  if (primary.how === "in-place") return `Writes pause while ${primary.member} stops and starts: a second or so.`;
  const usual =
    pauseMs === null ? "under half a second, as a rule" : `${formatDuration(pauseMs)}, as the last ones here`;
  return `Writes pause once, in the turn of ${primary.member}: ${usual}.`;
}
