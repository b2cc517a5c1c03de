/**
 * What an engine on this host holds: extensions by their control files, and libraries that can be loaded. Read from the
 * disk each time, for packages come and go. Called for every host that carries a member, also those whose server is a
 * standby and could not be asked. Changes nothing.
 */
import { execFile } from "node:child_process";
import { access, readdir, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import type { Engine } from "../port.ts";
import { formatLibraries, libraryName, parseLibraries, preloadSettings } from "./preload.ts";

type Settings = Readonly<Record<string, string>>;

export interface ControlFile {
  readonly name: string;
  readonly version: string;
  readonly comment: string;
  readonly requires: readonly string[];
  /** of its functions; undefined when they are SQL alone */
  readonly library: string | undefined;
}

export interface EngineContents {
  readonly extensions: ReadonlyMap<string, ControlFile>;
  readonly libraries: ReadonlySet<string>;
}

const suffix = process.platform === "darwin" ? /\.(dylib|so)$/ : /\.so$/;

export async function readContents(engine: Engine): Promise<EngineContents> {
  const { extensions, libraries } = await placesOf(engine);
  const names = (await readdir(extensions)).filter((name) => /^[^-].*\.control$/.test(name));
  const files = await Promise.all(
    names.map(async (file) => parseControl(file.slice(0, -8), await readFile(join(extensions, file), "utf8"))),
  );
  return { extensions: new Map(files.map((file) => [file.name, file])), libraries: await librariesIn(libraries) };
}

/**
 * The settings without libraries that are not there: a server with such a line would not start, or let nobody in. It is
 * better off without, and says so.
 */
export async function presentLibraries(
  engine: Engine,
  settings: Settings,
): Promise<{ readonly present: Settings; readonly missing: readonly string[] }> {
  const wanted = preloadSettings.filter((setting) => parseLibraries(settings[setting] ?? "").length > 0);
  if (wanted.length === 0) return { present: settings, missing: [] };
  const there = await librariesIn((await placesOf(engine)).libraries);
  const missing: string[] = [];
  const present: Record<string, string> = { ...settings };
  for (const setting of wanted) {
    const entries = parseLibraries(settings[setting] ?? "");
    const found = await Promise.all(entries.map((entry) => isThere(entry, there)));
    missing.push(...entries.filter((_, at) => found[at] === false).map(libraryName));
    // As it was written, unless something is to be left out: another text would be another setting.
    if (found.includes(false)) present[setting] = formatLibraries(entries.filter((_, at) => found[at]));
  }
  return { present, missing };
}

async function isThere(entry: string, there: ReadonlySet<string>): Promise<boolean> {
  const path = entry.replace("$libdir/", "");
  if (!isAbsolute(path)) return there.has(libraryName(path));
  return (await exists(path)) || exists(`${path}.so`);
}

async function librariesIn(directory: string): Promise<ReadonlySet<string>> {
  const files = (await readdir(directory, { recursive: true })).filter((name) => suffix.test(name));
  return new Set(files.map((name) => name.replace(suffix, "")));
}

interface Places {
  readonly extensions: string;
  readonly libraries: string;
}

const placesByEngine = new Map<string, Places>();

/** Fixed when the engine was built, relative to its programs; pg_config knows them, where there is one. */
async function placesOf(engine: Engine): Promise<Places> {
  const known = placesByEngine.get(engine.binDirectory);
  if (known) return known;
  const found = (await configured(engine)) ?? {
    extensions: join(engine.binDirectory, "../share/postgresql/extension"),
    libraries: join(engine.binDirectory, "../lib/postgresql"),
  };
  placesByEngine.set(engine.binDirectory, found);
  return found;
}

async function configured({ binDirectory }: Engine): Promise<Places | undefined> {
  const program = join(binDirectory, "pg_config");
  if (!(await exists(program))) return undefined;
  const { stdout } = await promisify(execFile)(program, ["--sharedir", "--pkglibdir"], { timeout: 5000 });
  const [share = "", libraries = ""] = stdout.trim().split("\n");
  return { extensions: join(share, "extension"), libraries };
}

/** Source: parse_extension_control_file() in extension.c; the same language as postgresql.conf. */
function parseControl(name: string, text: string): ControlFile {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const found = /^\s*(\w+)\s*=?\s*(?:'((?:[^']|'')*)'|([^\s#']+))/.exec(line);
    if (found?.[1] !== undefined) values.set(found[1], (found[2] ?? found[3] ?? "").replaceAll("''", "'"));
  }
  const module = values.get("module_pathname");
  return {
    name,
    version: values.get("default_version") ?? "",
    comment: values.get("comment") ?? "",
    requires: parseLibraries(values.get("requires") ?? ""),
    library: module === undefined ? undefined : libraryName(module),
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
