/** Every setting of a cluster's servers: what it is, who decided, what waits for a restart. Called by `config show`. */
import type { Setting, SettingSource, SettingsReport } from "../../contract/settings.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { isOfSession, type ServerSetting } from "../../drivers/postgres/configuration/trial.ts";
import { ownedBecause } from "../../drivers/postgres/configuration/validate.ts";
import { formatText, formatValue } from "../../drivers/postgres/configuration/values.ts";
import { computedBecause } from "../../drivers/postgres/configuration/why.ts";
import { libraryName, parseLibraries, preloadSettings } from "../../drivers/postgres/extensions/preload.ts";
import { OpError } from "../../errors/op-error.ts";
import { awake } from "../awake.ts";
import type { Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";
import { askMembers, type AskedMember, type RunningSetting } from "./running.ts";

/** Every member has its own. */
const ownOfMembers: ReadonlySet<string> = new Set([
  "port",
  "cluster_name",
  "data_directory",
  "config_file",
  "hba_file",
  "ident_file",
  "log_directory",
  "unix_socket_directories",
  "external_pid_file",
  "primary_conninfo",
  "primary_slot_name",
  "synchronous_standby_names",
  "in_hot_standby",
  "transaction_read_only",
]);

/** @throws OpError server-unresponsive when no member can be asked */
export async function showSettings(parts: Parts, name: string): Promise<SettingsReport> {
  const cluster = await awake(parts, name, { by: "a look at its settings" });
  const { asked, away } = await askMembers(parts, cluster);
  const holder = servingPrimary(cluster)?.id;
  const first = asked.find(({ member }) => member === holder) ?? asked[0];
  if (!first)
    throw new OpError("server-unresponsive", {
      message: `no member of cluster "${name}" can be asked for its settings`,
      detail: `${away.map(({ member, reason }) => `"${member}": ${reason}`).join("; ")}.`,
      hint: `See: matriarch status ${name}`,
    });
  const spec = cluster.record.spec.value;
  const computed = lowerNames(parts.servers.computed(spec));
  const settings = [...first.settings.values()]
    .map((setting) => tell(setting, { spec, computed, asked, first }))
    .toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
  return { settings, away: [...away] };
}

function lowerNames(settings: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(settings).map(([name, value]) => [name.toLowerCase(), value]));
}

interface Background {
  readonly spec: ClusterSpec;
  readonly computed: ReadonlyMap<string, string>;
  readonly asked: readonly AskedMember[];
  readonly first: AskedMember;
}

function tell(setting: RunningSetting, background: Background): Setting {
  const { spec, computed, asked, first } = background;
  const name = setting.name.toLowerCase();
  // What our own session has is of no interest: others get what the files say.
  const isHidden = isOfSession(name) || isOfConnection(name);
  const wanted = wantedOf(name, setting, background);
  const others = isHidden || ownOfMembers.has(name) ? [] : asked.filter(({ member }) => member !== first.member);
  return {
    name: setting.name,
    value: isHidden ? formatText(setting, wanted) : formatValue(setting),
    setting: isHidden ? wanted : setting.setting,
    unit: setting.unit,
    type: setting.vartype,
    min: bound(setting, setting.min_val),
    max: bound(setting, setting.max_val),
    allowed: setting.enumvals,
    default: bound(setting, setting.boot_val),
    ...sourceOf(setting, spec, computed),
    restart: setting.context === "postmaster",
    pending: pendingOf(name, setting, background),
    differs: others.flatMap(({ member, settings }) => {
      const there = settings.get(name);
      return there && there.setting !== setting.setting ? { member, value: formatValue(there) } : [];
    }),
    category: setting.category,
    description: setting.short_desc,
  };
}

/** A server shows them as the connection has them, and over a Unix socket there are none. */
function isOfConnection(name: string): boolean {
  return name.startsWith("tcp_");
}

function bound(setting: ServerSetting, value: string | null): string | null {
  if (value === null) return null;
  return modes.has(setting.name) ? formatMode(value) : formatValue({ ...setting, setting: value });
}

/** Servers tell their value in octal, their bounds and default in decimal. */
const modes: ReadonlySet<string> = new Set(["data_directory_mode", "log_file_mode", "unix_socket_permissions"]);

function formatMode(decimal: string): string {
  return Number(decimal).toString(8).padStart(4, "0");
}

function sourceOf(
  setting: ServerSetting,
  { settings, namedLibraries = [] }: ClusterSpec,
  computed: ReadonlyMap<string, string>,
): { readonly source: SettingSource; readonly why: string | null } {
  const name = setting.name.toLowerCase();
  const given = settings[name];
  if (given !== undefined) return givenBy(name, given, namedLibraries);
  const owned = ownedBecause(name);
  if (owned !== undefined) return { source: "owned", why: owned };
  if (computed.has(name)) return { source: "computed", why: computedBecause[name] ?? null };
  if (setting.setting === setting.boot_val || setting.context === "internal") return { source: "default", why: null };
  return { source: "other", why: "of the server or its directory" };
}

/** By a person, or for what people have enabled; one list may hold libraries of both. */
function givenBy(
  name: string,
  value: string,
  named: readonly string[],
): { readonly source: SettingSource; readonly why: string | null } {
  const libraries = preloadSettings.some((setting) => setting === name) ? parseLibraries(value).map(libraryName) : [];
  const forExtensions = libraries.filter((library) => !named.includes(library));
  if (forExtensions.length === 0) return { source: "user", why: null };
  if (forExtensions.length === libraries.length)
    return { source: "extensions", why: "what new clusters begin with, and what enabled extensions need" };
  return { source: "user", why: `${forExtensions.join(", ")} for extensions` };
}

function pendingOf(name: string, setting: RunningSetting, background: Background): Setting["pending"] {
  const members = background.asked
    .filter(({ settings }) => settings.get(name)?.pending_restart === true)
    .map(({ member }) => member);
  if (members.length === 0) return null;
  const value = formatText(setting, wantedOf(name, setting, background));
  return { value, members, reason: `only a start of the server changes ${setting.name}` };
}

function wantedOf(name: string, { boot_val: builtIn }: ServerSetting, { spec, computed }: Background): string {
  return spec.settings[name] ?? computed.get(name) ?? builtIn ?? "";
}
