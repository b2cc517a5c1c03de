/** Drains as a table. */
import type { DrainStatus } from "../../contract/drains.ts";
import type { Paint } from "./paint.ts";
import { renderTable } from "./table.ts";

export function renderDrains(drains: readonly DrainStatus[], paint: Paint): string {
  if (drains.length === 0) return "No drains. Add one with: matriarch drain add";
  return renderTable<DrainStatus>(
    [
      { heading: "ID", cell: ({ id }) => id },
      { heading: "OF", cell: ({ cluster }) => cluster ?? "all" },
      { heading: "TO", cell: ({ to }) => to },
      { heading: "LEVEL", cell: ({ level }) => level },
      { heading: "SENT", align: "right", cell: ({ sent }) => String(sent) },
      { heading: "DROPPED", align: "right", cell: dropped },
      { heading: "STATE", cell: stateOf },
    ],
    drains,
    paint,
  );
}

function dropped({ rejected, dropped_bytes: bytes }: DrainStatus) {
  if (rejected + bytes === 0) return "0";
  return { text: `${rejected} lines, ${Math.ceil(bytes / 1024)} kB`, tone: "bad" } as const;
}

function stateOf({ reason }: DrainStatus) {
  return reason === null
    ? ({ text: "works", tone: "good" } as const)
    : ({ text: `fails: ${reason}`, tone: "bad" } as const);
}
