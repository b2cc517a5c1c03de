/** A log's line as people read it: when, who, how bad, what; and what belongs to it on lines of its own. */
import type { LogLine } from "../../contract/logs.ts";
import { localTime } from "./events.ts";
import type { Paint, Tone } from "./paint.ts";

const tones: Readonly<Record<LogLine["level"], Tone>> = {
  debug: "dim",
  info: "plain",
  warning: "warn",
  error: "bad",
  fatal: "bad",
};

/** Of Postgres: what follows the message in its own log. */
const details = ["detail", "hint", "context", "query", "statement"] as const;
/** Told by the line itself, or by nobody wanted. */
const quiet = new Set(["cluster", "member", "host", "level", "time", "ts", "severity"]);

export function renderLog(line: LogLine, paint: Paint): string {
  const { at, host, process, member, level, message, fields } = line;
  const who = member ?? (host === null ? process : `${process}@${host}`);
  const state = fields["state_code"] ?? "00000";
  const code = state === "00000" ? "" : ` ${paint("dim", state)}`;
  const text = process === "postgres" ? message : `${message}${others(fields)}`;
  const first = `${paint("dim", localTime(at))}  ${who.padEnd(10)}  ${paint(tones[level], level.toUpperCase().padEnd(7))}${code} ${text}`;
  const more = process === "postgres" ? details.flatMap((name) => (fields[name] === undefined ? [] : [name])) : [];
  return [first, ...more.map((name) => `${" ".repeat(25)}${paint("dim", `${name.toUpperCase()}:`)} ${fields[name]}`)]
    .join("\n")
    .replaceAll(control, "?");
}

/** Nobody's log may move the cursor of a terminal. */
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]|\u001b(?!\[\d*m)/g;

function others(fields: LogLine["fields"]): string {
  return Object.entries(fields)
    .filter(([name]) => !quiet.has(name) && name !== "pid" && name !== "worker")
    .map(([name, value]) => `  ${name}=${/[\s"]/.test(value) ? JSON.stringify(value) : value}`)
    .join("");
}
