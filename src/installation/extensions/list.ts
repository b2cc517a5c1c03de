/** The extensions that databases have, those that they could have, and what the servers load. Changes nothing. */
import type {
  AvailableExtension,
  EnabledExtension,
  ExtensionList,
  PreloadedLibrary,
} from "../../contract/extensions.ts";
import type { ContentsAnswer } from "../../contract/peer.ts";
import { knownLibraries, knownOf } from "../../drivers/postgres/extensions/known.ts";
import {
  holdsLibrary,
  libraryName,
  parseLibraries,
  preloadSettings,
} from "../../drivers/postgres/extensions/preload.ts";
import type { Parts } from "../parts.ts";
import type { FoundExtension } from "./hosts.ts";
import { databasesWith, lookAtScene, type Scene } from "./scene.ts";

export async function listExtensions(parts: Parts, name: string): Promise<ExtensionList> {
  const scene = await lookAtScene(parts, name, { settings: preloadSettings, packages: [] });
  const databases = [...scene.databases.keys()];
  return { databases, enabled: enabledIn(scene), available: availableIn(scene), preloaded: preloadedIn(scene) };
}

function enabledIn({ databases }: Scene): EnabledExtension[] {
  return [...databases].flatMap(([database, installed]) =>
    installed.map(({ hasUpdate, ...same }) => ({ database, ...same, has_update: hasUpdate })),
  );
}

function availableIn(scene: Scene): AvailableExtension[] {
  const answered = scene.hosts.flatMap(({ host, contents }) => (contents ? [{ host, contents }] : []));
  const found = new Map(answered.flatMap(({ contents }) => contents.extensions.map((one) => [one.name, one] as const)));
  const withExtension = [...found.values()].map((one): AvailableExtension => ({
    ...toldOf(one),
    needs_preload: knownOf(one.name).load !== undefined,
    enabled_in: [...databasesWith(scene, one.name)],
    missing_on: answered.filter(({ contents }) => lacksExtension(contents, one)).map(({ host }) => host),
  }));
  const libraries = knownLibraries.flatMap((name): readonly AvailableExtension[] => {
    const library = knownOf(name).load?.library ?? "";
    const missing = answered.filter(({ contents }) => !contents.libraries.includes(library)).map(({ host }) => host);
    if (missing.length === answered.length) return [];
    const comment = "library, loaded for all databases";
    return [{ name, version: "", comment, needs_preload: true, requires: [], enabled_in: [], missing_on: missing }];
  });
  return [...withExtension, ...libraries].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A control file whose library is gone is of no use. */
function lacksExtension({ extensions, libraries }: ContentsAnswer, { name, library }: FoundExtension): boolean {
  const hasLibrary = library === null || library.includes("/") || libraries.includes(library);
  return !hasLibrary || !extensions.some((extension) => extension.name === name);
}

function toldOf({ name, version, comment, requires }: FoundExtension) {
  return { name, version, comment, requires };
}

function preloadedIn({ spec, running }: Scene): PreloadedLibrary[] {
  return preloadSettings.flatMap((setting) =>
    parseLibraries(spec.settings[setting] ?? "").map((entry) => {
      const library = libraryName(entry);
      const without = [...running].filter(([, values]) => !holdsLibrary(values.get(setting) ?? "", library));
      return { library, not_on: without.map(([member]) => member) };
    }),
  );
}
