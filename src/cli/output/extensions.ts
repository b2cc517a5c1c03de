/** Extensions as tables, and what a change of them would do, or has done, in sentences. */
import type { AvailableExtension, EnabledExtension, ExtensionList, ExtensionPlan } from "../../contract/extensions.ts";
import { shellWord } from "../../contract/shell-word.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Paint } from "./paint.ts";
import { renderTable, type Column } from "./table.ts";

interface Wanted {
  readonly database: string | undefined;
  readonly all: boolean;
}

/** @throws OpError database-not-found */
export function onlyOf(list: ExtensionList, cluster: string, { database, all }: Wanted): ExtensionList {
  const available = all ? list.available : [];
  if (database === undefined) return { ...list, available };
  if (!list.databases.includes(database))
    throw new OpError("database-not-found", {
      message: `database "${database}" does not exist in cluster "${cluster}"`,
      hint: `See: matriarch database list ${cluster}`,
    });
  return { ...list, available, enabled: list.enabled.filter((one) => one.database === database) };
}

const enabledColumns: readonly Column<EnabledExtension>[] = [
  { heading: "DATABASE", cell: ({ database }) => database },
  { heading: "EXTENSION", cell: ({ name }) => name },
  { heading: "VERSION", cell: ({ version }) => version },
  { heading: "AVAILABLE", cell: availableCell },
  { heading: "WHAT IT IS", cell: ({ comment }) => shortened(comment) },
];

function availableCell({ available, version, has_update: hasUpdate }: EnabledExtension) {
  if (available === null) return { text: "gone", tone: "bad" } as const;
  if (available === version) return "-";
  return { text: hasUpdate ? `${available} (update)` : available, tone: "warn" } as const;
}

const availableColumns: readonly Column<AvailableExtension>[] = [
  { heading: "EXTENSION", cell: ({ name }) => name },
  { heading: "VERSION", cell: ({ version }) => version || "-" },
  { heading: "PRELOAD", cell: ({ needs_preload: needs }) => (needs ? "yes" : "-") },
  { heading: "ENABLED IN", cell: ({ enabled_in: databases }) => databases.join(", ") || "-" },
  { heading: "WHAT IT IS", cell: ({ comment }) => shortened(comment) },
];

const commentMax = 60;

function shortened(comment: string): string {
  return comment.length > commentMax ? `${comment.slice(0, commentMax - 1)}…` : comment;
}

export function renderExtensions(
  { enabled, available, preloaded }: ExtensionList,
  { cluster, all }: { readonly cluster: string; readonly all: boolean },
  paint: Paint,
): string {
  const loaded = preloaded.map(({ library, not_on: without }) =>
    without.length === 0 ? library : `${library} (not on ${without.join(", ")}: matriarch restart ${cluster})`,
  );
  const missing = available
    .filter(({ missing_on: hosts }) => hosts.length > 0)
    .map(({ name, missing_on: hosts }) => `${name} is missing on ${hosts.join(", ")}.`);
  const tables = all ? renderTable(availableColumns, available, paint) : renderTable(enabledColumns, enabled, paint);
  return [
    enabled.length === 0 && !all ? "No database has an extension." : tables,
    ...(loaded.length === 0 ? [] : ["", `Loaded by every server: ${loaded.join(", ")}`]),
    ...missing,
    ...(all ? [] : ["", `What could be enabled: matriarch extension list ${cluster} --all`]),
  ].join("\n");
}

/** What would be done, or that nothing is left to do. */
export function planWords(plan: ExtensionPlan, cluster: string): string {
  const { change, name, version, version_before: before } = plan;
  if (plan.is_done)
    return change === "update"
      ? `"${name}" has version ${version ?? ""}${inDatabase(plan)} already.`
      : `"${name}" is enabled${inDatabase(plan)} already${before === null ? "" : `, with version ${before}`}.`;
  return [headline(plan, cluster), ...consequences(plan)].join("\n");
}

function headline(plan: ExtensionPlan, cluster: string): string {
  const { change, name, version, version_before: before } = plan;
  const where = plan.database === null ? ` for all databases of "${cluster}"` : `${inDatabase(plan)} of "${cluster}"`;
  switch (change) {
    case "enable":
      if (plan.database === null) return `This loads "${name}"${where}.`;
      return before === null
        ? `This enables "${name}"${version === null ? "" : ` ${version}`}${where}.`
        : `"${name}" is enabled${where}; its library is still to be loaded.`;
    case "disable":
      return plan.database === null ? `This no longer loads "${name}"${where}.` : `This removes "${name}"${where}.`;
    case "update":
      return `This updates "${name}" from ${before ?? ""} to ${version ?? ""}${where}.`;
  }
}

function consequences({ change, also, installs, restart, drops, loses, settings }: ExtensionPlan): readonly string[] {
  const changed = Object.entries(settings);
  const list = (lines: readonly string[]): readonly string[] => lines.map((line) => `  ${line}`);
  return [
    ...(also.length === 0 ? [] : [`It requires ${also.join(", ")}, enabled with it.`]),
    ...installs.map(({ host, line }) => `On host "${host}", as root: ${line}`),
    ...changed.map(([setting, value]) =>
      value === null ? `${setting} goes back to its default.` : `${setting} becomes ${shellWord(value)}.`,
    ),
    ...(drops.length === 0 ? [] : ["What depends on it is dropped too:", ...list(drops)]),
    ...(loses.length === 0 ? [] : ["Its own data is lost:", ...list(loses)]),
    ...restartWords(change, restart),
  ];
}

function restartWords(change: ExtensionPlan["change"], restart: readonly string[]): readonly string[] {
  if (restart.length === 0) return [];
  if (change === "disable") return [`Its library stays loaded until the next restart of ${restart.join(", ")}.`];
  const [only, ...more] = restart;
  return more.length === 0
    ? [`${only} is restarted, because a library must be loaded at its start.`]
    : [`Restarted one at a time, the primary last, because a library must be loaded: ${restart.join(", ")}.`];
}

export function doneWords(
  plan: ExtensionPlan,
  { cluster, hasRestarted }: { readonly cluster: string; readonly hasRestarted: boolean },
): string {
  const { change, name, version, version_before: before, also, restart, drops } = plan;
  const where = plan.database === null ? " for all databases" : inDatabase(plan);
  const withAlso = also.length === 0 ? "" : `, with ${also.join(", ")}`;
  const first = {
    enable:
      plan.database === null
        ? `"${name}" is loaded${where}.`
        : `Enabled "${name}" ${version ?? ""}${where}${withAlso}.`,
    disable: plan.database === null ? `"${name}" is no longer loaded.` : `Disabled "${name}"${where}.`,
    update: `Updated "${name}" from ${before ?? ""} to ${version ?? ""}${where}.`,
  }[change];
  const stays =
    change === "disable" && restart.length > 0 && !hasRestarted
      ? [`Its library stays loaded until the members are restarted: matriarch restart ${cluster}`]
      : [];
  const dropped = drops.length === 0 ? [] : [`Dropped with it: ${drops.join(", ")}.`];
  return [first, ...dropped, ...stays, ...plan.notes].join("\n");
}

function inDatabase({ database }: ExtensionPlan): string {
  return database === null ? "" : ` in database "${database}"`;
}
