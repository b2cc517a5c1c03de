/** The plan of enabling an extension: on which hosts it is missing, what it requires, what must be loaded. See plan.ts. */
import type { ExtensionPlan, ExtensionWish } from "../../contract/extensions.ts";
import { isKnown, knownOf, type KnownExtension } from "../../drivers/postgres/extensions/known.ts";
import { versionsOf } from "../../drivers/postgres/extensions/look.ts";
import { installLine } from "../../drivers/postgres/extensions/packages.ts";
import { holdsLibrary, settingOf, withLibrary } from "../../drivers/postgres/extensions/preload.ts";
import { findSystemEngines } from "../../drivers/postgres/engine/system.ts";
import { OpError } from "../../errors/op-error.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import type { Parts } from "../parts.ts";
import { refuseDifferent, refuseEmbedded, refuseLacks, refuseSilent, refuseUnknown, type Lack } from "./refusals.ts";
import { databasesWith, foundExtension, type Scene } from "./scene.ts";

export async function planEnable(
  parts: Parts,
  scene: Scene,
  wish: ExtensionWish,
  database: string | null,
): Promise<ExtensionPlan> {
  const lacks = lacksOf(scene, wish.name);
  if (lacks.length > 0) await refuseHopeless(scene, wish, lacks);
  const installed =
    database === null ? undefined : scene.databases.get(database)?.find(({ name }) => name === wish.name);
  const isInstalled = installed !== undefined || database === null;
  const version = installed?.version ?? wish.version ?? foundExtension(scene, wish.name)?.version ?? null;
  refuseOtherVersion(scene, wish, installed?.version);
  // What is yet to be installed on every host is judged by the server itself, once it is there.
  if (!isInstalled && foundExtension(scene, wish.name) !== undefined) await refuseUnfit(parts, scene, wish, database);
  const chain = chainOf(scene, wish.name);
  const also = isInstalled ? [] : chain.filter((name) => name !== wish.name && !hasIn(scene, database, name));
  const settings = settingsFor(scene, chain, { name: wish.name, database });
  const restart = restartFor(scene, settings, chain);
  const major = scene.spec.major;
  const installs = lacks.map(({ host, outlook }) => ({ host, line: installLine([outlook?.package ?? ""]) }));
  const next = knownOf(wish.name).next?.replaceAll("CLUSTER", scene.name);
  return {
    change: "enable",
    name: wish.name,
    database,
    version: database === null ? String(major) : version,
    version_before: installed?.version ?? null,
    also,
    settings,
    restart: [...restart],
    installs,
    drops: [],
    loses: [],
    is_done: isInstalled && Object.keys(settings).length === 0 && restart.length === 0 && installs.length === 0,
    notes: next === undefined ? [] : [next],
  };
}

/** Hosts that lack it, or something that it requires. @throws OpError extension-missing, host-unreachable */
function lacksOf(scene: Scene, wanted: string): readonly Lack[] {
  const silent = scene.hosts.filter(({ contents }) => contents === undefined);
  // The binaries that come with Matriarch are the same everywhere; of packages nobody knows.
  if (silent.length > 0 && scene.spec.engine === "system") refuseSilent(scene.name, silent);
  return scene.hosts.flatMap(({ host, contents }): readonly Lack[] => {
    if (contents === undefined) return [];
    const outlook = contents.packages.find(({ extension }) => extension === wanted);
    const missing = chainOf(scene, wanted).find((name) =>
      knownOf(name).isLibraryOnly
        ? !contents.libraries.includes(knownOf(name).load?.library ?? "")
        : !contents.extensions.some((found) => found.name === name) || lacksLibrary(scene, contents.libraries, name),
    );
    return missing === undefined ? [] : [{ host, extension: missing, outlook }];
  });
}

/** A control file whose library is gone is of no use. */
function lacksLibrary(scene: Scene, libraries: readonly string[], name: string): boolean {
  const wanted = [foundExtension(scene, name)?.library, knownOf(name).load?.library];
  return wanted.some((library) => library && !library.includes("/") && !libraries.includes(library));
}

/** @throws OpError extension-missing unless packages may bring it */
async function refuseHopeless(scene: Scene, wish: ExtensionWish, lacks: readonly Lack[]): Promise<void> {
  const isSomewhere = foundExtension(scene, wish.name) !== undefined;
  if (!isKnown(wish.name) && !isSomewhere) refuseUnknown(scene, wish.name);
  if (scene.spec.engine === "embedded") {
    const [newest] = await findSystemEngines();
    refuseEmbedded(scene, wish.name, newest?.major);
  }
  const isToBeHad = (lack: Lack): boolean =>
    lack.extension === wish.name && lack.outlook?.candidate !== null && lack.outlook?.may_install === true;
  if (!wish.install || !lacks.every(isToBeHad)) refuseLacks(lacks, wish.install);
}

/** Itself and what it requires, the required first. */
function chainOf(scene: Scene, name: string, above: readonly string[] = []): readonly string[] {
  if (above.includes(name)) return [];
  const requires = foundExtension(scene, name)?.requires ?? [];
  return [...new Set([...requires.flatMap((other) => chainOf(scene, other, [...above, name])), name])];
}

