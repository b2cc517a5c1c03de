/** Which version of Postgres each member runs, and what is newer. Called for `version CLUSTER`, for status and by upgrade.ts. */
import { engineOf } from "../../domain/cluster.ts";
import type { ClusterRuntime } from "../../agent/runtime.ts";
import type { MemberVersion, VersionReport } from "../../contract/upgrade.ts";
import { compareVersions, newestInRegistry, newestOf } from "../../drivers/postgres/engine/releases.ts";
import { clusterOf, type Parts } from "../parts.ts";
import { memberNumber, runningVersion } from "../status.ts";

const askMs = 30_000;

export async function reportVersions(parts: Parts, name: string, check: boolean): Promise<VersionReport> {
  const cluster = clusterOf(parts, name);
  const { engine, engineDirectory = null, major } = cluster.record.spec.value;
  const members = memberVersions(cluster, parts.hostName);
  const newest = await newestFor(parts, cluster);
  const newestInIt =
    check && engine === "embedded"
      ? await newestInRegistry(major, AbortSignal.any([parts.signal, AbortSignal.timeout(askMs)]))
      : undefined;
  return {
    cluster: name,
    engine,
    engine_directory: engineDirectory,
    major,
    members: [...members],
    newest,
    is_behind: isBehind(members, newest),
    newest_in_registry: newestInIt ?? null,
  };
}

export function isBehind(members: readonly Pick<MemberVersion, "running">[], newest: string | null): boolean {
  return newest !== null && members.some(({ running }) => running !== null && compareVersions(running, newest) < 0);
}

export function memberVersions({ record, members }: ClusterRuntime, hostName: string): readonly MemberVersion[] {
  return [...members.values()]
    .toSorted((a, b) => memberNumber(a.id) - memberNumber(b.id))
    .map((member) => ({
      id: member.id,
      host: record.members[member.id]?.value.host ?? hostName,
      role: record.reign.value.holder === member.id ? "primary" : "standby",
      running: runningVersion(member) ?? null,
      next_start: member.installed ?? null,
    }));
}

/** With the system engine what the machines have: the newest among them, so that one that lags behind is named. */
export async function newestFor(parts: Parts, { record, members }: ClusterRuntime): Promise<string | null> {
  const { engine, major } = record.spec.value;
  if (engine === "embedded") return parts.servers.newestEmbedded(major);
  const here = await parts.servers.systemVersion(engineOf(record.spec.value)).catch(() => undefined);
  const elsewhere = [...members.values()].flatMap(({ installed }) => installed ?? []);
  return newestOf([...elsewhere, ...(here === undefined ? [] : [here])]) ?? null;
}
