/**
 * Lines of the processes' logs, each in its own form, made into records: Postgres' jsonlog (15 and later) and its plain
 * text (14, and what a server says before its collector runs), JSON of our own processes and of etcd, PgBouncer's and
 * pgBackRest's text. What is in no form at all is a message as it stands. Secrets are masked here, before anything
 * leaves the host. Pure.
 *
 * Sources: Postgres manual, "Using JSON-Format Log Output" and log_line_prefix; pgbouncer's src/log; pgbackrest's log.c.
 */
import type { LogLevel, LogProcess, LogRecord } from "../../domain/log-record.ts";
import { redact } from "../../log/redact.ts";

export interface LogOrigin {
  readonly process: LogProcess;
  readonly cluster: string | null;
  readonly member: string | null;
}

/** Longer texts are cut: one statement must not fill an answer. */
const textMax = 8192;

/** @param since the moment of lines that say none */
export function understandLines(lines: readonly string[], origin: LogOrigin, since: string): LogRecord[] {
  const records: LogRecord[] = [];
  for (const line of lines) {
    if (line.trim() === "") continue;
    const last = records.at(-1);
    const continued = last && continueRecord(last, line);
    if (continued) records[records.length - 1] = continued;
    // Its beginning is not here, so nobody can tell whether it is a part of a password.
    else if (line.startsWith("\t") && origin.process === "postgres") continue;
    else records.push(understandLine(line, origin, last?.at ?? since));
  }
  return records;
}

function understandLine(line: string, origin: LogOrigin, since: string): LogRecord {
  const found = line.startsWith("{")
    ? fromJson(line, origin)
    : (fromPostgres(line) ?? fromPooler(line) ?? fromBackup(line));
  const { at = since, level = "info", message = line, fields = {}, cluster } = found ?? {};
  return {
    at,
    level,
    process: origin.process,
    cluster: origin.cluster ?? cluster ?? null,
    member: origin.member,
    message: safe(message),
    fields,
  };
}

type Found = Partial<Pick<LogRecord, "at" | "level" | "message" | "fields" | "cluster">>;

function fromJson(line: string, { process }: LogOrigin): Found | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const record: Readonly<Record<string, unknown>> = { ...value };
  const { timestamp, time, ts, error_severity: severity, level, message, msg, ...rest } = record;
  const cluster = typeof rest["cluster"] === "string" ? rest["cluster"] : undefined;
  return {
    ...moment(timestamp ?? time ?? ts),
    level: levelOf(severity ?? level),
    message: textOf(message ?? msg ?? ""),
    fields: fieldsOf(process === "postgres" && severity !== undefined ? { severity, ...rest } : rest),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

/** `2026-11-22 03:00:00.123 UTC [42] 00000 user@database/application LOG:  message`; older prefixes have no SQLSTATE. */
const postgresLine =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (\S+) \[(\d+)\] (?:([0-9A-Z]{5}) )?(?:(\S*?)@(\S*?)\/(.*?) )?(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION|BACKTRACE): {2}(.*)$/s;

const details = new Set(["DETAIL", "HINT", "STATEMENT", "CONTEXT", "QUERY", "LOCATION", "BACKTRACE"]);

function fromPostgres(line: string): Found | undefined {
  const [, time, zone, pid = "", state, user, database, application, severity = "", message = ""] =
    postgresLine.exec(line) ?? [];
  if (time === undefined) return undefined;
  const fields = { severity, pid, state_code: state, user, dbname: database, application_name: application };
  return { ...moment(`${time} ${zone}`), level: levelOf(severity), message, fields: fieldsOf(fields) };
}

/** The lines that belong to the message before them: of the same process a detail, or one that begins with a tab. */
function continueRecord(last: LogRecord, line: string): LogRecord | undefined {
  if (last.process !== "postgres" || last.fields["severity"] === undefined) return undefined;
  if (line.startsWith("\t")) {
    const [name, value = ""] = Object.entries(last.fields).findLast(([name]) => detailNames.has(name)) ?? [];
    if (name === undefined) return { ...last, message: safe(`${last.message}\n${line.slice(1)}`) };
    return { ...last, fields: { ...last.fields, [name]: safe(`${value}\n${line.slice(1)}`) } };
  }
  const [, , , pid, , , , , kind = "", text = ""] = postgresLine.exec(line) ?? [];
  if (!details.has(kind) || pid !== last.fields["pid"]) return undefined;
  return { ...last, fields: { ...last.fields, [kind.toLowerCase()]: safe(text) } };
}

const detailNames = new Set([...details].map((name) => name.toLowerCase()));

/** `2026-11-22 03:00:00.123 UTC [42] LOG C-0x55: shop/app@127.0.0.1:5 message` */
const poolerLine =
  /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (\S+) \[(\d+)\] (NOISE|DEBUG|LOG|WARNING|ERROR|FATAL) (.*)$/s;

function fromPooler(line: string): Found | undefined {
  const [, time, zone, pid = "", severity, message = ""] = poolerLine.exec(line) ?? [];
  return time === undefined
    ? undefined
    : { ...moment(`${time} ${zone}`), level: levelOf(severity), message, fields: { pid } };
}

/** `P00   INFO: backup begins`, with or without the moment before it, in the time of the machine */
const backupLine =
  /^(?:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) )?P(\d+) +(ASSERT|ERROR|WARN|INFO|DETAIL|DEBUG|TRACE): (.*)$/s;

function fromBackup(line: string): Found | undefined {
  const [, time, worker = "", severity, message = ""] = backupLine.exec(line) ?? [];
  return severity === undefined
    ? undefined
    : { ...moment(time), level: levelOf(severity), message, fields: { worker } };
}

const weights: Readonly<Record<string, LogLevel>> = {
  trace: "debug",
  noise: "debug",
  detail: "info",
  log: "info",
  notice: "info",
  warn: "warning",
  dpanic: "error",
  assert: "fatal",
  panic: "fatal",
};

function levelOf(word: unknown): LogLevel {
  const name = String(word).toLowerCase().replace(/\d$/, "");
  if (name === "debug" || name === "info" || name === "warning" || name === "error" || name === "fatal") return name;
  return weights[name] ?? "info";
}

/** Servers write UTC (log_timezone); another zone's name is taken as this machine's time by nobody, so it is as good as none. */
function moment(text: unknown): { readonly at?: string } {
  if (typeof text !== "string") return {};
  const ms = Date.parse(
    text
      .replace(" UTC", "Z")
      .replace(" GMT", "Z")
      .replace(/^(\S+) (\d\d:)/, "$1T$2"),
  );
  return Number.isNaN(ms) ? {} : { at: new Date(ms).toISOString() };
}

function fieldsOf(values: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined || value === null || value === "" ? [] : [[name, safe(textOf(value))] as const],
    ),
  );
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const mayBeSecret = /password|passwd|secret|token|SCRAM-SHA|md5|PRIVATE KEY|:\/\//i;
/** Whatever way the password is written in (E'', U&'', $$…$$, over lines, cut off): all that follows the word goes. */
const setsPassword = /\b(?:create|alter)\s+(?:role|user|group|subscription|server)\b[\s\S]*?\bpassword\b/i;

function safe(text: string): string {
  const cut = text.length > textMax ? `${text.slice(0, textMax)} … (${text.length} characters)` : text;
  if (!mayBeSecret.test(cut)) return cut;
  const found = setsPassword.exec(cut);
  return redact(found ? `${cut.slice(0, found.index + found[0].length)} ***` : cut);
}
