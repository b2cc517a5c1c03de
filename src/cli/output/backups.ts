/** Repositories, their backups, and the schedule, for people. */
import type { Backups, BackupStatus, RepositoryStatus } from "../../contract/backups.ts";
import type { Operation } from "../../contract/cluster.ts";
import { formatSize } from "../../contract/units.ts";
import { renderOperation } from "./operation.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

/** When it was begun is in its label, and the log that it needs in --json. */
const columns: readonly Column<BackupStatus>[] = [
  { heading: "BACKUP", cell: ({ label }) => label },
  { heading: "TYPE", cell: ({ kind }) => kind.slice(0, 4) },
  { heading: "SIZE", align: "right", cell: ({ size_bytes: bytes }) => formatSize(bytes) },
  { heading: "OWN", align: "right", cell: ({ own_bytes: bytes }) => formatSize(bytes) },
  { heading: "PROOF", cell: proofCell },
];

export function renderBackups(found: Backups, paint: Paint): string {
  const { cluster, exists, backups, repositories } = found;
  const other = backups.filter((backup) => !backup.is_current).length;
  return [
    ...(backups.length === 0 ? [`There is no backup of "${cluster}".`] : tablesOf(found, paint)),
    ...lockLines(backups),
    ...(exists ? [] : [`Cluster "${cluster}" does not exist any more; its backups stay until somebody deletes them.`]),
    ...(other === 0 ? [] : [`${other} of them ${other === 1 ? "is" : "are"} of an earlier cluster of this name.`]),
    ...problemLines(repositories, paint),
  ].join("\n");
}

/** One for each repository. */
function tablesOf({ backups, repositories }: Backups, paint: Paint): readonly string[] {
  const numbers = [...new Set(backups.map(({ repository }) => repository))].toSorted((a, b) => a - b);
  const isOfSeveral = repositories.length > 1 || numbers.length > 1;
  return numbers.flatMap((number) => [
    ...(isOfSeveral ? [`Repository ${number}:`] : []),
    renderTable(
      columns,
      backups.filter(({ repository }) => repository === number),
      paint,
    ),
  ]);
}

function lockLines(backups: readonly BackupStatus[]): readonly string[] {
  return backups.flatMap(({ label, locked_until: until }) =>
    until === null ? [] : [`${label} is locked until ${until.slice(0, 10)}.`],
  );
}

function proofCell({ proof, has_bad_pages: isBad }: BackupStatus) {
  if (isBad) return { text: "bad pages", tone: "bad" } as const;
  if (proof === null) return "-";
  const text = `${proof.is_good ? proof.how : "damaged"} ${proof.at.slice(0, 10)}`;
  return { text, tone: proof.is_good ? ("good" as const) : ("bad" as const) };
}

/** A block of lines: where it is may be long. */
function repositoryLines(repository: RepositoryStatus, paint: Paint): readonly string[] {
  const { number, to, backups, newest_backup_at: newest, archived_until: until } = repository;
  return [
    `Repository ${number}: ${to}`,
    `  state      ${stateOf(repository, paint)}, ${encryptionWords(repository)}`,
    `  backups    ${backups}${newest === null ? "" : `, the newest of ${minute(newest)}`}`,
    ...(until === null ? [] : [`  log until  ${until.slice(0, 19).replace("T", " ")}Z`]),
  ];
}

function encryptionWords({ encrypted, escrow }: RepositoryStatus): string {
  if (!encrypted) return "not encrypted";
  return escrow ? "encrypted, its key is kept here" : "encrypted";
}

function stateOf({ problem, is_overdue: isOverdue }: RepositoryStatus, paint: Paint): string {
  if (problem !== null) return paint("bad", "cannot be used");
  return isOverdue ? paint("warn", "overdue") : paint("good", "ok");
}

export function renderRepositories(found: Backups, paint: Paint): string {
  const { repositories, policy, push_problem: problem, program } = found;
  return [
    ...repositories.flatMap((repository) => repositoryLines(repository, paint)),
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
