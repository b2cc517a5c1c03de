/**
 * A Postgres that the user has built: opened in the directory that was named, and nowhere else. Called when a cluster
 * is created with `--engine-directory`, and whenever one of its members needs the programs. What other users could
 * change is refused: some of these programs are run by the agent, which may be root.
 */
import { constants } from "node:fs";
import { access, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize } from "node:path";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine, ServerOwner } from "../port.ts";
import { supportedMajors } from "./catalog.ts";
import { lastLines, tryTool } from "./environment.ts";

/** Without these no member is made; pg_rewind and psql are used where they are there. */
const needed = ["postgres", "initdb"] as const;
const writableByOthers = 0o022;
const sticky = 0o1000;
const runMs = 10_000;

export interface OwnEngineWish {
  /** of the programs, or the one above it, as `make install` has it */
  readonly directory: string;
  /** undefined: whatever it holds */
  readonly major: number | undefined;
  readonly owner: ServerOwner | undefined;
}

/** @throws OpError bad-value for a directory that can be none, engine-missing, engine-failed when its programs do not run */
export async function openOwnEngine({ directory, major, owner }: OwnEngineWish): Promise<Engine> {
  const binDirectory = await programsIn(directory);
  for (const name of needed) await refuseChangeable(join(binDirectory, name));
  const bare: Engine = {
    kind: "system",
    major: 0,
    version: "",
    binDirectory,
    environment: {},
    tools: { pgRewind: undefined, psql: undefined },
  };
  const versions = await Promise.all(needed.map((name) => versionOf(bare, name, owner)));
  const [found, other] = versions;
  if (found === undefined || found.version !== other?.version) throw mixed(binDirectory, versions);
  refuseMajor(binDirectory, found, major);
  const [pgRewind, psql] = await Promise.all(["pg_rewind", "psql"].map((name) => program(join(binDirectory, name))));
  return { ...bare, ...found, build: await markOf(binDirectory), tools: { pgRewind, psql } };
}

/** Changes when another build was put there. */
export async function markOf(binDirectory: string): Promise<string> {
  return stat(join(binDirectory, "postgres")).then(
    ({ ino, mtimeMs }) => `${binDirectory} ${ino} ${mtimeMs}`,
    () => "",
  );
}

async function programsIn(directory: string): Promise<string> {
  if (!isAbsolute(directory))
    throw new OpError("bad-value", {
      message: `"${directory}" is not an absolute path`,
      hint: "Give the whole path of the build, such as /opt/postgres-18: it has to be the same on every host.",
    });
  const asGiven = normalize(directory).replace(/(?<=.)\/+$/, "");
  for (const place of [join(asGiven, "bin"), asGiven])
    if (await program(join(place, "postgres"))) return complete(place);
  throw new OpError("engine-missing", {
    message: `there is no Postgres in "${directory}"`,
    detail: "The program postgres is neither in it nor in its directory bin, or may not be run.",
    hint: "Give the directory that make install was told as its prefix, or the one that has postgres and initdb.",
  });
}

async function complete(place: string): Promise<string> {
  for (const name of needed)
    if (!(await program(join(place, name))))
      throw new OpError("engine-missing", {
        message: `the Postgres in "${place}" has no ${name}`,
        detail: `These programs are needed: ${needed.join(", ")}.`,
        hint: "Install all of the build there: make install",
      });
  return place;
}

async function program(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** The file, and all that leads to it: who can put another in its place decides what is run. */
async function refuseChangeable(path: string): Promise<void> {
  const own = process.getuid?.() ?? 0;
  for (const at of new Set([path, await realpath(path)].flatMap(withAbove))) {
    const { uid, mode } = await stat(at);
    if (uid !== 0 && uid !== own)
      throw unsafe(`"${at}" belongs to user ${uid}, who is neither root nor the agent's user`, `chown ${own} ${at}`);
    const isShared = (mode & writableByOthers) !== 0 && (mode & sticky) === 0;
    if (isShared) throw unsafe(`others than its owner can write to "${at}"`, `chmod go-w ${at}`);
  }
}

function withAbove(path: string): readonly string[] {
  const above = dirname(path);
  return above === path ? [path] : [path, ...withAbove(above)];
}

function unsafe(detail: string, type: string): OpError {
  return new OpError("bad-value", {
    message: "the directory of the build is not safe to run programs from",
    detail: `${detail}.`,
    hint: `Type: ${type}`,
  });
}

interface Version {
  readonly major: number;
  readonly version: string;
}

/** As the servers' own user: it is who will run them. */
async function versionOf(engine: Engine, name: string, owner: ServerOwner | undefined): Promise<Version> {
  const options = { owner, signal: AbortSignal.timeout(runMs), timeoutMs: runMs };
  const { code, stdout, stderr } = await tryTool(engine, name, ["--version"], options);
  const [, major, minor = "0"] = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(stdout) ?? [];
  if (code === 0 && major !== undefined) return { major: Number(major), version: `${major}.${minor}` };
  throw new OpError("engine-failed", {
    message: `"${join(engine.binDirectory, name)}" does not say its version`,
    detail: lastLines(stderr || stdout) || `It ended with ${code === null ? "a signal" : `exit code ${code}`}.`,
    hint: "Try it by hand, as the user that servers run as: libraries that it needs may be missing on this host.",
  });
}

function mixed(place: string, versions: readonly Version[]): OpError {
  return new OpError("bad-value", {
    message: `"${place}" holds programs of different versions`,
    detail: `${needed.map((name, at) => `${name} is of ${versions[at]?.version ?? "none"}`).join(", ")}.`,
    hint: "Install one build there, whole.",
  });
}

function refuseMajor(place: string, { major, version }: Version, wanted: number | undefined): void {
  if (!supportedMajors.includes(major))
    throw new OpError("not-supported", {
      message: `Postgres ${version}, which "${place}" holds, is not supported`,
      detail: `Supported are ${supportedMajors.join(", ")}.`,
    });
  if (wanted === undefined || wanted === major) return;
  throw new OpError("engine-missing", {
    message: `"${place}" holds Postgres ${version}, and not ${wanted}`,
    hint: `Put a build of Postgres ${wanted} there: a data directory belongs to one major version.`,
  });
}
