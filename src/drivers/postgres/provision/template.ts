/**
 * A prepared data directory for each engine: initdb once, copied for every member afterwards, which is many times
 * quicker. Holds what every cluster starts with: the internal roles, the user's `postgres` without a password, the table
 * that barriers write, and the view of what statements cost. Called by the agent before it creates a cluster. No server ever runs on it.
 */
import { createHash } from "node:crypto";
import { chmod, chown, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { readContents } from "../extensions/contents.ts";
import { runTool, type ToolOptions } from "../engine/environment.ts";
import { shareWork } from "../engine/share.ts";
import type { Engine, ServerOwner } from "../port.ts";
import { partialName, syncFileSystem } from "./durable.ts";
import { readControl } from "./control-file.ts";

export interface Template {
  /** a data directory, cleanly stopped */
  readonly directory: string;
  readonly engine: Engine;
}

/** Rises when what is in a template changes, so that older ones are not used any more. */
const recipe = 2;

/** The bootstrap superuser: internal, never has a password, reached over the Unix socket by the agent alone. */
export const internalRole = "matriarch";
export const replicationRole = "matriarch_replication";

/** Statements for single-user mode, one to a line. Version: 14 to 18. */
const preparation = [
  `CREATE ROLE ${replicationRole} REPLICATION LOGIN;`,
  // As the first superuser of a plain initdb has it; BYPASSRLS and the rest come with SUPERUSER, and stay when it is taken.
  "CREATE ROLE postgres SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS LOGIN;",
  "ALTER DATABASE postgres OWNER TO postgres;",
  "ALTER DATABASE template1 OWNER TO postgres;",
  "CREATE SCHEMA matriarch;",
  "CREATE TABLE matriarch.barrier (epoch pg_catalog.int8 NOT NULL, at pg_catalog.timestamptz NOT NULL);",
  "INSERT INTO matriarch.barrier VALUES (0, pg_catalog.now());",
].join("\n");

/**
 * The lowest values that a cluster may be configured with: pg_control remembers them, and a standby refuses to start
 * with less than its control file says.
 */
const lowSettings = {
  wal_level: "logical",
  wal_log_hints: "on",
  max_connections: "10",
  max_worker_processes: "1",
  max_wal_senders: "2",
  max_prepared_transactions: "0",
  max_locks_per_transaction: "10",
  // An error must end the session with a failure, not be skipped.
  exit_on_error: "on",
};

const underWay = new Map<string, Promise<Template>>();

/** The template of this engine under `<home>/templates`, made first when it is not there (about a second). */
export async function ensureTemplate(
  home: string,
  engine: Engine,
  owner: ServerOwner | undefined,
  signal: AbortSignal,
): Promise<Template> {
  const directory = join(home, "templates", nameOf(engine));
  return shareWork(underWay, directory, signal, () => openOrMake(directory, engine, owner, signal));
}

/** Builds of a user's own may differ in what is fixed when building, such as the size of a block. */
function nameOf({ kind, version, build }: Engine): string {
  const usual = `${kind}-${version}-${recipe}`;
  return build === undefined ? usual : `${usual}-${createHash("sha256").update(build).digest("hex").slice(0, 10)}`;
}

async function openOrMake(
  directory: string,
  engine: Engine,
  owner: ServerOwner | undefined,
  signal: AbortSignal,
): Promise<Template> {
  const template: Template = { directory, engine };
  if (await isUsable(directory)) return template;
  const partial = partialName(directory);
  try {
    await prepare(partial, engine, owner, signal);
    await syncFileSystem([partial], signal);
    await rm(directory, { recursive: true, force: true });
    await rename(partial, directory);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return template;
}

async function isUsable(directory: string): Promise<boolean> {
  return readControl(directory).then(
    (control) => control.state === "shut down",
    () => false,
  );
}

async function prepare(
  directory: string,
  engine: Engine,
  owner: ServerOwner | undefined,
  signal: AbortSignal,
): Promise<void> {
  const options: ToolOptions = { owner, signal, timeoutMs: 60_000 };
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await chmod(join(directory, ".."), 0o755);
  await chmod(directory, 0o700);
  if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
  await runTool(engine, "initdb", initdbArguments(directory, engine.major), options);
  const settings = Object.entries(lowSettings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const { extensions } = await readContents(engine);
  // Its view is where people look first; the library comes with the settings of each cluster. [installation/extensions]
  const statements = extensions.has("pg_stat_statements")
    ? [preparation, "CREATE EXTENSION pg_stat_statements SCHEMA public;"].join("\n")
    : preparation;
  // Single-user mode needs no socket and no password, and its end is a clean shutdown.
  const single = ["--single", "-D", directory, ...settings, "postgres"];
  await runTool(engine, "postgres", single, { ...options, input: `${statements}\n` });
}

function initdbArguments(directory: string, major: number): readonly string[] {
  return [
    `--pgdata=${directory}`,
    `--username=${internalRole}`,
    "--encoding=UTF8",
    "--data-checksums",
    "--no-sync",
    // Replaced by ours before a server runs; with these, one that got started by mistake lets nobody in.
    "--auth=reject",
    "--no-instructions",
    ...localeArguments(major),
  ];
}

/**
 * Sorted by code point, with Unicode's upper and lower case: the same on every machine, so that no library update can
 * damage an index. From 17 Postgres has that built in; before, the C library's is taken. LC_CTYPE matters for full text
 * search even then. macOS lacks C.UTF-8.
 */
function localeArguments(major: number): readonly string[] {
  const libc =
    process.platform === "darwin" ? ["--locale=C", "--lc-ctype=en_US.UTF-8"] : ["--locale=C.UTF-8", "--lc-messages=C"];
  return major >= 17 ? [...libc, "--locale-provider=builtin", "--builtin-locale=C.UTF-8"] : libc;
}
