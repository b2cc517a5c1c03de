/**
 * Values of settings as people write them, brought into the form that Postgres takes, and values of servers as people
 * read them. Pure. What is no value at all is left as it is: the engine says why, in its words.
 */
import type { ServerSetting } from "./trial.ts";

export type SettingKind = Pick<ServerSetting, "vartype" | "unit" | "enumvals">;

const sizeUnits: Readonly<Record<string, string>> = {
  b: "B",
  k: "kB",
  kb: "kB",
  kib: "kB",
  m: "MB",
  mb: "MB",
  mib: "MB",
  g: "GB",
  gb: "GB",
  gib: "GB",
  t: "TB",
  tb: "TB",
  tib: "TB",
};
const timeUnits: Readonly<Record<string, string>> = {
  us: "us",
  ms: "ms",
  s: "s",
  sec: "s",
  second: "s",
  seconds: "s",
  m: "min",
  min: "min",
  minute: "min",
  minutes: "min",
  h: "h",
  hour: "h",
  hours: "h",
  d: "d",
  day: "d",
  days: "d",
};
const switches: Readonly<Record<string, string>> = {
  on: "on",
  true: "on",
  yes: "on",
  1: "on",
  off: "off",
  false: "off",
  no: "off",
  0: "off",
};

/** `256mb` and `1 GB` of a size, `30 seconds` of a time, `Yes` of a switch, `Replica` of a list of words. */
export function normalizeValue(setting: SettingKind, text: string): string {
  const value = text.trim();
  switch (setting.vartype) {
    case "bool":
      return switches[value.toLowerCase()] ?? value;
    case "enum":
      return setting.enumvals?.find((word) => word.toLowerCase() === value.toLowerCase()) ?? value;
    case "integer":
    case "real":
      return withUnit(setting.unit, value);
    default:
      return text;
  }
}

function withUnit(base: string | null, value: string): string {
  const [, amount, unit] = /^([-+]?[\d.]+)\s*([a-zA-Z]+)$/.exec(value) ?? [];
  if (amount === undefined || unit === undefined || base === null) return value;
  const units = isSize(base) ? sizeUnits : timeUnits;
  const known = units[unit.toLowerCase()];
  return known === undefined ? value : `${amount}${known}`;
}

export function isSize(unit: string): boolean {
  return unit.endsWith("B");
}

const bytesOf: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const msOf: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A size in bytes, a time in milliseconds, any other number as it is; NaN of what is no number. */
export function magnitude({ setting, unit }: Pick<ServerSetting, "setting" | "unit">): number {
  const [, count = "", name = ""] = /^(\d*)([a-zA-Z]+)$/.exec(unit ?? "") ?? [];
  const factor = unit === null ? 1 : (bytesOf[name] ?? msOf[name] ?? 1) * (count === "" ? 1 : Number(count));
  return Number(setting) * factor;
}

/** In the largest unit that loses nothing: `256 MB`, `30 s`; -1 and 0 keep what they mean, and get no unit. */
export function formatValue(setting: Pick<ServerSetting, "setting" | "unit" | "vartype">): string {
  const { unit, vartype } = setting;
  if (vartype !== "integer" && vartype !== "real") return setting.setting;
  const amount = magnitude(setting);
  if (unit === null || !(amount > 0)) return setting.setting;
  const steps = Object.entries(isSize(unit) ? bytesOf : msOf).toReversed();
  const [name, factor] = steps.find(([, step]) => amount >= step && Number.isInteger(amount / step)) ?? [];
  return name === undefined || factor === undefined ? `${setting.setting} ${unit}` : `${amount / factor} ${name}`;
}

/** The same of a value as it stands in a file: `30s`, `on`, `4096`. */
export function formatText(setting: ServerSetting, text: string): string {
  const value = normalizeValue(setting, text);
  if (/^-?\d+$/.test(value)) return formatValue({ ...setting, setting: value });
  return value.replace(/^(\d+)([a-zA-Z]+)$/, "$1 $2");
}
