/** What a cluster can be restored to: the times, and the moments that have names. */
import { formatMoment } from "../../contract/moment.ts";
import type { RestorePointStatus, RestoreWindows } from "../../contract/storage.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

type Window = RestoreWindows["windows"][number];

const windowColumns: readonly Column<Window>[] = [
  { heading: "FROM", cell: ({ from }) => second(from, 999) },
  { heading: "UNTIL", cell: ({ from, until }) => later(second(from, 999), second(until)) },
  { heading: "HOST", cell: ({ host }) => host },
  { heading: "OF", cell: ({ is_current: isCurrent }) => (isCurrent ? "this cluster" : "an earlier one") },
];

const pointColumns = (windows: readonly Window[]): readonly Column<RestorePointStatus>[] => [
  { heading: "POINT", cell: ({ name }) => name },
  { heading: "MADE", cell: ({ made_at: at }) => second(at) },
  { heading: "BY", cell: ({ by }) => by },
  { heading: "POSITION", cell: ({ lsn }) => lsn },
  { heading: "OF", cell: ({ is_current: isCurrent }) => (isCurrent ? "this cluster" : "an earlier one") },
  { heading: "FROM SNAPSHOTS", cell: (point) => (isWithin(windows, point) ? "yes" : { text: "no", tone: "warn" }) },
];

/** To the second: one in the second in which a snapshot ended can be tried. */
function isWithin(windows: readonly Window[], { made_at: at, is_current: isCurrent }: RestorePointStatus): boolean {
  return windows.some((window) => window.is_current === isCurrent && second(at) >= second(window.from));
}

export function renderWindows(cluster: string, { windows, points, missing }: RestoreWindows, paint: Paint): string {
  const nothing = `There is nothing to restore "${cluster}" from yet: matriarch snapshot create ${cluster}`;
  return [
    windows.length === 0 ? nothing : renderTable(windowColumns, windows, paint),
    ...(points.length === 0 ? [] : ["", renderTable(pointColumns(windows), points, paint)]),
    ...(points.every((point) => isWithin(windows, point))
      ? []
      : ["", `Where no snapshot is older, a repository may lead there: matriarch backup list ${cluster}`]),
    ...missing.map(({ host, reason }) => paint("warn", `What host "${host}" has is not known: ${reason}.`)),
  ].join("\n");
}

/** @param up added before it is cut: a beginning is told no earlier than it is */
function second(time: string, up = 0): string {
  return formatMoment(Date.parse(time) + up);
}

/** One that is a moment ends when it begins. */
function later(a: string, b: string): string {
  return a > b ? a : b;
}
