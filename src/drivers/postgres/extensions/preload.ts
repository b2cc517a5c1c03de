/**
 * The two settings that name libraries to load (shared_preload_libraries, session_preload_libraries) as lists. Pure.
 * Source: SplitDirectoriesString() in varlena.c: names between commas, quoted where they hold one; load_libraries() in
 * miscinit.c: a name without a slash is looked for where the server's own libraries are.
 */
import type { KnownExtension } from "./known.ts";

export const preloadSettings = ["shared_preload_libraries", "session_preload_libraries"] as const;
export type PreloadSetting = (typeof preloadSettings)[number];

export function parseLibraries(value: string): readonly string[] {
  return [...value.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)]
    .map(([, quoted, plain]) => (quoted === undefined ? (plain ?? "").trim() : quoted.replaceAll('""', '"')))
    .filter((name) => name !== "");
}

/** Of both settings, by their names in lower case. */
export function librariesIn(settings: Readonly<Record<string, string>>): readonly string[] {
  return preloadSettings.flatMap((setting) => parseLibraries(settings[setting] ?? "").map(libraryName));
}

export function formatLibraries(names: readonly string[]): string {
  return names.map((name) => (/^[\w$./-]+$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`)).join(",");
}

export function settingOf({ when }: NonNullable<KnownExtension["load"]>): PreloadSetting {
  return when === "shared" ? "shared_preload_libraries" : "session_preload_libraries";
}

/** `$libdir/pg_cron.so` and `pg_cron` are the same. */
export function libraryName(entry: string): string {
  return entry.replace(/^\$libdir\//, "").replace(/\.(so|dylib|dll)$/, "");
}

export function holdsLibrary(value: string, library: string): boolean {
  return parseLibraries(value).some((entry) => libraryName(entry) === library);
}

/** What the setting becomes. */
export function withLibrary(value: string, { library, place }: NonNullable<KnownExtension["load"]>): string {
  if (holdsLibrary(value, library)) return value;
  const before = parseLibraries(value);
  return formatLibraries(place === "first" ? [library, ...before] : [...before, library]);
}

export function withoutLibrary(value: string, library: string): string {
  return formatLibraries(parseLibraries(value).filter((entry) => libraryName(entry) !== library));
}
