/** Snapshots as a table, one in words, and how they are taken and kept. */
import type { Snapshots, SnapshotStatus } from "../../contract/storage.ts";
import { formatSize } from "../../contract/units.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

/** When it was taken is in its name. */
const columnsWith = (whence: Column<SnapshotStatus>): readonly Column<SnapshotStatus>[] => [
  { heading: "SNAPSHOT", cell: ({ id }) => id },
  whence,
  { heading: "BY", cell: ({ by, why }) => (why === "asked" ? by : why) },
  { heading: "SIZE", align: "right", cell: ({ size_bytes }) => formatSize(size_bytes) },
  { heading: "OWN", align: "right", cell: ({ own_bytes }) => (own_bytes === null ? "?" : formatSize(own_bytes)) },
  { heading: "KEPT UNTIL", cell: ({ kept_until }) => kept_until.slice(0, 10) },
];
const memberColumn: Column<SnapshotStatus> = { heading: "OF", cell: ({ member }) => member };
/** Where they are on several: it lies there, and is restored there. */
const hostColumn: Column<SnapshotStatus> = { heading: "HOST", cell: ({ host }) => host };

export function renderSnapshots(cluster: string, { snapshots, policy, missing }: Snapshots, paint: Paint): string {
  const isOnSeveral = new Set(snapshots.map(({ host }) => host)).size > 1;
  const shown = columnsWith(isOnSeveral ? hostColumn : memberColumn);
  const table = snapshots.length === 0 ? `There is no snapshot of "${cluster}".` : renderTable(shown, snapshots, paint);
  return [
    table,
    ...earlierLines(cluster, snapshots, policy === null),
    ...(policy ? [policyWords(policy)] : []),
    ...missing.map(({ host, reason }) => paint("warn", `Those of host "${host}" are not known: ${reason}.`)),
  ].join("\n");
}

function earlierLines(cluster: string, snapshots: readonly SnapshotStatus[], isGone: boolean): readonly string[] {
  const earlier = snapshots.filter((snapshot) => !snapshot.is_current).length;
  if (earlier === 0) return [];
  if (isGone) return [`Cluster "${cluster}" does not exist any more; its snapshots are kept for their time.`];
  return [`${earlier} of them ${earlier === 1 ? "is" : "are"} of an earlier cluster of this name.`];
}

export function policyWords({ daily, kept_days: days, next_at: next }: NonNullable<Snapshots["policy"]>): string {
  const kept = `kept for ${days === 1 ? "one day" : `${days} days`}`;
  if (!daily) return `None is taken by itself; they are ${kept}.`;
  return `One is taken every day${next === null ? "" : `, the next at ${minute(next)}`}; they are ${kept}.`;
}

export function snapshotWords({ id, member, taken_at: at, own_bytes: own }: SnapshotStatus): string {
  const freed = own === null ? "" : `; that gives ${formatSize(own)} back`;
  return `${id} of "${member}", taken at ${minute(at)}${freed}.`;
}

/** To the minute, in UTC, as everything here. */
function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")}Z`;
}
