/** Repositories, their backups, and the schedule, for people. */
import type { Backups, BackupStatus, RepositoryStatus } from "../../contract/backups.ts";
import type { Operation } from "../../contract/cluster.ts";
import { formatSize } from "../../contract/units.ts";
import { renderOperation } from "./operation.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

const columns: readonly Column<BackupStatus>[] = [
  { heading: "BACKUP", cell: ({ label }) => label },
  { heading: "REPO", align: "right", cell: ({ repository }) => String(repository) },
  { heading: "TYPE", cell: ({ kind }) => kind },
  { heading: "TAKEN", cell: ({ ended_at: at }) => minute(at) },
  { heading: "SIZE", align: "right", cell: ({ size_bytes: bytes }) => formatSize(bytes) },
  { heading: "STORED", align: "right", cell: ({ own_bytes: bytes }) => formatSize(bytes) },
  { heading: "LOCKED", cell: ({ locked_until: until }) => (until === null ? "-" : until.slice(0, 10)) },
  { heading: "PROOF", cell: proofCell },
  { heading: "WAL", cell: ({ wal: { from, to } }) => (from === to ? from : `${from} to ${to.slice(-8)}`) },
];

export function renderBackups({ cluster, exists, backups, repositories }: Backups, paint: Paint): string {
  const other = backups.filter((backup) => !backup.is_current).length;
  return [
    backups.length === 0 ? `There is no backup of "${cluster}".` : renderTable(columns, backups, paint),
    ...(exists ? [] : [`Cluster "${cluster}" does not exist any more; its backups stay until somebody deletes them.`]),
    ...(other === 0 ? [] : [`${other} of them ${other === 1 ? "is" : "are"} of an earlier cluster of this name.`]),
    ...problemLines(repositories, paint),
  ].join("\n");
}

function proofCell({ proof, has_bad_pages: isBad }: BackupStatus) {
  if (isBad) return { text: "bad pages", tone: "bad" } as const;
  if (proof === null) return "-";
  const text = `${proof.is_good ? proof.how : "damaged"} ${proof.at.slice(0, 10)}`;
  return { text, tone: proof.is_good ? ("good" as const) : ("bad" as const) };
}

const repositoryColumns: readonly Column<RepositoryStatus>[] = [
  { heading: "REPO", align: "right", cell: ({ number }) => String(number) },
  { heading: "WHERE", cell: ({ to }) => to },
  { heading: "ENCRYPTED", cell: ({ encrypted, escrow }) => (encrypted ? (escrow ? "yes, key kept" : "yes") : "no") },
  { heading: "STATE", cell: stateCell },
  { heading: "BACKUPS", align: "right", cell: ({ backups }) => String(backups) },
  { heading: "NEWEST BACKUP", cell: ({ newest_backup_at: at }) => (at === null ? "-" : minute(at)) },
  {
    heading: "LOG UNTIL",
    cell: ({ archived_until: at }) => (at === null ? "-" : `${at.slice(0, 19).replace("T", " ")}Z`),
  },
];

function stateCell({ problem, is_overdue: isOverdue }: RepositoryStatus) {
  if (problem !== null) return { text: "cannot be used", tone: "bad" } as const;
  return isOverdue ? ({ text: "overdue", tone: "warn" } as const) : ({ text: "ok", tone: "good" } as const);
}

export function renderRepositories(found: Backups, paint: Paint): string {
  const { repositories, policy, push_problem: problem, program } = found;
  return [
    renderTable(repositoryColumns, repositories, paint),
    ...problemLines(repositories, paint),
    ...(problem === null ? [] : [paint("warn", `The log was not taken at the last attempt: ${problem}`)]),
    scheduleWords(policy),
    ...(program === null ? [] : [`In pgBackRest's own format (stanza "${found.stanza}", pgBackRest ${program}).`]),
  ].join("\n");
}

function problemLines(repositories: readonly RepositoryStatus[], paint: Paint): readonly string[] {
  return repositories.flatMap(({ number, problem }) =>
    problem === null ? [] : [paint("bad", `Repository ${number} cannot be used: ${problem}.`)],
  );
}

export function scheduleWords(policy: Backups["policy"]): string {
  const {
    full_every_days: days,
    between_every_hours: hours,
    between,
    kept_days: kept,
    kept_fulls: fulls,
    next_at: next,
  } = policy;
  const every = hours % 24 === 0 ? (hours === 24 ? "every day" : `every ${hours / 24} days`) : `every ${hours} h`;
  return [
    `A full backup every ${days === 1 ? "day" : `${days} days`}, an ${between} one ${every}${next === null ? "" : `; the next turn is at ${minute(next)}`}.`.replace(
      "an differential",
      "a differential",
    ),
    `Any moment of the last ${kept === 1 ? "day" : `${kept} days`} can be restored; at least ${fulls} full ${fulls === 1 ? "backup is" : "backups are"} kept.`,
  ].join("\n");
}

export function renderEnabled(
  operation: Operation,
  { key, escrow }: { readonly key: string | null; readonly escrow: boolean },
  paint: Paint,
): string {
  const lines = [renderOperation(operation, paint)];
  if (key !== null)
    lines.push(
      "",
      `Key:  ${key}`,
      escrow
        ? "It can be shown again with matriarch backup key. Keep it elsewhere as well: without it nobody restores anything."
        : "It is shown this once. Keep it elsewhere: without it nobody restores anything.",
    );
  return lines.join("\n");
}

/** To the minute, in UTC, as everything here. */
function minute(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")}Z`;
}
