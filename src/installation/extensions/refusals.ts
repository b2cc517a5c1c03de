/** Why an extension cannot be had, and how to get it: in words, before anything was changed. Called by plan.ts. */
import { shellWord } from "../../contract/shell-word.ts";
import { debianPackage, isKnown, knownNames, otherNameOf } from "../../drivers/postgres/extensions/known.ts";
import { installLine, otherSource } from "../../drivers/postgres/extensions/packages.ts";
import type { ClusterSpec } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import type { HostContents, PackageOutlook } from "./hosts.ts";
import type { Scene } from "./scene.ts";

/** A host that lacks something, and what its packages have to say of it. */
export interface Lack {
  readonly host: string;
  readonly extension: string;
  readonly outlook: PackageOutlook | undefined;
}

export function refuseUnknown({ name, hosts }: Scene, extension: string): never {
  const all = hosts.flatMap(({ contents }) => contents?.extensions.map((found) => found.name) ?? []);
  const meant = otherNameOf(extension) ?? closest(extension, [...new Set([...all, ...knownNames])]);
  throw new OpError("extension-missing", {
    message: `there is no extension "${printable(extension)}"`,
    detail: "No host with a member has it, and Matriarch knows no package of that name.",
    hint: `${meant === undefined ? "" : `Did you mean "${meant}"? `}See: matriarch extension list ${name} --all`,
  });
}

/** The binaries that come with Matriarch are the same on every host, and nothing can be added to them. */
export function refuseEmbedded({ name, spec }: Scene, extension: string, system: number | undefined): never {
  const major = system ?? spec.major;
  const brings = debianPackage(extension, major);
  const line = brings === undefined ? "" : ` with its package on every host (${brings})`;
  const wayOver =
    major < spec.major
      ? `which is Postgres ${major} here, and takes no database of a newer one`
      : `then matriarch import NEW with the URI of "${name}"`;
  throw new OpError("extension-missing", {
    message: `the Postgres ${spec.major} that comes with Matriarch does not have "${extension}"`,
    detail: `It has what belongs to Postgres itself; see: matriarch extension list ${name} --all`,
    hint: `A cluster on the machine's own Postgres can have it${line}: matriarch create NEW --engine system, ${wayOver}.`,
  });
}

export function refuseSilent(name: string, silent: readonly HostContents[]): never {
  const hosts = silent.map(({ host }) => `"${host}"`).join(", ");
  throw new OpError("host-unreachable", {
    message: `${hosts} ${silent.length === 1 ? "does" : "do"} not answer, so it is not known what Postgres has there`,
    detail: `A member of "${name}" is there, and may be the primary tomorrow. Nothing was changed.`,
    hint: "Bring it back, or take its member out, and give the same command again.",
  });
}

export function refuseLacks(lacks: readonly Lack[], mayInstall: boolean): never {
  const [first] = lacks;
  const [extension, hosts] = [first?.extension ?? "", [...new Set(lacks.map(({ host }) => `"${host}"`))]];
  const outlook = first?.outlook;
  const verb = hosts.length === 1 ? `host ${hosts[0]} lacks` : `hosts ${hosts.join(", ")} lack`;
  throw new OpError("extension-missing", {
    message: `${verb} extension "${extension}"`,
    detail: [`Every host with a member must have it: any of them may become the primary.`, lackDetail(outlook)]
      .filter((sentence) => sentence !== "")
      .join(" "),
    hint: lackHint(extension, outlook, mayInstall),
  });
}

function lackDetail(outlook: PackageOutlook | undefined): string {
  if (!outlook?.package || outlook.candidate !== null) return "";
  return `${outlook.system} has no package ${outlook.package}.`;
}

function lackHint(extension: string, outlook: PackageOutlook | undefined, mayInstall: boolean): string {
  if (!outlook?.package)
    return isKnown(extension)
      ? `Install its package there (${outlook?.system ?? "unknown system"}), and give the same command again.`
      : "Install it there, and give the same command again.";
  const { package: name, candidate, may_install: isRoot } = outlook;
  const major = Number(/\d+/.exec(name)?.[0]);
  if (candidate === null)
    return `${otherSource(extension, major) ?? "Install it there by hand."} Once the package can be had, give the same command again with --install.`;
  const line = installLine([name]);
  if (!isRoot) return `The agent there does not run as root and cannot install it. As root, there: ${line}`;
  return mayInstall ? `By hand: ${line}` : `Let Matriarch install it with --install, or do it there, as root: ${line}`;
}

export function refuseDifferent(versions: readonly { readonly host: string; readonly version: string }[]): never {
  throw new OpError("extension-missing", {
    message: "the hosts have different versions of it",
    detail: `${versions.map(({ host, version }) => `"${host}" has ${version}`).join(", ")}.`,
    hint: "Bring them to the same one: its functions must be on whichever host is primary.",
  });
}

/** The library is there, and needs another one of the system's that is not: the languages are built that way. */
export function asUnloadable(
  error: unknown,
  extension: string,
  { engine, major }: Pick<ClusterSpec, "engine" | "major">,
): unknown {
  const [, said] = (error instanceof OpError && /could not load library "[^"]*": (.*)/.exec(error.message)) || [];
  if (said === undefined) return error;
  const brings = debianPackage(extension, major);
  return new OpError("extension-missing", {
    message: `the library of "${extension}" does not load on the primary's host`,
    detail: `${said}. Nothing was changed in the database.`,
    hint:
      engine === "embedded"
        ? "The Postgres that comes with Matriarch was built with another version of it. A cluster on the machine's own Postgres can have it: matriarch create NEW --engine system"
        : `Install what it needs on every host${brings === undefined ? "" : `, with package ${brings}`}.`,
    cause: error,
  });
}

export function refuseNotEnabled(name: string, extension: string, database: string, where: readonly string[]): never {
  const elsewhere = where.filter((other) => other !== database).map((other) => `"${other}"`);
  throw new OpError("extension-not-found", {
    message: `database "${database}" does not have extension "${printable(extension)}"`,
    ...(elsewhere.length === 0 ? {} : { detail: `It is enabled in ${elsewhere.join(", ")}.` }),
    hint:
      elsewhere.length === 0
        ? `See: matriarch extension list ${name}`
        : `Name the database: --database ${shellWord(where.find((other) => other !== database) ?? "")}`,
  });
}

/** What a terminal would obey, or a person could not read to its end. */
function printable(name: string): string {
  const shown = name.toWellFormed().replaceAll(/\p{Cc}/gu, "?");
  return shown.length > 63 ? `${shown.slice(0, 63)}…` : shown;
}

/** The one that holds what was typed, or most of its letters in a row. */
function closest(typed: string, names: readonly string[]): string | undefined {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const wanted = plain(typed);
  if (wanted.length < 3) return undefined;
  return (
    names.find((name) => plain(name) === wanted) ??
    names.find((name) => plain(name).includes(wanted) || wanted.includes(plain(name))) ??
    names.find((name) => isNear(plain(name), wanted))
  );
}

/** One letter too many, too few, or another one. */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let at = 0;
  while (at < Math.min(a.length, b.length) && a[at] === b[at]) at += 1;
  const rests = [
    [a.slice(at + 1), b.slice(at)],
    [a.slice(at), b.slice(at + 1)],
    [a.slice(at + 1), b.slice(at + 1)],
    [a.slice(at + 2), b.slice(at + 2)],
  ];
  return rests.some(([left, right]) => left === right);
}
