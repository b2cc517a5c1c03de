/**
 * Finds the Postgres that the machine's packages brought: Debian's and PGDG's places, Red Hat's, Homebrew's, and what
 * pg_config on PATH names. Called when a cluster is created with `--engine system`, and by the command line for psql.
 * Installs nothing.
 */
import { execFile } from "node:child_process";
import { access, constants, readdir, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine } from "../port.ts";
import { supportedMajors } from "./catalog.ts";

/** Directories whose children are versions, and what leads from such a child to its programs. */
const places: readonly { readonly parent: string; readonly child: RegExp }[] = [
  { parent: "/usr/lib/postgresql", child: /^\d+$/ }, // Debian, Ubuntu, PGDG's apt
  { parent: "/usr", child: /^pgsql-\d+$/ }, // PGDG's yum
  { parent: "/opt/homebrew/opt", child: /^postgresql@\d+$/ },
  { parent: "/usr/local/opt", child: /^postgresql@\d+$/ }, // Homebrew on Intel
];

/** Everything that can run a server here, newest major first, one engine for each major. */
export async function findSystemEngines(): Promise<readonly Engine[]> {
  const directories = [...(await packagedDirectories()), ...(await pgConfigDirectory())];
  const engines = (await Promise.all(directories.map(openEngine))).filter((engine) => engine !== undefined);
  const first = engines.filter((engine, at) => engines.findIndex((other) => other.major === engine.major) === at);
  return first.toSorted((a, b) => b.major - a.major);
}

/**
 * @param major undefined: the newest
 * @throws OpError engine-missing, with the command that installs it
 */
export async function findSystemEngine(major: number | undefined): Promise<Engine> {
  const engines = await findSystemEngines();
  const engine = major === undefined ? engines[0] : engines.find((candidate) => candidate.major === major);
  if (engine !== undefined) return engine;
  const found = engines.map((candidate) => candidate.version).join(", ");
  throw new OpError("engine-missing", {
    message: major === undefined ? "no Postgres is installed on this machine" : `Postgres ${major} is not installed`,
    ...(found !== "" && { detail: `Installed: ${found}.` }),
    hint: `Install it, or leave --engine system out to use the binaries that come with Matriarch: ${installCommand(major)}`,
  });
}

/** To be pasted as it is. Debian's package would start a server of its own on a port that an endpoint may want. */
export function installCommand(major: number | undefined): string {
  if (process.platform === "darwin") return `brew install postgresql@${major ?? supportedMajors[0]}`;
  const name = major === undefined ? "postgresql" : `postgresql-${major}`;
  return `${noDebianCluster} && apt-get install -y ${name}`;
}

const noDebianCluster =
  'echo "create_main_cluster = false" | install -D -m 644 /dev/stdin /etc/postgresql-common/createcluster.d/matriarch.conf';

/** Changes when a package came or went; costs next to nothing, so that it can be looked at often. */
export async function systemEnginesMark(): Promise<string> {
  const programs = (await packagedDirectories()).map((directory) => join(directory, "postgres"));
  const marks = await Promise.all(
    programs.map((program) =>
      stat(program).then(
        ({ ino, mtimeMs }) => `${program} ${ino} ${mtimeMs}`,
        () => "",
      ),
    ),
  );
  return marks.join("\n");
}

/** The newest psql on this machine; one that is newer than the server works with it, an older one only in part. */
export async function findPsql(): Promise<string | undefined> {
  const engines = await findSystemEngines();
  const packaged = engines.map((engine) => engine.tools.psql).find((psql) => psql !== undefined);
  if (packaged !== undefined) return packaged;
  for (const directory of (process.env["PATH"] ?? "").split(delimiter).filter((path) => path !== "")) {
    const psql = await executable(join(directory, "psql"));
    if (psql !== undefined) return psql;
  }
  return undefined;
}

/** Where packages, or pg_config on PATH, have all of these programs, and of which major they are. */
export async function packagedTools(
  programs: readonly string[],
): Promise<readonly { readonly major: number; readonly directory: string }[]> {
  const directories = [...(await packagedDirectories()), ...(await pgConfigDirectory())];
  const found = await Promise.all(
    directories.map(async (directory) => {
      const paths = await Promise.all(programs.map((program) => executable(join(directory, program))));
      if (paths.includes(undefined)) return [];
      const major = Number(/\(PostgreSQL\) (\d+)/.exec((await ask(paths[0] ?? "", ["--version"])) ?? "")?.[1]);
      return Number.isInteger(major) ? [{ major, directory }] : [];
    }),
  );
  return found.flat().filter(({ major }, at, all) => all.findIndex((other) => other.major === major) === at);
}

async function packagedDirectories(): Promise<readonly string[]> {
  const found = await Promise.all(
    places.map(async ({ parent, child }) => {
      const names = await readdir(parent).catch(() => []);
      return names.filter((name) => child.test(name)).map((name) => join(parent, name, "bin"));
    }),
  );
  return found.flat();
}

/** A build of the user's own, last: packages are what gets security fixes. */
async function pgConfigDirectory(): Promise<readonly string[]> {
  const said = await ask("pg_config", ["--bindir"]);
  return said === undefined ? [] : [said.trim()];
}

async function openEngine(binDirectory: string): Promise<Engine | undefined> {
  const postgres = await executable(join(binDirectory, "postgres"));
  const said = postgres && (await ask(postgres, ["--version"]));
  const version = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(said ?? "");
  const major = Number(version?.[1]);
  if (version === null || !supportedMajors.includes(major)) return undefined;
  const [pgRewind, psql] = await Promise.all(["pg_rewind", "psql"].map((tool) => executable(join(binDirectory, tool))));
  const full = `${major}.${version[2] ?? "0"}`;
  return { kind: "system", major, version: full, binDirectory, environment: {}, tools: { pgRewind, psql } };
}

async function executable(path: string): Promise<string | undefined> {
  return access(path, constants.X_OK).then(
    () => path,
    () => undefined,
  );
}

async function ask(program: string, args: readonly string[]): Promise<string | undefined> {
  return promisify(execFile)(program, [...args], { timeout: 5000 }).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}
