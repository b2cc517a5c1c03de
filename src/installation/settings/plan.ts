/**
 * A change of settings, judged before anything is written: what people wrote in the form that Postgres takes, tried by
 * the engine of every host, and by our own rules. Called by `config set|unset`, and by whatever else changes settings or
 * what they are computed from (scale, extensions). Changes nothing.
 */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { SettingChange, SettingsPlan } from "../../contract/settings.ts";
import type { ClusterSpec, MemberId, Tuning } from "../../domain/cluster.ts";
import { standbyMinimums } from "../../drivers/postgres/configuration/defaults.ts";
import { judgeTogether } from "../../drivers/postgres/configuration/rules.ts";
import type { ServerSetting } from "../../drivers/postgres/configuration/trial.ts";
import { badSettings, ownedBecause } from "../../drivers/postgres/configuration/validate.ts";
import { formatText, normalizeValue } from "../../drivers/postgres/configuration/values.ts";
import { libraryName, parseLibraries, preloadSettings } from "../../drivers/postgres/extensions/preload.ts";
import { refusePaused } from "../changes.ts";
import { awake } from "../awake.ts";
import { refuseWithoutStore, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import { inUseOn } from "./in-use.ts";
import { askMembers, onceSeen, type AskedMember, type AskedMembers } from "./running.ts";
import { hostsOf, tryEverywhere, type Tried, subjectOf } from "./try.ts";

export interface SettingsWish {
  /** by their Postgres names, in any case, as people write them */
  readonly set?: Readonly<Record<string, string>>;
  /** back to what is computed, else to what Postgres takes */
  readonly unset?: readonly string[];
  /** of each member: settings are computed from them */
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly limited?: NonNullable<ClusterSpec["limited"]>;
  /** libraries are loaded, or left out, for these and not because somebody named them; left out: by hand */
  readonly by?: "extensions";
}

export interface Planned {
  readonly plan: SettingsPlan;
  readonly before: Tuning;
  readonly after: Tuning;
  /** everything that was changed before is in force on every member */
  readonly isSettled: boolean;
}

/** @throws OpError bad-value with everything that is wrong; cluster-not-found, busy */
export async function planSettings(parts: Parts, name: string, wish: SettingsWish): Promise<Planned> {
  await awake(parts, name, { by: "a change of its settings" });
  const cluster = await onceSeen(parts, name);
  refuseWithoutStore(parts);
  refusePaused(parts, cluster);
  const spec = cluster.record.spec.value;
  const running = await askMembers(parts, cluster);
  const known = await knownSettings(parts, cluster, running);
  const after = tuningAfter(spec, wish, known);
  const isChange = !isSame(spec, after);
  const tried = isChange
    ? await tryEverywhere(parts, hostsOf(cluster.record), { ...subjectOf(cluster.record), ...after })
    : untried(known);
  const judged = judgeTogether(tried.settings, { memoryBytes: after.memoryBytes, inUse: await inUseOn(cluster) });
  const unknown = unknownNames(wish, spec, known);
  const problems = [...unknown, ...(isChange ? [...tried.problems, ...judged.problems] : [])];
  if (problems.length > 0) throw badSettings([...new Set(problems)]);
  const files = { before: filesOf(parts, spec), after: filesOf(parts, { ...spec, ...after }) };
  return {
    plan: {
      changed: isChange,
      changes: isChange ? changesBetween(known, tried.settings, { ...files, settings: after.settings }) : [],
      warnings: isChange ? [...judged.warnings, ...placeholders(wish, tried.settings)] : [],
      ...restartNeeded(cluster, running, { ...files, settings: tried.settings, isChange }),
      away: [
        ...running.away,
        ...tried.away.map(({ host, reason }) => ({ member: `host ${host}`, reason: `not tried there: ${reason}` })),
      ],
    },
    before: tuningOf(spec),
    after,
    isSettled: running.away.length === 0 && !running.asked.some(({ settings }) => hasPending(settings.values())),
  };
}

type Settings = ReadonlyMap<string, ServerSetting>;

/** What the members have, the primary's first; where none can be asked, what the engine has. By names in lower case. */
async function knownSettings(parts: Parts, cluster: ClusterRuntime, { asked }: AskedMembers): Promise<Settings> {
  const holder = servingPrimary(cluster)?.id;
  const first = asked.find(({ member }) => member === holder) ?? asked[0];
  if (first) return first.settings;
  const { settings } = await tryEverywhere(parts, hostsOf(cluster.record), subjectOf(cluster.record));
  return new Map(settings.map((setting) => [setting.name.toLowerCase(), setting]));
}

function untried(known: Settings): Pick<Tried, "settings" | "problems" | "away"> {
  return { settings: [...known.values()], problems: [], away: [] };
}

function hasPending(settings: Iterable<{ readonly pending_restart: boolean }>): boolean {
  return [...settings].some((setting) => setting.pending_restart);
}

/** Written over a spec it leaves nothing of another change. */
export function tuningOf({ settings, namedLibraries = [], memoryBytes, cpus, limited }: Tuning): Tuning {
  return { settings, namedLibraries, memoryBytes, cpus, ...(limited && { limited }) };
}

export function isSame(a: Tuning, b: Tuning): boolean {
  const text = ({ settings, memoryBytes, cpus, limited }: Tuning): string =>
    JSON.stringify([
      Object.entries(settings).toSorted(([x], [y]) => (x < y ? -1 : 1)),
      [memoryBytes, cpus, limited?.memory === true, limited?.cpus === true],
    ]);
  return text(a) === text(b);
}

function tuningAfter(spec: Tuning, wish: SettingsWish, known: Settings): Tuning {
  const settings = new Map(Object.entries(spec.settings));
  for (const name of wish.unset ?? []) settings.delete(name.toLowerCase());
  for (const [name, text] of Object.entries(wish.set ?? {})) {
    const setting = known.get(name.toLowerCase());
    settings.set(name.toLowerCase(), setting ? normalizeValue(setting, text) : text);
  }
  const limited = wish.limited ?? spec.limited;
  return {
    settings: Object.fromEntries(settings),
    namedLibraries: namedAfter(spec, wish, settings),
    memoryBytes: wish.memoryBytes ?? spec.memoryBytes,
    cpus: wish.cpus ?? spec.cpus,
    ...(limited && { limited }),
  };
}

/** Whoever writes the whole list by hand has named all of it. */
function namedAfter(
  { namedLibraries: before = [] }: Tuning,
  { set = {}, by }: SettingsWish,
  settings: ReadonlyMap<string, string>,
): readonly string[] {
  const written = new Set(Object.keys(set).map((name) => name.toLowerCase()));
  return preloadSettings.flatMap((name) => {
    const libraries = parseLibraries(settings.get(name) ?? "").map(libraryName);
    return by === undefined && written.has(name) ? libraries : libraries.filter((library) => before.includes(library));
  });
}

/** What `unset` names must be a setting; what `set` names is judged by the engine. */
function unknownNames({ unset = [] }: SettingsWish, spec: Tuning, known: Settings): readonly string[] {
  return unset.flatMap((name) => {
    const owned = ownedBecause(name);
    if (owned !== undefined) return `"${name}" is decided by Matriarch: ${owned}`;
    if (known.has(name.toLowerCase()) || spec.settings[name.toLowerCase()] !== undefined || known.size === 0) return [];
    return `unrecognized configuration parameter "${name}"`;
  });
}

/** The engine takes any name with a dot: it may be of an extension that a session loads later, or a slip of the pen. */
function placeholders({ set = {} }: SettingsWish, settings: readonly ServerSetting[]): readonly string[] {
  const rows = new Map(settings.map((setting) => [setting.name.toLowerCase(), setting]));
  return Object.keys(set)
    .filter((name) => rows.get(name.toLowerCase())?.category === "Customized Options")
    .filter((name) => rows.get(name.toLowerCase())?.short_desc === "")
    .map((name) => `"${name}" belongs to no library that is loaded at the start`);
}

/** What the members' files say. */
function filesOf({ servers }: Parts, spec: ClusterSpec): Files {
  const { settings } = servers.wanted(spec);
  return new Map(Object.entries(settings).map(([name, value]) => [name.toLowerCase(), value]));
}

type Files = ReadonlyMap<string, string>;

interface Change {
  readonly before: Files;
  readonly after: Files;
}

function changesBetween(
  known: Settings,
  tried: readonly ServerSetting[],
  { before, after, settings }: Change & { readonly settings: Tuning["settings"] },
): readonly SettingChange[] {
  const rows = new Map([...known, ...tried.map((row) => [row.name.toLowerCase(), row] as const)]);
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  );
  return names.toSorted().map((name) => {
    const row = rows.get(name);
    const text = (files: Files): string => {
      const value = files.get(name) ?? row?.boot_val ?? "";
      return row ? formatText(row, value) : value;
    };
    const change = { name: row?.name ?? name, before: text(before), after: text(after) };
    return {
      ...change,
      source: settings[name] !== undefined ? "user" : after.has(name) ? "computed" : "default",
      restart: row?.context === "postmaster" && change.before !== change.after,
    };
  });
}

