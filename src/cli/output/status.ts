/** The picture of one cluster, and the list of all. */
import { formatMoment } from "../../contract/moment.ts";
import { formatDuration, formatSize } from "../../contract/units.ts";
import type { ClusterStatus, MemberStatus } from "../../contract/cluster.ts";
import { archiveWords } from "./archive.ts";
import { asleepLines } from "./autostop.ts";
import { renderAttachments } from "./attachments.ts";
import type { Paint } from "./paint.ts";
import { proofWords } from "./proofs.ts";
import { renderTable, type Cell, type Column } from "./table.ts";
import { clusterStateCell, lagCell, memberStateCell, ruleWords, storeWords } from "./words.ts";

export function renderStatus(status: ClusterStatus, paint: Paint, now: number = Date.now(), terminal?: number): string {
  const state = clusterStateCell(status.state);
  const head = [`${paint("strong", status.name)} is ${paint(state.tone ?? "plain", state.text)}`];
  if (status.detail !== "") head.push(status.detail);
  const store = storeWords(status.store);
  if (store !== undefined) head.push(paint("warn", store));
  if (status.paused_until !== null) {
    const left = Math.max(0, Date.parse(status.paused_until) - now);
    head.push(`Automation is paused for another ${formatDuration(left)}.`);
  }
  head.push(...asleepLines(status, now));
  return [
    ...head,
    "",
    ...facts(status, paint, now),
    "",
    renderMembers(status.members, paint, { terminal }),
    ...attached(status, paint),
  ].join("\n");
}

function facts(status: ClusterStatus, paint: Paint, now: number): readonly string[] {
  const { primary, read, pooled } = status.endpoints;
  const asleep = status.state === "asleep";
  const leads = asleep ? "wakes it" : status.primary === null ? "no primary now" : `leads to ${status.primary}`;
  const line = (name: string, text: string) => `${paint("dim", name.padEnd(10))}${text}`;
  return [
    line("primary", `${primary.host}:${primary.port}  ${leads}`),
    line("read", `${read.host}:${read.port}`),
    ...(pooled ? [line("pooled", `${pooled.host}:${pooled.port}`)] : []),
    line("postgres", postgresWords(status)),
    line("commit", ruleWords(status)),
    ...sizeLines(status.members).map((text, at) => line(at === 0 ? "size" : "", text)),
    ...archiveWords(status, paint, now).map((text, at) => line(at === 0 ? "archive" : "", text)),
    ...proofWords(status, paint, now).map((text, at) => line(at === 0 ? "proof" : "", text)),
    ...(status.autostop_ms === null
      ? []
      : [line("autostop", `asleep after ${formatDuration(status.autostop_ms)} without a client`)]),
    ...copyLines(status).map((text) => line("copy", text)),
    line("epoch", `${status.epoch}${status.timeline === null ? "" : `, timeline ${status.timeline}`}`),
  ];
}

function copyLines({ copy_of: copy }: ClusterStatus): readonly string[] {
  if (copy === null) return [];
  const end =
    copy.destroyed_at === null ? "" : `; destroyed by itself at ${formatMoment(Date.parse(copy.destroyed_at))}`;
  return [`of ${copy.cluster} as of ${formatMoment(Date.parse(copy.at))}${end}`];
}

/** What each member has, and plainly when it is not enforced although it was asked for. */
function sizeLines(members: readonly MemberStatus[]): readonly string[] {
  const [size] = members.flatMap(({ resources }) => resources ?? []);
  if (size === undefined) return [];
  const notes = members.flatMap(({ id, resources }) => (resources?.note ? [{ id, note: resources.note }] : []));
  const limited = members.every(
    ({ resources }) => resources?.memory_limited === true || resources?.cpus_limited === true,
  );
  const how = notes.length > 0 ? "not enforced everywhere" : limited ? "enforced" : "for tuning, not enforced";
  const each = `${formatSize(size.memory_bytes)} and ${size.cpus} ${size.cpus === 1 ? "cpu" : "cpus"} for each member, ${how}`;
  return [each, ...[...new Set(notes.map(({ note }) => note))].map((note) => `${who(notes, note)}: ${note}`)];
}

function who(notes: readonly { readonly id: string; readonly note: string }[], said: string): string {
  return notes.flatMap(({ id, note }) => (note === said ? [id] : [])).join(", ");
}

function postgresWords({
  name,
  version,
  newer_version: newer,
  engine,
  engine_directory: own,
  members,
}: ClusterStatus): string {
  const running = [...new Set(members.flatMap((member) => member.version ?? []))];
  const which = running.length > 1 ? running.join(" and ") : version;
  const hint = newer === null ? "" : `; ${newer} is there: matriarch upgrade ${name}`;
  return `${which} (${own ?? engine})${hint}`;
}

function attached({ attachments }: ClusterStatus, paint: Paint): readonly string[] {
  return attachments.length === 0 ? [] : ["", renderAttachments(attachments, paint)];
}

