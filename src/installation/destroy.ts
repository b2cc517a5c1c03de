/** Taking a cluster away for good: its loops, its servers, its directories, its records, in this order. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Asked } from "../contract/installation.ts";
import { readCluster, removeCluster } from "../drivers/store/records.ts";
import type { OperationRecord } from "../events/event.ts";
import { clusterOf, type Parts } from "./parts.ts";

export function beginDestroy(parts: Parts, name: string, asked: Asked): OperationRecord {
  clusterOf(parts, name);
  const operation = parts.operations.begin({
    kind: "destroy",
    cluster: name,
    by: asked.by,
    stepsTotal: 1,
    step: "stopping the servers",
    exclusive: true,
  });
  void finishDestroy(parts, operation);
  return operation;
}

/** Also the way on after an agent that ended in the middle. */
export async function finishDestroy(parts: Parts, operation: OperationRecord): Promise<void> {
  try {
    await eraseCluster(parts, operation.cluster);
    parts.events.emit("cluster.destroyed", { cluster: operation.cluster, actor: operation.by });
    parts.operations.finish(operation.id, { state: "done", step: "the cluster and its data are gone" });
  } catch (error) {
    parts.log.error("destroy failed", { cluster: operation.cluster, error });
    if (!parts.signal.aborted) parts.operations.finish(operation.id, { state: "failed", error });
  }
}

/** Safe to repeat from any point. The records go last: until then the next agent knows what is left to remove. */
export async function eraseCluster(parts: Parts, name: string): Promise<void> {
  await parts.runtime.abandon(name);
  const record = await readCluster(parts.store, name);
  if (record) {
    await parts.servers.prepare(record);
    await Promise.all(
      Object.values(record.members).map(async ({ value: member }) => {
        const server = parts.servers.make(record, member);
        await server.fence();
        await server.destroy();
        await server.close();
      }),
    );
  }
  // A copy that the last agent began may still be running, and puts files where others have just been removed.
  const patiently = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };
  await rm(join(parts.clustersDirectory, name), patiently);
  await removeCluster(parts.store, name);
}
