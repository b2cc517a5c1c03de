/** Volumes as a table, what keeps a size from being enforced, and how an extension went. */
import { formatSize } from "../../contract/units.ts";
import type { Extended, VolumeStatus, Volumes } from "../../contract/storage.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const columns: readonly Column<VolumeStatus>[] = [
  { heading: "MEMBER", cell: ({ member }) => member },
  { heading: "HOST", cell: ({ host }) => host },
  { heading: "SIZE", align: "right", cell: sizeCell },
  { heading: "USED", align: "right", cell: ({ used_bytes }) => formatSize(used_bytes) },
  { heading: "FREE", align: "right", cell: ({ free_bytes }) => formatSize(free_bytes) },
  { heading: "WAL", align: "right", cell: ({ wal_bytes }) => formatSize(wal_bytes) },
  { heading: "A DAY", align: "right", cell: ({ growth_bytes_per_day }) => growthWords(growth_bytes_per_day) },
  { heading: "ON", cell: ({ file_system }) => file_system },
];

function sizeCell({ size_bytes: size, not_enforced: reason }: VolumeStatus) {
  if (size === null) return "-";
  return reason === null ? formatSize(size) : { text: `${formatSize(size)}*`, tone: "warn" as const };
}

function growthWords(bytes: number | null): string {
  if (bytes === null) return "-";
  return bytes < 0 ? `-${formatSize(-bytes)}` : `+${formatSize(bytes)}`;
}

export function renderVolumes({ volumes, missing }: Volumes, paint: Paint): string {
  const absent = missing.map(({ host, reason }) => paint("warn", `Those of host "${host}" are not known: ${reason}.`));
  const table = volumes.length === 0 ? [] : [renderTable(columns, volumes, paint)];
  return [...table, ...notEnforcedLines(volumes), ...absent].join("\n") || "There is no volume yet.";
}

/** Each reason once, with whom it holds for. */
export function notEnforcedLines(volumes: readonly VolumeStatus[]): readonly string[] {
  const reasons = new Map<string, string[]>();
  for (const { member, not_enforced: reason } of volumes)
    if (reason !== null) reasons.set(reason, [...(reasons.get(reason) ?? []), member]);
  return [...reasons].map(([reason, members]) => `* The size is not enforced for ${members.join(", ")}: ${reason}.`);
}

export function renderExtended(
  cluster: string,
  { size_bytes: size, volumes, missing }: Extended,
  paint: Paint,
): string {
  const holds = volumes.some((volume) => volume.not_enforced === null) ? "have" : "are meant to have";
  const done = `The volumes of ${paint("strong", cluster)} ${holds} ${formatSize(size)} each now.`;
  const later = missing.map(({ host }) =>
    paint("warn", `Host "${host}" did not answer; it takes the size up when it is back.`),
  );
  return [done, ...notEnforcedLines(volumes), ...later].join("\n");
}