/** Of `member list` alone: the status has its own line for them. */
const sizeColumns: readonly Column<MemberStatus>[] = [
  { heading: "MEMORY", align: "right", cell: ({ resources: r }) => amountOf(r?.memory_bytes ?? null) },
  {
    heading: "USED",
    align: "right",
    cell: ({ resources: r }) => amountOf(r?.memory_used_bytes ?? null),
  },
  { heading: "CPUS", align: "right", cell: ({ resources: r }) => String(r?.cpus ?? "-") },
  { heading: "LIMITED", cell: ({ resources: r }) => limitedCell(r) },
];

function amountOf(bytes: number | null): string {
  return bytes === null ? "-" : formatSize(bytes);
}

function limitedCell(resources: MemberStatus["resources"]): Cell {
  if (resources === null) return { text: "-" };
  if (resources.note !== null) return { text: "not yet", tone: "warn" };
  const { memory_limited: memory, cpus_limited: cpus } = resources;
  if (memory && cpus) return { text: "yes" };
  return { text: memory ? "memory" : cpus ? "cpus" : "no" };
}

/** The table, and below it why a limit that was asked for is not in force. */
export function renderMemberList(members: readonly MemberStatus[], paint: Paint, terminal?: number): string {
  const notes = members.flatMap(({ id, resources }) =>
    resources?.note ? [`${id} is not limited: ${resources.note}`] : [],
  );
  const table = renderMembers(members, paint, { more: sizeColumns, terminal });
  return notes.length === 0 ? table : [table, "", ...notes].join("\n");
}

const memberColumns: readonly Column<MemberStatus>[] = [
  { heading: "MEMBER", cell: (member) => member.id },
  { heading: "ROLE", cell: roleCell },
  { heading: "STATE", cell: (member) => memberStateCell(member.state) },
  { heading: "TIMELINE", align: "right", isSpare: true, cell: (member) => String(member.timeline ?? "-") },
  { heading: "FLUSHED", isSpare: true, cell: (member) => member.flushed_lsn ?? "-" },
  { heading: "LAG", align: "right", cell: (member) => (member.role === "primary" ? "-" : lagCell(member.lag_bytes)) },
  { heading: "VOTER", cell: (member) => (member.is_voter ? "yes" : "-") },
  { heading: "PORT", align: "right", isSpare: true, cell: (member) => String(member.port) },
  { heading: "PID", align: "right", isSpare: true, cell: (member) => String(member.pid ?? "-") },
];

/** Only where there are several: one host, one region say nothing. */
const placeColumns: readonly (Column<MemberStatus> & { readonly of: (member: MemberStatus) => string })[] = [
  { heading: "HOST", of: (member) => member.host, cell: (member) => member.host },
  { heading: "ZONE", of: (member) => member.zone, cell: (member) => member.zone },
  { heading: "REGION", of: (member) => member.region, cell: (member) => member.region },
];

/** Only while an upgrade is under way, or has stopped half-way. */
const versionColumn: Column<MemberStatus> = { heading: "POSTGRES", cell: (member) => member.version ?? "-" };

function roleCell({ role, is_read_replica: isReplica }: MemberStatus): Cell {
  if (role === "primary") return { text: role, tone: "strong" };
  return { text: isReplica ? "read replica" : role };
}

export function renderMembers(
  members: readonly MemberStatus[],
  paint: Paint,
  {
    more = [],
    terminal,
  }: { readonly more?: readonly Column<MemberStatus>[]; readonly terminal?: number | undefined } = {},
): string {
  const [first, ...others] = memberColumns;
  const places = placeColumns.filter(({ of }) => new Set(members.map(of)).size > 1);
  const versions = new Set(members.flatMap(({ version }) => version ?? [])).size > 1 ? [versionColumn] : [];
  return renderTable(first ? [first, ...places, ...others, ...more, ...versions] : places, members, paint, terminal);
}

const clusterColumns: readonly Column<ClusterStatus>[] = [
  { heading: "CLUSTER", cell: (status) => status.name },
  { heading: "STATE", cell: (status) => clusterStateCell(status.state) },
  { heading: "PRIMARY", cell: (status) => status.primary ?? "-" },
  { heading: "MEMBERS", align: "right", cell: (status) => String(status.members.length) },
  { heading: "POSTGRES", cell: (status) => status.version },
  { heading: "DURABILITY", cell: (status) => status.durability },
  { heading: "ENDPOINT", cell: ({ endpoints: { primary } }) => `${primary.host}:${primary.port}` },
];

export function renderList(clusters: readonly ClusterStatus[], paint: Paint): string {
  if (clusters.length === 0) return "No clusters yet. Make one: matriarch create shop";
  const away = clusters.map(({ store }) => storeWords(store)).find((words) => words !== undefined);
  const table = renderTable(clusterColumns, clusters, paint);
  return away === undefined ? table : `${paint("warn", away)}\n\n${table}`;
}

/** One line for a watcher without a terminal. */
export function renderStatusLine(status: ClusterStatus, now: Date = new Date()): string {
  const members = status.members.map((member) => `${member.id}=${member.role}/${member.state}`).join(" ");
  const detail = status.detail === "" ? "" : `  ${status.detail}`;
  return `${now.toISOString()}  ${status.name} ${status.state}  epoch ${status.epoch}  ${members}${detail}`;
}
