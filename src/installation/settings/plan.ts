/**
 * A change of settings, judged before anything is written: what people wrote in the form that Postgres takes, tried by
 * the engine of every host, and by our own rules. Called by `config set|unset`, and by whatever else changes settings or
 * what they are computed from (scale, extensions). Changes nothing.
 */
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { SettingChange, SettingsPlan } from "../../contract/settings.ts";
import type { ClusterSpec, MemberId } from "../../domain/cluster.ts";
import { standbyMinimums } from "../../drivers/postgres/configuration/defaults.ts";
import { judgeTogether } from "../../drivers/postgres/configuration/rules.ts";
import type { ServerSetting } from "../../drivers/postgres/configuration/trial.ts";
import { badSettings, ownedBecause } from "../../drivers/postgres/configuration/validate.ts";
import { formatValue, normalizeValue } from "../../drivers/postgres/configuration/values.ts";
import { refusePaused } from "../changes.ts";
import { awake } from "../awake.ts";
import { refuseWithoutStore, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import { inUseOn } from "./in-use.ts";
import { askMembers, type AskedMembers } from "./running.ts";
import { tryEverywhere } from "./try.ts";

export interface SettingsWish {
  /** by their Postgres names, in any case, as people write them */
  readonly set?: Readonly<Record<string, string>>;
  /** back to what is computed, else to what Postgres takes */
  readonly unset?: readonly string[];
  /** of each member: settings are computed from them */
  readonly memoryBytes?: number;
  readonly cpus?: number;
}

/** What of a spec decides about settings. */
export type Tuning = Pick<ClusterSpec, "settings" | "memoryBytes" | "cpus">;

export interface Planned {
  readonly plan: SettingsPlan;
  readonly before: Tuning;
  readonly after: Tuning;
  /** everything that was changed before is in force on every member */
  readonly isSettled: boolean;
}

/** @throws OpError bad-value with everything that is wrong; cluster-not-found, cluster-stopped, busy */
export async function planSettings(parts: Parts, name: string, wish: SettingsWish): Promise<Planned> {
  const cluster = await awake(parts, name, { by: "a change of its settings" });
  refuseWithoutStore(parts);
  refusePaused(parts, cluster);
  const { record } = cluster;
  const spec = record.spec.value;
  const [now, running] = await Promise.all([tryEverywhere(parts, record, spec), askMembers(parts, cluster)]);
  const known = knownSettings(now.settings, running);
  const after = tuningAfter(spec, wish, known);
  const tried = isSame(spec, after) ? now : await tryEverywhere(parts, record, { ...spec, ...after });
  const unknown = unknownNames(wish, spec, known);
  const judged = judgeTogether(tried.settings, { memoryBytes: after.memoryBytes, inUse: await inUseOn(cluster) });
  const problems = [...unknown, ...tried.problems, ...judged.problems];
  if (problems.length > 0 && !isSame(spec, after)) throw badSettings([...new Set(problems)]);
  if (unknown.length > 0) throw badSettings(unknown);
  const names = new Set([...namesOf(parts, spec), ...namesOf(parts, { ...spec, ...after })]);
  const changes = changesBetween(now.settings, tried.settings, { names, settings: after.settings });
  return {
    plan: {
      changed: !isSame(spec, after),
      changes,
      warnings: [...judged.warnings, ...placeholders(wish, tried.settings)],
      ...restartNeeded(cluster, running, { names, settings: tried.settings }),
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

function hasPending(settings: Iterable<{ readonly pending_restart: boolean }>): boolean {
  return [...settings].some((setting) => setting.pending_restart);
}

export function tuningOf({ settings, memoryBytes, cpus }: Tuning): Tuning {
  return { settings, memoryBytes, cpus };
}

export function isSame(a: Tuning, b: Tuning): boolean {
  const text = ({ settings, memoryBytes, cpus }: Tuning): string =>
    JSON.stringify([Object.entries(settings).toSorted(([x], [y]) => (x < y ? -1 : 1)), memoryBytes, cpus]);
  return text(a) === text(b);
}

/** What the servers have, extensions of theirs included, and what the engine has. */
function knownSettings(engine: readonly ServerSetting[], { asked }: AskedMembers): ReadonlyMap<string, ServerSetting> {
  const there = asked.flatMap(({ settings }) => [...settings.values()]);
  return new Map([...there, ...engine].map((setting) => [setting.name.toLowerCase(), setting]));
}

function tuningAfter(spec: Tuning, wish: SettingsWish, known: ReadonlyMap<string, ServerSetting>): Tuning {
  const settings = new Map(Object.entries(spec.settings));
  for (const name of wish.unset ?? []) settings.delete(name.toLowerCase());
  for (const [name, text] of Object.entries(wish.set ?? {})) {
    const setting = known.get(name.toLowerCase());
    settings.set(name.toLowerCase(), setting ? normalizeValue(setting, text) : text);
  }
  return {
    settings: Object.fromEntries(settings),
    memoryBytes: wish.memoryBytes ?? spec.memoryBytes,
    cpus: wish.cpus ?? spec.cpus,
  };
}

/** What `unset` names must be a setting; what `set` names is judged by the engine. */
function unknownNames(
  { unset = [] }: SettingsWish,
  spec: Tuning,
  known: ReadonlyMap<string, ServerSetting>,
): readonly string[] {
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

/** Names that the members' files hold. */
function namesOf({ servers }: Parts, spec: ClusterSpec): readonly string[] {
  return Object.keys(servers.wanted(spec).settings).map((name) => name.toLowerCase());
}

interface Held {
  readonly names: ReadonlySet<string>;
}

function changesBetween(
  before: readonly ServerSetting[],
  after: readonly ServerSetting[],
  { names, settings }: Held & { readonly settings: Tuning["settings"] },
): readonly SettingChange[] {
  const was = new Map(before.map((setting) => [setting.name.toLowerCase(), setting]));
  return after
    .filter((setting) => names.has(setting.name.toLowerCase()))
    .filter((setting) => was.get(setting.name.toLowerCase())?.setting !== setting.setting)
    .map((setting) => {
      const old = was.get(setting.name.toLowerCase());
      return {
        name: setting.name,
        before: old ? formatValue(old) : "",
        after: formatValue(setting),
        source: settings[setting.name.toLowerCase()] === undefined ? "computed" : "user",
        restart: setting.context === "postmaster",
      };
    });
}

/** Members whose server has another value of a setting that only a start can change. */
function restartNeeded(
  cluster: ClusterRuntime,
  { asked }: AskedMembers,
  { names, settings }: Held & { readonly settings: readonly ServerSetting[] },
): Pick<SettingsPlan, "restart" | "pause"> {
  const fixed = settings.filter(({ name, context }) => context === "postmaster" && names.has(name.toLowerCase()));
  const lagging = asked
    .filter((one) => fixed.some(({ name, setting }) => one.settings.get(name.toLowerCase())?.setting !== setting))
    .map(({ member }) => member);
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
