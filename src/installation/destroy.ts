/** Taking a cluster away for good: its loops, its servers, its directories, its records, in this order. */
import type { Asked } from "../contract/installation.ts";
import { formatMoment } from "../contract/moment.ts";
import { removeCluster } from "../drivers/store/records.ts";
import type { OperationRecord } from "../events/event.ts";
import { leaveSourceAlone, readMarksAnywhere } from "./imports/leave-source.ts";
import { clusterOf, refuseWithoutStore, type Parts } from "./parts.ts";
import { eraseElsewhere, eraseHere } from "./placement/erase.ts";
import { listSnapshots } from "./storage/snapshots/list.ts";

export function beginDestroy(parts: Parts, name: string, asked: Asked): OperationRecord {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
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
    const left = await leaveSources(parts, operation.cluster);
    const kept = await snapshotsKept(parts, operation.cluster);
    await eraseCluster(parts, operation.cluster);
    parts.events.emit("cluster.destroyed", { cluster: operation.cluster, actor: operation.by });
    const result = { ...kept, ...(left.length > 0 && { left_at_sources_of_imports: left.join(" ") }) };
    parts.operations.finish(operation.id, { state: "done", step: "the cluster and its data are gone", result });
  } catch (error) {
    parts.log.error("destroy failed", { cluster: operation.cluster, error });
    if (!parts.signal.aborted) parts.operations.finish(operation.id, { state: "failed", error });
  }
}

/** How many, and for how long: whoever destroyed it by mistake reads it here. */
async function snapshotsKept(parts: Parts, name: string): Promise<Readonly<Record<string, string>>> {
  const { snapshots } = await listSnapshots(parts, name, { here: false }).catch(() => ({ snapshots: [] }));
  const last = snapshots
    .map(({ kept_until: until }) => until)
    .toSorted()
    .at(-1);
  if (last === undefined) return {};
  const until = `${snapshots.length}, the last until ${formatMoment(Date.parse(last))}`;
  return { snapshots_kept: until, to_bring_it_back: `matriarch restore ${name} ${name}` };
}

/** A source of a live import would keep its log for a cluster that is gone. */
async function leaveSources(parts: Parts, name: string): Promise<readonly string[]> {
  if (!parts.runtime.clusters.has(name)) return [];
  const live = [...(await readMarksAnywhere(parts, name)).values()].filter(({ state }) => state === "live");
  const left = await Promise.all(live.map((mark) => leaveSourceAlone(parts, name, mark)));
  return left.flatMap((text) => text ?? []);
}

/** Safe to repeat from any point. The records go last: until then the next agent knows what is left to remove. */
export async function eraseCluster(parts: Parts, name: string): Promise<void> {
  await eraseHere(parts, name);
  const left = await eraseElsewhere(parts, name);
  if (left.length > 0)
    parts.log.warn("hosts did not answer; what they have is put aside later", { cluster: name, left });
  await removeCluster(parts.store, name);
}
