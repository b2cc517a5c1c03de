/**
 * Where the files of a cluster's log are on this host: in its archive, and what is not archived yet in the log of members
 * that follow the newest timeline. Called by whoever restores.
 */
import { join } from "node:path";
import { archiveDirectory } from "../../../drivers/postgres/archive/permit.ts";
import { isHere, type Parts } from "../../parts.ts";

/**
 * Directories of this host to look in for files of this cluster's log, in this order. The log of a member that left the
 * newest timeline is none of them: it may hold what was never acknowledged.
 */
export function walSources(
  { home, runtime, hosts }: Pick<Parts, "home" | "runtime" | "hosts">,
  cluster: string,
  systemIdentifier: string,
): readonly string[] {
  const archive = archiveDirectory(home, cluster, systemIdentifier);
  const found = runtime.clusters.get(cluster);
  if (found?.record.spec.value.systemIdentifier !== systemIdentifier) return [archive];
  const { members, reign } = found.record;
  const own = Object.values(members).flatMap(({ value }) => (isHere({ hosts }, value) ? [value] : []));
  const onLine = own.filter(({ id }) => {
    const server = found.members.get(id)?.server;
    return (server?.kind === "running" || server?.kind === "stopped") && server.timeline === reign.value.timeline;
  });
  // The holder has the most.
  const sorted = onLine.toSorted((a, b) => Number(b.id === reign.value.holder) - Number(a.id === reign.value.holder));
  return [archive, ...sorted.map(({ dataDirectory }) => join(dataDirectory, "pg_wal"))];
}
