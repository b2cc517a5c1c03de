/**
 * The machine's packages that bring extensions: which there are, and their installation. Debian's apt only; elsewhere
 * people are told what to look for. Called on the host that lacks one. Takes names of extensions, never of packages:
 * what is asked of another host can install nothing else.
 */
import { spawn } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { once } from "node:events";
import { OpError } from "../../../errors/op-error.ts";
import { debianPackage, isKnown, knownOf } from "./known.ts";

export interface PackageOutlook {
  /** `Debian GNU/Linux 12 (bookworm)` */
  readonly system: string;
  /** what brings it here; null: nobody knows, or this is no Debian */
  readonly package: string | null;
  /** the version that would be installed; null: none is to be had */
  readonly candidate: string | null;
  /** this agent may install packages: it is root, and there is apt */
  readonly mayInstall: boolean;
}

const apt = "/usr/bin/apt-get";
/** Comes with postgresql-common, beside every server of Debian's and Ubuntu's packages. */
const addRepository = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y";
const lookMs = 20_000;
const installMs = 15 * 60_000;
/** The last so many characters of what apt says. */
const saidMax = 4000;

/** Nobody is asked anything, and no service is restarted because of it: the servers and their agent run on. */
const environment = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
  DEBIAN_FRONTEND: "noninteractive",
  NEEDRESTART_SUSPEND: "1",
};

export async function lookForPackage(extension: string, major: number): Promise<PackageOutlook> {
  const system = await systemName();
  const hasApt = await access(apt).then(
    () => true,
    () => false,
  );
  const name = hasApt ? debianPackage(extension, major) : undefined;
  if (name === undefined) return { system, package: null, candidate: null, mayInstall: false };
  const { output } = await run("/usr/bin/apt-cache", ["policy", name], AbortSignal.timeout(lookMs));
  const candidate = /^ {2}Candidate: (?!\(none\))(.+)$/m.exec(output)?.[1] ?? null;
  return { system, package: name, candidate, mayInstall: process.getuid?.() === 0 };
}

/** As it is run, and as a person would type it. */
export function installLine(packages: readonly string[]): string {
  return `apt-get install -y --no-install-recommends ${[...new Set(packages)].join(" ")}`;
}

/** Goes on when the agent ends: half a package is worse than one too many. @throws OpError install-failed, with apt's last words */
export async function installPackage(extension: string, major: number): Promise<string> {
  const name = debianPackage(extension, major);
  if (name === undefined) throw refused(`it is not known which package brings "${extension}"`, "");
  const bounded = AbortSignal.timeout(installMs);
  // Waits for another apt instead of failing beside it.
  const patient = ["-o", "DPkg::Lock::Timeout=120"];
  const args = [...patient, "install", "-y", "--no-install-recommends", name];
  const first = await run(apt, args, bounded);
  if (first.code === 0) return name;
  // The list of packages may be older than the packages.
  await run(apt, [...patient, "update"], bounded);
  const { code, output } = await run(apt, args, bounded);
  if (code !== 0) throw refused(`package "${name}" could not be installed`, output);
  return name;
}

/** How a person gets it, where the packages of this machine do not have it. */
export function otherSource(extension: string, major: number): string | undefined {
  if (!isKnown(extension)) return undefined;
  const own = knownOf(extension).elsewhere?.replaceAll("%", String(major));
  const name = debianPackage(extension, major);
  const pgdg = name && `The PostgreSQL project's own packages may have it; as root, there: ${addRepository}.`;
  return [pgdg, own && `${own}.`].filter((sentence) => sentence !== undefined).join(" ") || undefined;
}

function refused(message: string, said: string): OpError {
  const lines = said.split("\n").filter((line) => /^(E|W|dpkg):/.test(line));
  return new OpError("install-failed", {
    message,
    ...(lines.length === 0 ? {} : { detail: lines.slice(-6).join("\n") }),
    hint: "See what apt-get says of it on that host.",
  });
}

async function run(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(program, args, { env: environment, stdio: ["ignore", "pipe", "pipe"], detached: true, signal });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      output = (output + chunk).slice(-saidMax);
    });
  }
  try {
    await once(child, "close");
  } catch (error) {
    return { code: null, output: `E: ${error instanceof Error ? error.message : String(error)}` };
  }
  return { code: child.exitCode, output };
}

async function systemName(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? process.platform;
}