/** Members whose server has another value of a setting that only a start can change. */
function restartNeeded(
  cluster: ClusterRuntime,
  { asked }: AskedMembers,
  { before, after, settings, isChange }: Change & { settings: readonly ServerSetting[]; isChange: boolean },
): Pick<SettingsPlan, "restart" | "pause"> {
  const fixed = settings
    .filter(({ context }) => isChange && context === "postmaster")
    .filter(({ name }) => before.has(name.toLowerCase()) || after.has(name.toLowerCase()));
  const isBehind = (one: AskedMember): boolean =>
    fixed.some(({ name, setting }) => one.settings.get(name.toLowerCase())?.setting !== setting) ||
    (!isChange && hasPending(one.settings.values()));
  const lagging = asked.filter(isBehind).map(({ member }) => member);
  const holder = servingPrimary(cluster)?.id;
  const onPrimary = asked.find(({ member }) => member === holder)?.settings;
  const isLowered = fixed.some(
    ({ name, setting }) => standbyMinimums.includes(name) && Number(onPrimary?.get(name)?.setting) > Number(setting),
  );
  return { restart: orderOf(lagging, holder, isLowered), pause: pauseOf(cluster, lagging, holder, isLowered) };
}

function orderOf(lagging: readonly MemberId[], holder: MemberId | undefined, primaryFirst: boolean): MemberId[] {
  const primary = lagging.filter((member) => member === holder);
  const others = lagging.filter((member) => member !== holder);
  return primaryFirst ? [...primary, ...others] : [...others, ...primary];
}

function pauseOf(
  cluster: ClusterRuntime,
  lagging: readonly MemberId[],
  holder: MemberId | undefined,
  isLowered: boolean,
): string | null {
  if (lagging.length === 0) return null;
  if (holder === undefined || !lagging.includes(holder)) return "none: only standbys are restarted";
  if (isLowered)
    return "the time of a restart of the primary, about a second: what binds standbys is lowered there first";
  return cluster.members.size === 1
    ? "the time of a restart, about a second: there is no standby to move to"
    : "the time of a switchover, usually under half a second";
}
