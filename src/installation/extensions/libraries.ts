/**
 * Whether hosts have what a cluster's servers load and what its databases use, asked before a member is placed there: it
 * would not start, or come to nothing as a primary. Called when clusters and members are made.
 */
import type { ClusterRecord, ClusterSpec, EngineChoice } from "../../domain/cluster.ts";
import { debianPackage, needing } from "../../drivers/postgres/extensions/known.ts";
import { installLine } from "../../drivers/postgres/extensions/packages.ts";
import { formatLibraries, librariesIn } from "../../drivers/postgres/extensions/preload.ts";
import { OpError } from "../../errors/op-error.ts";
import { engineAsked, type ContentsAnswer } from "../../contract/peer.ts";
import { lookOnPrimary } from "../accounts/primary.ts";
import type { Parts } from "../parts.ts";
import { contentsOn } from "./hosts.ts";
import { installedEverywhere } from "./scene.ts";

/** Loaded by every new cluster whose hosts have it: what was slow last night can be seen in the morning. */
const usualLibrary = "pg_stat_statements";

type Settings = ClusterSpec["settings"];

/**
 * The settings of a new cluster with the usual library, unless the user has said what to load.
 * @throws OpError extension-missing for one that the user wants and a host lacks
 */
export async function settingsWithLibraries(
  parts: Parts,
  spec: EngineChoice & { readonly settings: Settings },
  hosts: readonly string[],
): Promise<Settings> {
  const { settings } = spec;
  const found = await contentsByHost(parts, spec, hosts);
  const wanted = packagedIn(settings);
  refuseLacking(found, { libraries: wanted, extensions: [] }, spec);
  const hasUsual = [...found.values()].every(({ libraries }) => libraries.includes(usualLibrary));
  if (settings["shared_preload_libraries"] !== undefined || !hasUsual) return settings;
  return { ...settings, shared_preload_libraries: formatLibraries([usualLibrary]) };
}

/** @throws OpError extension-missing when one of the hosts lacks what the cluster uses */
export async function refuseUnfitHosts(parts: Parts, { spec }: ClusterRecord, hosts: readonly string[]): Promise<void> {
  const { name, settings } = spec.value;
  const found = await contentsByHost(parts, spec.value, hosts);
  // Without a primary it cannot be asked what its databases use; its libraries are known all the same.
  const databases = await lookOnPrimary(parts, name, installedEverywhere).catch(() => new Map<string, never>());
  const extensions = [...new Set([...databases.values()].flat().map((extension) => extension.name))];
  refuseLacking(found, { libraries: packagedIn(settings), extensions }, spec.value);
}

/** A path is the user's own affair. */
function packagedIn(settings: Settings): readonly string[] {
  return librariesIn(settings).filter((library) => !library.includes("/"));
}

/** The binaries that come with Matriarch are the same everywhere, and may not be fetched yet on the others. */
async function contentsByHost(
  parts: Parts,
  choice: EngineChoice,
  hosts: readonly string[],
): Promise<ReadonlyMap<string, ContentsAnswer>> {
  const asked = choice.engine === "embedded" || !parts.hosts.self ? [parts.hostName] : [...new Set(hosts)];
  const request = { engine: engineAsked(choice), packages: [] };
  const answers = await Promise.all(asked.map(async (host) => [host, await contentsOn(parts, host, request)] as const));
  return new Map(answers.flatMap(([host, contents]) => (contents ? [[host, contents] as const] : [])));
}

function refuseLacking(
  found: ReadonlyMap<string, ContentsAnswer>,
  { libraries, extensions }: { readonly libraries: readonly string[]; readonly extensions: readonly string[] },
  choice: EngineChoice,
): void {
  for (const [host, contents] of found) {
    const lacks = [
      ...extensions.filter((extension) => !contents.extensions.some(({ name }) => name === extension)),
      ...libraries.filter((library) => !contents.libraries.includes(library)),
    ];
    if (lacks.length > 0) throw lacking(host, [...new Set(lacks)], choice);
  }
}

function lacking(host: string, lacks: readonly string[], { engine, engineDirectory, major }: EngineChoice): OpError {
  const names = lacks.map((name) => `"${name}"`).join(", ");
  if (engine === "embedded")
    return new OpError("extension-missing", {
      message: `the Postgres ${major} that comes with Matriarch does not have ${names}`,
      hint: "Leave it out, or use --engine system with its package installed.",
    });
  const packages = engineDirectory ? [] : lacks.flatMap((name) => debianPackage(needing(name)[0] ?? name, major) ?? []);
  return new OpError("extension-missing", {
    message: `host "${host}" cannot take a member: its Postgres ${major} lacks ${names}`,
    detail: "The cluster uses it, and any member may become the primary.",
    hint:
      packages.length === 0
        ? `Install it there first${engineDirectory === undefined ? "" : `, into the build in "${engineDirectory}"`}.`
        : `Install it there first, on Debian and Ubuntu as root: ${installLine(packages)}`,
  });
}
