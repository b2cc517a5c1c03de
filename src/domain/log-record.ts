/** A line of any process's log, once it has been understood: what `logs` prints and drains send. Pure. */

/** By rising weight. Postgres' LOG and NOTICE are info; its PANIC is fatal. */
export const logLevels = ["debug", "info", "warning", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

export const logProcesses = [
  "postgres",
  "pgbouncer",
  "pgbackrest",
  "agent",
  "router",
  "guard",
  "relay",
  "etcd",
] as const;
export type LogProcess = (typeof logProcesses)[number];

export interface LogRecord {
  /** ISO 8601, UTC, with milliseconds: texts of this form order as their moments do */
  readonly at: string;
  readonly level: LogLevel;
  readonly process: LogProcess;
  readonly cluster: string | null;
  readonly member: string | null;
  readonly message: string;
  /** what else the line says, by the names of Postgres' jsonlog where it is Postgres that speaks */
  readonly fields: Readonly<Record<string, string>>;
}

export interface LogFilter {
  /** ISO 8601; from this moment on, up to before that one */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** of this weight or more */
  readonly level?: LogLevel | undefined;
  /** a text that the message or a field has, whatever its case */
  readonly grep?: string | undefined;
  readonly processes?: readonly LogProcess[] | undefined;
  readonly cluster?: string | undefined;
}

export function fitsLog(record: LogRecord, filter: LogFilter): boolean {
  const { since, until, level, grep, processes, cluster } = filter;
  if (since !== undefined && record.at < since) return false;
  if (until !== undefined && record.at >= until) return false;
  if (level !== undefined && weightOf(record.level) < weightOf(level)) return false;
  if (processes !== undefined && !processes.includes(record.process)) return false;
  if (cluster !== undefined && record.cluster !== cluster) return false;
  return grep === undefined || hasText(record, grep.toLowerCase());
}

export function compareLogs(a: LogRecord, b: LogRecord): number {
  return a.at < b.at ? -1 : a.at > b.at ? 1 : 0;
}

function weightOf(level: LogLevel): number {
  return logLevels.indexOf(level);
}

function hasText({ message, fields }: LogRecord, text: string): boolean {
  return (
    message.toLowerCase().includes(text) || Object.values(fields).some((value) => value.toLowerCase().includes(text))
  );
}
