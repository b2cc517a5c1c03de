/** Settings as tables and in full, and what a change of them would do. */
import type { Setting, SettingChange, SettingsPlan, SettingsReport } from "../../contract/settings.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

export interface Choice {
  readonly names: readonly string[];
  readonly all: boolean | undefined;
  readonly changed: boolean | undefined;
  readonly source: Exclude<Setting["source"], "other"> | undefined;
}

const shownFirst: ReadonlySet<Setting["source"]> = new Set(["user", "computed", "extensions"]);

/** @throws OpError bad-name for a name that no setting has */
export function chooseSettings(settings: readonly Setting[], choice: Choice): Setting[] {
  const { names, all, changed, source } = choice;
  const named = names.length === 0 ? settings : namedIn(settings, names);
  return named.filter((setting) => {
    if (source !== undefined) return setting.source === source;
    if (changed === true) return setting.source === "user" || setting.pending !== null;
    if (all === true || names.length > 0) return true;
    return shownFirst.has(setting.source) || setting.pending !== null;
  });
}

function namedIn(settings: readonly Setting[], names: readonly string[]): readonly Setting[] {
  const patterns = names.map((name) => ({ name, pattern: patternOf(name) }));
  const missing = patterns.filter(({ pattern }) => !settings.some((setting) => pattern.test(setting.name)));
  if (missing.length > 0)
    throw new OpError("bad-name", {
      message: `there is no setting ${missing.map(({ name }) => `"${name}"`).join(", ")}`,
      hint: "See all with: matriarch config show <cluster> --all",
    });
  return settings.filter((setting) => patterns.some(({ pattern }) => pattern.test(setting.name)));
}

function patternOf(name: string): RegExp {
  const escaped = name.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`, "i");
}

const columns: readonly Column<Setting>[] = [
  { heading: "SETTING", cell: ({ name }) => name },
  { heading: "VALUE", cell: ({ value }) => short(value) },
  { heading: "SOURCE", cell: ({ source }) => ({ text: source, tone: source === "user" ? "good" : "plain" }) },
  { heading: "", cell: (setting) => noteOn(setting) },
];

const valueMax = 40;

function short(value: string): string {
  if (value === "") return "''";
  return value.length > valueMax ? `${value.slice(0, valueMax - 1)}…` : value;
}

function noteOn({ pending, differs, why }: Setting): string {
  const parts = [
    ...(pending ? [`${pending.value} with a restart of ${pending.members.join(", ")}`] : []),
    ...differs.map(({ member, value }) => `${short(value)} on ${member}`),
  ];
  return parts.length > 0 ? parts.join("; ") : (why ?? "");
}

export function renderSettings({ settings, away }: SettingsReport, inFull: boolean, paint: Paint): string {
  const body =
    settings.length === 0
      ? "No such settings."
      : inFull
        ? settings.map((setting) => renderOne(setting, paint)).join("\n\n")
        : renderTable(columns, settings, paint);
  return [body, ...awayLines(away, paint)].join("\n");
}

function awayLines(away: SettingsReport["away"], paint: Paint): readonly string[] {
  return away.map(({ member, reason }) => paint("warn", `${member}: ${reason}`));
}

function renderOne(setting: Setting, paint: Paint): string {
  const { name, value, description, source, why, pending, differs } = setting;
  const line = (label: string, text: string): string => `  ${paint("dim", label.padEnd(9))}${text}`;
  return [
    `${paint("strong", name)} = ${value === "" ? "''" : value}`,
    ...(description === "" ? [] : [`  ${description}`]),
    line("source", why === null ? source : `${source}: ${why}`),
    ...rangeOf(setting).map((range) => line("allowed", range)),
    ...(setting.default === null ? [] : [line("default", setting.default === "" ? "''" : setting.default)]),
    line("change", setting.restart ? "needs a restart" : "without a restart"),
    ...(pending ? [line("pending", `${pending.value} on ${pending.members.join(", ")}: ${pending.reason}`)] : []),
    ...differs.map((other) => line("differs", `${other.value} on ${other.member}`)),
  ].join("\n");
}

function rangeOf({ allowed, min, max, type }: Setting): readonly string[] {
  if (allowed) return [allowed.join(", ")];
  if (type === "bool") return ["on, off"];
  return min === null || max === null ? [] : [`${min} to ${max}`];
}

const changeColumns: readonly Column<SettingChange>[] = [
  { heading: "SETTING", cell: ({ name }) => name },
  { heading: "NOW", cell: ({ before }) => short(before) },
  { heading: "NEW", cell: ({ after }) => short(after) },
  { heading: "SOURCE", cell: ({ source }) => source },
  { heading: "RESTART", cell: ({ restart }) => (restart ? "needed" : "-") },
];

/** What a change does, in the order in which a person wants to know it. */
export function renderPlan({ changed, changes, warnings, restart, pause, away }: SettingsPlan, paint: Paint): string {
  const lines = [
    ...(changes.length > 0 ? [renderTable(changeColumns, changes, paint)] : []),
    ...(changes.length === 0 ? [changed ? "No value changes." : "Nothing to change: it is so already."] : []),
    ...warnings.map((warning) => `${paint("warn", "WARNING:")}  ${warning}`),
    ...(restart.length > 0
      ? [`Restart: ${restart.join(", ")}, one after the other. Pause of writes: ${pause ?? "none"}.`]
      : []),
    ...away.map(({ member, reason }) => `${member}: with its next start (${reason}).`),
  ];
  return lines.join("\n");
}
