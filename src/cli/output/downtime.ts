/** The ledger of pauses as a table, and what they make together. */
import type { Downtime, Pause } from "../../contract/downtime.ts";
import { formatDuration } from "../../contract/units.ts";
import { localTime } from "./events.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const reasons: Readonly<Record<Pause["why"], string>> = {
  switchover: "switchover",
  failover: "failover",
  restart: "restart",
  upgrade: "upgrade",
  config: "change of settings",
  crash: "primary ended, started again",
  stop: "stopped as asked",
  voters: "commits waited for standbys",
  unknown: "not known",
};

const columns: readonly Column<Pause>[] = [
  { heading: "FROM", cell: ({ from }) => localTime(from) },
  {
    heading: "PAUSE",
    align: "right",
    cell: ({ ms, to }) => (to === null ? { text: `${formatDuration(ms)}, it lasts`, tone: "bad" } : formatDuration(ms)),
  },
  { heading: "WHY", cell: ({ why }) => reasons[why] },
  { heading: "BY", cell: ({ by }) => by },
  { heading: "PRIMARY AFTER", cell: ({ member }) => member ?? "-" },
];

export function renderDowntime(downtime: Downtime, paint: Paint): string {
  const { pauses } = downtime;
  return pauses.length === 0
    ? summary(downtime)
    : [renderTable(columns, pauses, paint), "", summary(downtime)].join("\n");
}

function summary({ pauses, since, until, ...sums }: Downtime): string {
  const span = formatDuration(Math.max(1000, Date.parse(until) - Date.parse(since)));
  const count = pauses.filter(({ why }) => why !== "stop").length;
  const times = count === 1 ? "once" : `${count} times`;
  const paused =
    count === 0
      ? "Writes have not paused"
      : `Writes paused ${times}, ${formatDuration(sums.paused_ms)} in all, ${formatDuration(sums.longest_ms)} at most`;
  const stopped =
    sums.stopped_ms === 0
      ? ""
      : ` It was stopped as asked for ${formatDuration(sums.stopped_ms)}, which does not count.`;
  const share = sums.availability_percent === null ? "" : `: ${percent(sums.availability_percent)} available`;
  return `${paused}, in the ${span} since ${localTime(since).slice(0, 16)}${share}.${stopped}`;
}

/** So many nines as there are, and never 100 for less than all. */
function percent(value: number): string {
  if (value >= 100) return "100 %";
  const digits = Math.min(6, Math.max(2, Math.ceil(-Math.log10(Math.max(1e-6, 100 - value))) + 1));
  return `${(Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits)} %`;
}
