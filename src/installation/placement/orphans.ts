/**
 * What a host still has of members that do not exist any more: it was away while they were removed. Their servers are
 * ended at once, for a primary among them knows nothing of its successor; their directories are put aside, never removed.
 * Called when an agent over several hosts has read the store, and once an hour.
 */
import { mkdir, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { readCluster } from "../../drivers/store/records.ts";
import type { Parts } from "../parts.ts";

/**
 * @param fence ends whatever server runs in a data directory, by its postmaster.pid
 * @throws OpError store-unavailable: then nothing has been touched
 */
export async function putOrphansAside(parts: Parts, fence: (dataDirectory: string) => Promise<void>): Promise<void> {
  for (const cluster of await names(parts.clustersDirectory)) {
    if (
      parts.operations.list({ cluster, state: "running" }).some(({ kind }) => kind === "create" || kind === "destroy")
    )
      continue;
    // Read anew: a picture that is old would show members that have just been added as unknown.
    const record = await readCluster(parts.store, cluster);
    for (const member of await names(join(parts.clustersDirectory, cluster)))
      if (!isHere(parts, record, member)) await putAside(parts, { cluster, member }, fence);
  }
}

function isHere({ hostName }: Parts, record: ClusterRecord | undefined, member: string): boolean {
  return record?.members[member]?.value.host === hostName;
}

async function putAside(
  parts: Parts,
  { cluster, member }: { readonly cluster: string; readonly member: string },
  fence: (dataDirectory: string) => Promise<void>,
): Promise<void> {
  const from = join(parts.clustersDirectory, cluster, member);
  await fence(join(from, "data"));
  const aside = join(parts.home, "aside");
  await mkdir(aside, { recursive: true, mode: 0o700 });
  const to = join(aside, `${member}-${parts.clock.wallNow()}`);
  await rename(from, to);
  parts.events.emit("member.orphaned", { cluster, member }, { kept_as: to });
}

async function names(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
