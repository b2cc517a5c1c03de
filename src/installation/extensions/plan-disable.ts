/** The plan of disabling an extension: what depends on it, what is lost with it, what need not be loaded any more. */
import type { ExtensionPlan, ExtensionWish } from "../../contract/extensions.ts";
import { shellWord } from "../../contract/shell-word.ts";
import { knownOf, needing } from "../../drivers/postgres/extensions/known.ts";
import { dependentsOf, ownDataOf } from "../../drivers/postgres/extensions/look.ts";
import { holdsLibrary, settingOf, withoutLibrary } from "../../drivers/postgres/extensions/preload.ts";
import { OpError } from "../../errors/op-error.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import type { Parts } from "../parts.ts";
import { refuseNotEnabled } from "./refusals.ts";
import { databasesWith, type Scene } from "./scene.ts";

export async function planDisable(
  parts: Parts,
  scene: Scene,
  wish: ExtensionWish,
  database: string | null,
): Promise<ExtensionPlan> {
  const { name: extension } = wish;
  const installed = scene.databases.get(database ?? "")?.find(({ name }) => name === extension);
  const settings = settingsAfter(scene, extension, database);
  const isLoaded = Object.keys(settings).length > 0;
  if (database === null && !isLoaded)
    throw new OpError("extension-not-found", { message: `cluster "${scene.name}" does not load "${extension}"` });
  if (database !== null && !installed)
    refuseNotEnabled(scene.name, extension, database, databasesWith(scene, extension));
  const goes = database === null ? nothing : await goesWith(parts, scene, extension, database);
  if (goes.drops.length > 0 && !wish.cascade) refuseInUse(scene, wish, database ?? "", goes);
  return {
    change: "disable",
    name: extension,
    database,
    version: null,
    version_before: installed?.version ?? null,
    also: [],
    settings,
    restart: isLoaded ? loadedOn(scene, extension) : [],
    installs: [],
    drops: goes.drops,
    loses: goes.loses,
    is_done: false,
    notes: [],
  };
}

interface Goes {
  readonly drops: string[];
  readonly loses: string[];
}

const nothing: Goes = { drops: [], loses: [] };

async function goesWith(parts: Parts, { name }: Scene, extension: string, database: string): Promise<Goes> {
  return lookOnPrimary(parts, name, (admin) =>
    admin.inDatabase(database, async (session) => {
      const { named, count } = await dependentsOf(session, extension);
      const more = count > named.length ? [`and ${count - named.length} more`] : [];
      return { drops: [...named, ...more], loses: [...(await ownDataOf(session, extension))] };
    }),
  );
}

function refuseInUse({ name }: Scene, wish: ExtensionWish, database: string, { drops }: Goes): never {
  throw new OpError("object-in-use", {
    message: `other things in database "${database}" depend on extension "${wish.name}"`,
    detail: drops.join("\n"),
    hint: `Change or drop them first. To drop all of them with it: matriarch extension disable ${name} ${shellWord(wish.name)} --database ${shellWord(database)} --cascade`,
  });
}

/** A library goes when no database has an extension any more that needs it. */
function settingsAfter(
  scene: Scene,
  extension: string,
  database: string | null,
): Readonly<Record<string, string | null>> {
  const { load, settings = {}, onlyDatabase } = knownOf(extension);
  if (!load) return {};
  const value = scene.spec.settings[settingOf(load)] ?? "";
  const isNeeded = [...scene.databases].some(([other, installed]) =>
    installed.some(({ name }) => needing(load.library).includes(name) && !(other === database && name === extension)),
  );
  if (isNeeded || !holdsLibrary(value, load.library)) return {};
  const rest = withoutLibrary(value, load.library);
  const own = Object.entries({ ...settings, ...(onlyDatabase === undefined ? {} : { [onlyDatabase]: undefined }) });
  // What the user has set otherwise stays.
  const ours = own.filter(([setting, usual]) => {
    const now = scene.spec.settings[setting];
    return now !== undefined && (usual === undefined || now === usual);
  });
  return {
    [settingOf(load)]: rest === "" ? null : rest,
    ...Object.fromEntries(ours.map(([setting]) => [setting, null])),
  };
}

/** They keep it until they are restarted. */
function loadedOn({ running }: Scene, extension: string): string[] {
  const { load } = knownOf(extension);
  if (load?.when !== "shared") return [];
  return [...running].flatMap(([member, values]) =>
    holdsLibrary(values.get(settingOf(load)) ?? "", load.library) ? [member] : [],
  );
}
