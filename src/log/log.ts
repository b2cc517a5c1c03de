/**
 * The agent's log: JSON lines, a constant message and snake_case fields, in a file that is rotated by size. Called by
 * the processes' entry points, which hand the logger on. What a user should know is an event (events/), not a line here.
 */
import { existsSync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { destination, type Level, pino, stdTimeFunctions } from "pino";
import { redact, redactDeep } from "./redact.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  /** it happened, with doubt */
  warn(message: string, fields?: Fields): void;
  /** it did not happen; `fields.error` may be the error itself */
  error(message: string, fields?: Fields): void;
  /** The same log with these fields in every line. */
  with(fields: Fields): Log;
}

export interface LogFileOptions {
  readonly path: string;
  readonly level?: Level;
  readonly bytesMax?: number;
  /** how many old files are kept beside it: path.1 is the newest */
  readonly kept?: number;
}

export interface LogFile {
  readonly log: Log;
  /** The log may be used no more. */
  readonly close: () => void;
}

const unwrittenMax = 1_000_000;

/** The file has mode 0600. A line is in the file when the call returns, so that the last words of a crash are kept. */
export function openLogFile({ path, level = "info", bytesMax = 10_000_000, kept = 2 }: LogFileOptions): LogFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let file = openFile(path);
  let bytes = statSync(path).size;
  const write = (line: string): void => {
    if (bytes > 0 && bytes + line.length > bytesMax) {
      file = rotated(file, path, kept);
      bytes = 0;
    }
    bytes += line.length;
    file.write(line);
  };
  return { log: logTo({ write }, level), close: () => file.end() };
}

type LogDestination = ReturnType<typeof destination>;

/** On a full disk lines are kept for a while and then dropped: whoever writes the log must go on, now above all. */
function openFile(path: string): LogDestination {
  const file = destination({ fd: openSync(path, "a", 0o600), sync: true, maxLength: unwrittenMax });
  file.on("error", () => undefined);
  return file;
}

/** @returns the old file when there cannot be a new one */
function rotated(old: LogDestination, path: string, kept: number): LogDestination {
  try {
    rotate(path, kept);
    const file = openFile(path);
    old.end();
    return file;
  } catch {
    return old;
  }
}

/** A log into anything that takes lines: standard error, a test's list. */
export function logTo(output: { write(line: string): void }, level: Level = "info"): Log {
  return toLog(
    pino(
      { level, base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      output,
    ),
  );
}

/** For parts that are used without an agent, and for tests. */
export const noLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => noLog,
};

function toLog(logger: pino.Logger): Log {
  return {
    debug: (message, fields) => logger.debug(toSafe(fields), message),
    info: (message, fields) => logger.info(toSafe(fields), message),
    warn: (message, fields) => logger.warn(toSafe(fields), message),
    error: (message, fields) => logger.error(toSafe(fields), message),
    with: (fields) => toLog(logger.child(toSafe(fields))),
  };
}

function toSafe(fields: Fields = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, redactField(name, value)]));
}

function redactField(name: string, value: unknown): unknown {
  if (value instanceof Error) return errorFields(value, 0);
  if (typeof value === "bigint") return String(value);
  return Object.values(Object(redactDeep({ [name]: value })))[0];
}

/** Errors have no own enumerable message; causes are told too, to a bounded depth. */
function errorFields(error: Error, depth: number): Record<string, unknown> {
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const detail = "detail" in error && typeof error.detail === "string" ? { detail: redact(error.detail) } : {};
  const cause = error.cause instanceof Error && depth < 3 ? { cause: errorFields(error.cause, depth + 1) } : {};
  return { ...code, message: redact(error.message), ...detail, stack: redact(error.stack ?? ""), ...cause };
}

function rotate(path: string, kept: number): void {
  for (let n = kept; n >= 1; n--) {
    const from = n === 1 ? path : `${path}.${n - 1}`;
    if (existsSync(from)) renameSync(from, `${path}.${n}`);
  }
}
