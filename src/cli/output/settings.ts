/** Settings as tables and in full, and what a change of them would do. */
import type { Setting, SettingChange, SettingsPlan, SettingsReport } from "../../contract/settings.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Paint } from "./paint.ts";
import { labelled } from "./labelled.ts";
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
      hint: "See all with: matriarch config show CLUSTER --all",
    });
  return settings.filter((setting) => patterns.some(({ pattern }) => pattern.test(setting.name)));
}

function patternOf(name: string): RegExp {
  const escaped = name.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`, "i");
}

const columns = (longest: number): readonly Column<Setting>[] => [
  { heading: "SETTING", cell: ({ name }) => name },
  { heading: "VALUE", cell: ({ value }) => short(value, longest) },
  { heading: "SOURCE", cell: ({ source }) => ({ text: source, tone: source === "user" ? "good" : "plain" }) },
  { heading: "", cell: (setting) => noteOn(setting) },
];

const valueMax = 40;
const valueMin = 12;
/** between columns */
const gap = 2;

function short(value: string, longest = valueMax): string {
  if (value === "") return "''";
  return value.length > longest ? `${value.slice(0, longest - 1)}…` : value;
}

/** What name and source leave of a terminal's line; `config show NAME` has the whole. */
function roomForValue(settings: readonly Setting[], terminal = Infinity): number {
  const others = Math.max(...settings.map(({ name }) => name.length)) + "extensions".length + 2 * gap;
  return Math.max(valueMin, Math.min(valueMax, terminal - others));
}

function noteOn({ pending, differs, why }: Setting): string {
  const parts = [
    ...(pending ? [`${pending.value} with a restart of ${pending.members.join(", ")}`] : []),
    ...differs.map(({ member, value }) => `${short(value)} on ${member}`),
  ];
  return parts.length > 0 ? parts.join("; ") : (why ?? "");
}

export interface Page {
  /** each with its range and what it means, instead of a line for each */
  readonly inFull: boolean;
  readonly paint: Paint;
  /** the terminal's columns; undefined where it is none */
  readonly terminal: number | undefined;
}

export function renderSettings({ settings, away }: SettingsReport, page: Page): string {
  return [settingsText(settings, page), ...awayLines(away, page.paint)].join("\n");
}

function settingsText(settings: readonly Setting[], { inFull, paint, terminal }: Page): string {
  if (settings.length === 0) return "No such settings.";
  if (inFull) return settings.map((setting) => renderOne(setting, paint, terminal)).join("\n\n");
  return renderTable(columns(roomForValue(settings, terminal)), settings, paint, terminal);
}

function awayLines(away: SettingsReport["away"], paint: Paint): readonly string[] {
  return away.map(({ member, reason }) => paint("warn", `${member}: ${reason}`));
}

function renderOne(setting: Setting, paint: Paint, terminal: number | undefined): string {
  const { name, value, description, source, why, pending, differs } = setting;
  const line = (label: string, text: string): string =>
    labelled({ label: `  ${label.padEnd(9)}`, text }, paint, terminal);
  return [
    `${paint("strong", name)} = ${value === "" ? "''" : value}`,
    ...(description === "" ? [] : [labelled({ label: "  ", text: description }, paint, terminal)]),
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
