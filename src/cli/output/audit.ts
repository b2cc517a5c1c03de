/** The audit as a table: when, who as what, from where, what, and what became of it. */
import type { ClusterEvent } from "../../contract/cluster.ts";
import { localTime } from "./events.ts";
import type { Paint, Tone } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const tones: Readonly<Record<ClusterEvent["level"], Tone>> = { info: "good", warning: "warn", error: "bad" };

const columns: readonly Column<ClusterEvent>[] = [
  { heading: "WHEN", cell: ({ at }) => ({ text: localTime(at), tone: "dim" }) },
  { heading: "WHO", cell: ({ actor, details }) => `${actor} (${text(details["role"])})` },
  { heading: "FROM", cell: ({ details }) => `${text(details["from"]) || "this machine"}, ${text(details["via"])}` },
  {
    heading: "OUTCOME",
    cell: ({ level, details }) => ({ text: text(details["error"]) || "done", tone: tones[level] }),
  },
  { heading: "REQUEST", cell: ({ details }) => `${text(details["request"])} ${text(details["parameters"])}`.trim() },
];

export function renderAudit(events: readonly ClusterEvent[], paint: Paint): string {
  return events.length === 0 ? "Nothing was changed." : renderTable(columns, events, paint);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
