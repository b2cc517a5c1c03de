/** Turns this process into psql, so that its exit code, its signals and its terminal are psql's own. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

import type { Target } from "./target.ts";

interface PsqlWanted {
  readonly commands: readonly string[];
  readonly isScript: boolean;
  readonly psqlArguments: readonly string[];
}

export function findPsql(path: string = process.env["PATH"] ?? ""): string | undefined {
  const candidates = path
    .split(delimiter)
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, "psql"));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Does not return. Passwords never become arguments: psql takes them from PGPASSWORD, ~/.pgpass or its own prompt. */
export function becomePsql(psql: string, target: Target, wanted: PsqlWanted): never {
  const args = [psql, ...psqlArguments(target, wanted)];
  if (process.execve === undefined) throw new Error("this platform cannot replace a process");
  process.execve(psql, args, psqlEnvironment(process.env));
  throw new Error("psql could not be started");
}

/** Exported for its test. */
export function psqlArguments(
  target: Target,
  { commands, isScript, psqlArguments: given }: PsqlWanted,
): readonly string[] {
  const connection = ["-d", conninfo(target)];
  const command = commands.flatMap((sql) => ["-c", sql]);
  // Scripts run alike for everyone, and stop at the first error; who hands arguments over decides alone.
  const quiet = given.length === 0 && (isScript || commands.length > 0) ? ["-X", "-v", "ON_ERROR_STOP=1"] : [];
  return [...connection, ...quiet, ...given, ...command];
}

function conninfo({ host, port, user, database, sslrootcert }: Target): string {
  const tls = sslrootcert === undefined ? {} : { sslmode: "verify-full", sslrootcert };
  const values = { host, port: String(port), user, dbname: database, ...tls };
  return Object.entries(values)
    .map(([name, value]) => `${name}='${value.replaceAll(/[\\']/g, "\\$&")}'`)
    .join(" ");
}

/** Variables that would lead elsewhere are left out. Source: Postgres manual, 34.15. */
const leadingElsewhere = new Set([
  "PGHOST",
  "PGHOSTADDR",
  "PGPORT",
  "PGSERVICE",
  "PGSERVICEFILE",
  "PGTARGETSESSIONATTRS",
]);

function psqlEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && !leadingElsewhere.has(name)) kept[name] = value;
  return kept;
}