function hasIn({ databases }: Scene, database: string | null, extension: string): boolean {
  return database !== null && (databases.get(database) ?? []).some(({ name }) => name === extension);
}

function refuseOtherVersion(scene: Scene, { name, version }: ExtensionWish, installed: string | undefined): void {
  if (installed !== undefined && version !== undefined && version !== installed)
    throw new OpError("bad-value", {
      message: `"${name}" is enabled already, with version ${installed}`,
      hint: `Another version: matriarch extension update ${scene.name} ${name} --version ${version}`,
    });
  const versions = scene.hosts.flatMap(({ host, contents }) =>
    (contents?.extensions ?? [])
      .filter((found) => found.name === name)
      .map((found) => ({ host, version: found.version })),
  );
  if (new Set(versions.map((found) => found.version)).size > 1) refuseDifferent(versions);
}

/** @throws OpError bad-value, object-in-use */
async function refuseUnfit(parts: Parts, scene: Scene, wish: ExtensionWish, database: string | null): Promise<void> {
  const others = knownOf(wish.name).onlyDatabase === undefined ? [] : databasesWith(scene, wish.name);
  if (others.length > 0)
    throw new OpError("object-in-use", {
      message: `"${wish.name}" can be in one database of a cluster only`,
      detail: `It is enabled in "${others[0]}".`,
      hint: "Use it from there, or disable it there first.",
    });
  if (database === null) return;
  await lookOnPrimary(parts, scene.name, (admin) =>
    admin.inDatabase(database, async (session) => {
      const versions = await versionsOf(session, wish.name, undefined);
      if (wish.version !== undefined && !versions.includes(wish.version))
        throw new OpError("bad-value", {
          message: `there is no version "${wish.version}" of "${wish.name}" to install`,
          detail: `There are: ${versions.join(", ")}.`,
        });
      const schema = wish.schema ?? "public";
      const [row] = await session.rows(
        `SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1) AS found,
  (SELECT schema FROM pg_catalog.pg_available_extension_versions WHERE name = $2 AND schema IS NOT NULL LIMIT 1) AS own`,
        [schema, wish.name],
      );
      const own = row?.["own"] ?? schema;
      if (wish.schema !== undefined && own !== wish.schema)
        throw new OpError("bad-value", {
          message: `"${wish.name}" can only be in schema "${own}"`,
          hint: "Leave --schema out.",
        });
      if (row?.["found"] === "t" || own !== schema) return;
      throw new OpError("bad-value", {
        message: `database "${database}" has no schema "${schema}"`,
        hint: wish.schema === undefined ? "Name another one with --schema." : "Make it first, or name another one.",
      });
    }),
  );
}

/** What must stand in the configuration for it, where that does not stand there yet. */
function settingsFor(
  { spec }: Scene,
  chain: readonly string[],
  { name, database }: { readonly name: string; readonly database: string | null },
): Readonly<Record<string, string>> {
  const changed: Record<string, string> = {};
  const valueOf = (setting: string): string => changed[setting] ?? spec.settings[setting] ?? "";
  for (const link of chain) {
    const { load, settings = {} } = knownOf(link);
    if (load) changed[settingOf(load)] = withLibrary(valueOf(settingOf(load)), load);
    // What the user has set stays.
    for (const [setting, value] of Object.entries(settings)) changed[setting] = spec.settings[setting] ?? value;
  }
  const { onlyDatabase } = knownOf(name);
  if (onlyDatabase !== undefined && database !== null && (valueOf(onlyDatabase) || "postgres") !== database)
    changed[onlyDatabase] = database;
  return Object.fromEntries(Object.entries(changed).filter(([setting, value]) => spec.settings[setting] !== value));
}

/** Members that run, and not with what it needs; those that are away come back with it. */
function restartFor(
  { running, spec }: Scene,
  settings: Readonly<Record<string, string>>,
  chain: readonly string[],
): readonly string[] {
  const loads = chain.flatMap((name) => knownOf(name).load ?? []).filter(({ when }) => when === "shared");
  // Also those that an interrupted change has written already; what the user has set otherwise is the user's affair.
  const others = chain.map(knownOf).flatMap(({ settings: usual = {}, onlyDatabase }): readonly [string, string][] => {
    const valueOf = (setting: string): string | undefined => settings[setting] ?? spec.settings[setting];
    const own = Object.entries(usual).filter(([setting, value]) => valueOf(setting) === value);
    return onlyDatabase === undefined ? own : [...own, [onlyDatabase, valueOf(onlyDatabase) ?? "postgres"]];
  });
  return [...running].flatMap(([member, values]) => {
    const isLoaded = (load: NonNullable<KnownExtension["load"]>): boolean =>
      holdsLibrary(values.get(settingOf(load)) ?? "", load.library);
    const isAsWanted = ([setting, value]: readonly [string, string]): boolean => values.get(setting) === value;
    return loads.every(isLoaded) && (loads.length === 0 || others.every(isAsWanted)) ? [] : [member];
  });
}
