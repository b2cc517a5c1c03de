/**
 * What a host still has of members that do not exist any more: it was away while they were removed. Their servers are
 * ended at once, for a primary among them knows nothing of its successor; their directories are put aside, never removed.
 * Called when an agent over several hosts has read the store, and once a minute.
 */
import { mkdir, readdir, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { processesOf, signal } from "../../drivers/postgres/server/processes.ts";
import { readCluster } from "../../drivers/store/records.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";

/** SIGKILL works at once; a process in an uninterruptible wait does not hear it. */
const endMs = 10_000;

type OrphanParts = Pick<Parts, "store" | "clock" | "home" | "clustersDirectory" | "hostName"> & {
  /** what is to become something else than put aside, where a restore in place replaced the cluster's members */
  readonly keepFirst?: (cluster: string) => Promise<unknown>;
  readonly operations: Pick<Parts["operations"], "list">;
  readonly events: {
    emit(
      type: "member.orphaned",
      about: { readonly cluster: string; readonly member: string },
      fields: { readonly kept_as: string },
    ): unknown;
  };
};

/** @throws OpError store-unavailable: then nothing has been touched */
export async function putOrphansAside(parts: OrphanParts): Promise<void> {
  for (const cluster of await names(parts.clustersDirectory)) {
    if (
      parts.operations
        .list({ cluster, state: "running" })
        .some(({ kind }) => ["create", "fork", "restore", "restore in place", "destroy"].includes(kind))
    )
      continue;
    // Read anew: a picture that is old would show members that have just been added as unknown.
    const record = await readCluster(parts.store, cluster);
    await parts.keepFirst?.(cluster);
    for (const member of await membersIn(parts, cluster))
      if (!isHere(parts, record, member)) await putAside(parts, { cluster, member });
  }
}

/** Those of the cluster that have a directory on this host, whether they are known or not. */
export async function membersIn(
  { clustersDirectory }: Pick<Parts, "clustersDirectory">,
  cluster: string,
): Promise<readonly string[]> {
  const found = await names(join(clustersDirectory, cluster));
  return found.filter((name) => name.startsWith(`${cluster}-`) && /^\d+$/.test(name.slice(cluster.length + 1)));
}

function isHere({ hostName }: OrphanParts, record: ClusterRecord | undefined, member: string): boolean {
  return record?.members[member]?.value.host === hostName;
}

async function putAside(
  parts: OrphanParts,
  { cluster, member }: { readonly cluster: string; readonly member: string },
): Promise<void> {
  const from = join(parts.clustersDirectory, cluster, member);
  // What a member that was removed in order leaves.
  if (await removeIfEmpty(from)) return;
  await endServerIn(join(from, "data"));
  const aside = asideDirectory(parts);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  const to = join(aside, `${member}-${parts.clock.wallNow()}`);
  await rename(from, to);
  parts.events.emit("member.orphaned", { cluster, member }, { kept_as: to });
}

export function asideDirectory({ home }: Pick<Parts, "home">): string {
  return join(home, "aside");
}

/** @param name of an entry there */
export function isPutAside(name: string, member: string): boolean {
  return name.startsWith(`${member}-`) && /^\d+$/.test(name.slice(member.length + 1));
}

async function removeIfEmpty(directory: string): Promise<boolean> {
  return rmdir(directory).then(
    () => true,
    () => false,
  );
}

/** Hard: whatever it does now, nobody is to rely on it. @throws OpError when something is left: the directory stays */
export async function endServerIn(dataDirectory: string): Promise<void> {
  const until = performance.now() + endMs;
  for (;;) {
    const pids = await processesOf(dataDirectory);
    if (pids.length === 0) return;
    if (performance.now() > until)
      throw new OpError("operation-failed", { message: `processes of "${dataDirectory}" cannot be ended` });
    for (const pid of pids) signal(pid, "SIGKILL");
    await setTimeout(50);
  }
}

async function names(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
