/**
 * A moment of the past as people write it: `10 minutes ago`, `2026-11-21 10:30+01:00`, `2026-11-21 10:30 Europe/Berlin`.
 * What could be meant in two ways, or never was, is refused with what to write instead. Pure.
 */
import { OpError } from "../errors/op-error.ts";
import { parseDuration } from "./units.ts";

export interface Moment {
  /** rounded down */
  readonly ms: number;
  /** in UTC, to the microsecond, as Postgres and people read it */
  readonly text: string;
}

const example = "Write it like '2026-11-21 10:30+00', '2026-11-21 10:30 Europe/Berlin' or '10 minutes ago'.";

/** @throws OpError bad-value */
export function parseMoment(text: string, now: number): Moment {
  const wanted = text.trim();
  const moment = parseAgo(wanted, now) ?? parseAbsolute(wanted);
  if (moment.ms <= now) return moment;
  throw refusal(`${formatMoment(moment.ms)} lies in the future`, `It is ${formatMoment(now)} now.`);
}

const agoText = /^(.+?)\s*\bago$/i;
const agoParts = /^(?:\d+(?:\.\d+)?\s*[a-z]+(?:\s*,?\s*(?:and\s+)?))+$/i;
const agoPart = /(\d+(?:\.\d+)?)\s*([a-z]+)/gi;
const units: readonly (readonly [RegExp, string])[] = [
  [/^(ms|milliseconds?)$/, "ms"],
  [/^(s|secs?|seconds?)$/, "s"],
  [/^(m|mins?|minutes?)$/, "m"],
  [/^(h|hrs?|hours?)$/, "h"],
  [/^(d|days?)$/, "d"],
];

function parseAgo(text: string, now: number): Moment | undefined {
  const before = agoText.exec(text)?.[1];
  if (before === undefined) return undefined;
  const parts = agoParts.test(before) ? [...before.replaceAll(/\band\b/gi, " ").matchAll(agoPart)] : [];
  const short = parts.map(([, amount, word = ""]) => {
    const unit = units.find(([pattern]) => pattern.test(word.toLowerCase()))?.[1];
    return unit === undefined ? "?" : `${amount}${unit}`;
  });
  const ms = parseDuration(short.join(""));
  if (ms === undefined) throw refusal(`"${text}" is no time`, example);
  return momentAt(Math.floor(now - ms), 0);
}

const absoluteText = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s*(.*)$/i;

function parseAbsolute(text: string): Moment {
  const found = absoluteText.exec(text);
  if (!found) {
    if (/^\d{4}-\d\d-\d\d$/.test(text)) throw refusal(`"${text}" is a day, and no moment of it`, example);
    throw refusal(`"${text}" is no time`, example);
  }
  const [, year, month, day, hour, minute, second = "00", fraction = "", zone = ""] = found;
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const local = Date.parse(`${wall}Z`);
  // What there is no such day of is taken for the next by some; Date gives another text back then.
  if (Number.isNaN(local) || new Date(local).toISOString().slice(0, 19) !== wall)
    throw refusal(`"${text}" never was`, "There is no such day, or no such time of a day.");
  const micros = Number(fraction.padEnd(6, "0"));
  return momentAt(local - offsetOf(text, zone, local), micros);
}

function momentAt(ms: number, micros: number): Moment {
  const whole = ms + Math.floor(micros / 1000);
  const fraction = micros === 0 ? new Date(ms).toISOString().slice(19, 23) : `.${String(micros).padStart(6, "0")}`;
  return { ms: whole, text: `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}${fraction}+00` };
}

const offsetText = /^([+-])(\d\d)(?::?(\d\d))?$/;

/** Milliseconds that the zone is ahead of UTC at this wall time. */
function offsetOf(text: string, zone: string, local: number): number {
  if (/^(z|utc|gmt)$/i.test(zone)) return 0;
  if (zone === "")
    throw refusal(
      `"${text}" names no time zone`,
      "The server's, yours and UTC may differ, and an hour here is an hour of changes.",
      `Say it: '${text}+00' for UTC, or '${text} Europe/Berlin'.`,
    );
  const [, sign, hours, minutes = "00"] = offsetText.exec(zone) ?? [];
  if (hours !== undefined) {
    const offset = Number(hours) * 60 + Number(minutes);
    if (offset > 14 * 60 || Number(minutes) > 59) throw refusal(`"${zone}" is no offset from UTC`, example);
    return (sign === "-" ? -1 : 1) * offset * 60_000;
  }
  return offsetOfRegion(text, zone, local);
}

/** Where clocks go back an hour comes twice, and where they go forward one never comes. */
function offsetOfRegion(text: string, zone: string, local: number): number {
  const day = 86_400_000;
  const offsets = [...new Set([local - day, local + day].map((at) => zoneOffset(zone, at)))];
  const fitting = offsets.filter((offset) => zoneOffset(zone, local - offset) === offset);
  const [first, second] = fitting;
  if (first === undefined) throw refusal(`"${text}" never was`, `Clocks in ${zone} were put forward over it.`);
  if (second === undefined) return first;
  const choices = fitting.map((offset) => `'${formatMoment(local - offset)}'`);
  throw refusal(
    `"${text}" was twice`,
    `Clocks in ${zone} were put back over it.`,
    `Say which: ${choices.join(" or ")}.`,
  );
}

function zoneOffset(zone: string, at: number): number {
  try {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      dateStyle: "short",
      timeStyle: "medium",
      hourCycle: "h23",
    });
    const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const wall = `${part["year"]}-${part["month"]}-${part["day"]}T${part["hour"]}:${part["minute"]}:${part["second"]}Z`;
    return Date.parse(wall) - Math.floor(at / 1000) * 1000;
  } catch {
    throw refusal(`"${zone}" is no time zone`, example);
  }
}

/** To the second, in UTC: `2026-11-21 10:30:07Z`. */
export function formatMoment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

function refusal(message: string, detail: string, hint?: string): OpError {
  return new OpError("bad-value", { message, detail, ...(hint === undefined ? {} : { hint }) });
}
