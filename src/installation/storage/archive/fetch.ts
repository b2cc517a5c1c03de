/**
 * Getting files of a cluster's log by name: out of its archive on this host, and what is not archived yet out of the
 * log of members that follow the newest timeline. Called by whoever restores, and by other hosts through the peer API.
 */
import { copyFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isWalName } from "../../../domain/wal-file.ts";
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

/** @returns whether any of the directories has it; `target` is whole then */
export async function fetchWal(sources: readonly string[], name: string, target: string): Promise<boolean> {
  if (!isWalName(name)) return false;
  for (const wanted of [name, `${name}.partial`])
    for (const source of sources) if (await copyWhole(join(source, wanted), target)) return true;
  return false;
}

async function copyWhole(from: string, target: string): Promise<boolean> {
  const found = await stat(from).catch(() => undefined);
  if (found?.isFile() !== true) return false;
  const part = `${target}.part`;
  try {
    await copyFile(from, part);
    await rename(part, target);
    return true;
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
