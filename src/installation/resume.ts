/** What an agent does about the operations of the one before it, and how it stops everything when asked to. */
import type { OperationRecord } from "../events/event.ts";
import { awaitIntentEnd } from "./changes.ts";
import { resumeCreate } from "./create.ts";
import { finishDestroy } from "./destroy.ts";
import type { Parts } from "./parts.ts";

export function resumeOperations(parts: Parts): void {
  for (const operation of parts.operations.list({ state: "running" })) resume(parts, operation);
}

function resume(parts: Parts, operation: OperationRecord): void {
  switch (operation.kind) {
    case "create":
      return void resumeCreate(parts, operation);
    case "destroy":
      return void finishDestroy(parts, operation);
    case "switchover":
    case "failover":
    case "restart":
      return resumeIntent(parts, operation);
    default:
      // The wish stands in the store and is being fulfilled; only nobody followed it to its end.
      parts.operations.finish(operation.id, {
        state: "failed",
        error: new Error(
          "the agent was restarted meanwhile; what was asked for goes on, `matriarch status` shows how far it is",
        ),
      });
  }
}

function resumeIntent(parts: Parts, operation: OperationRecord): void {
  const intent = parts.runtime.clusters.get(operation.cluster)?.record.intent?.value;
  if (intent?.id === operation.id) return void awaitIntentEnd(parts, operation);
  const step = "it ended while the agent was away; `matriarch events` tells how";
  parts.operations.finish(operation.id, { state: "done", step });
}

/** Every server of every cluster, in order and then hard; the records stay as they are, so that all come back. */
export async function stopServers(parts: Parts): Promise<void> {
  const clusters = [...parts.runtime.clusters.values()];
  for (const cluster of clusters) await parts.runtime.abandon(cluster.name);
  for (const { record } of clusters) {
    const { holder } = record.reign.value;
    const members = Object.values(record.members).map((member) => member.value);
    // The primary first, so that its standbys end with the same log.
    for (const member of members.toSorted((a) => (a.id === holder ? -1 : 1))) {
      const server = parts.servers.make(record, member);
      await server.observe(1000);
      await server.stop(10_000, "fence");
      await server.close();
    }
  }
}
