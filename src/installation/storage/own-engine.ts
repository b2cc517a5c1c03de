/**
 * What a copy's server runs on: the version that its source ran on, where this host has it, for neither a newer nor an
 * older one has been tried on that data. Where it is not installed it is what this release was tested with, and the copy
 * says so. No copy waits for a network.
 */
import type { WantedEngine } from "../../agent/member-servers.ts";
import { engineOf, type ClusterSpec, type EngineChoice } from "../../domain/cluster.ts";
import { newestOf } from "../../drivers/postgres/engine/releases.ts";
import type { Parts } from "../parts.ts";

export interface OwnEngine {
  readonly wanted: WantedEngine;
  /** for people; left out: it is the source's own */
  readonly instead?: string;
}

/** @param version of the source, `18.3`; undefined: it is not known */
export async function engineOfCopy(
  { servers }: Pick<Parts, "servers">,
  spec: EngineChoice,
  version: string | undefined,
): Promise<OwnEngine> {
  const { engine, major } = spec;
  if (engine === "system") return { wanted: engineOf(spec) };
  const tested = servers.testedVersion(major);
  if (version === undefined || !version.startsWith(`${major}.`)) return { wanted: { engine, major, version: tested } };
  if (version === tested || (await servers.hasEmbedded(major, version))) return { wanted: { engine, major, version } };
  return {
    wanted: { engine, major, version: tested },
    instead: `Postgres ${tested}: ${version}, on which its source ran, is not installed here`,
  };
}

/** On which the log of a cluster was written last: an older server need not understand what a newer one wrote. */
export function writtenBy(
  { runtime, servers }: Pick<Parts, "runtime" | "servers">,
  { name, systemIdentifier }: ClusterSpec,
) {
  const record = runtime.clusters.get(name)?.record;
  if (record?.spec.value.systemIdentifier !== systemIdentifier) return undefined;
  const holder = record.members[record.reign.value.holder]?.value;
  return holder && (holder.version ?? servers.versionOf(record.spec.value, holder));
}

export function newestVersion(...versions: readonly (string | undefined)[]): string | undefined {
  return newestOf(versions.flatMap((version) => version ?? []));
}
