/** What runs here: read from files alone, so that it works without an agent. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { homePaths } from "../config/home.ts";
import { version } from "../config/version.ts";

export interface Versions {
  readonly matriarch: string;
  readonly node: string;
  readonly engines: readonly { readonly kind: "embedded" | "system"; readonly major: number; readonly path: string }[];
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
  const lines = found.map(({ kind, major, path }) => `postgres   ${major} (${kind}, ${path})`);
  return [`matriarch  ${matriarch}`, `node       ${node}`, ...lines].join("\n");
}

function engines(kind: "embedded" | "system", directory: string): Versions["engines"] {
  return list(directory)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ kind, major: Number(name), path: join(directory, name) }))
    .sort((a, b) => b.major - a.major);
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
