/**
 * What an engine on this host holds: extensions by their control files, and libraries that can be loaded. Read from the
 * disk each time, for packages come and go. Called for every host that carries a member, also those whose server is a
 * standby and could not be asked. Changes nothing.
 */
import { execFile } from "node:child_process";
import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Engine } from "../port.ts";
import { libraryName, parseLibraries } from "./preload.ts";

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
