/** Which servers serve reads: how far behind, and what when none is fit. Written into the spec; the loops obey it. */
import type { Asked } from "../contract/installation.ts";
import type { ReadsRequest } from "../contract/reads.ts";
import type { ReadPolicy } from "../domain/cluster.ts";
import { amend, awaitCluster, clusterOf, refuseWithoutStore, type Parts } from "./parts.ts";

const seenMs = 6000;

/** @throws OpError cluster-not-found, store-unavailable */
export async function setReads(parts: Parts, name: string, request: ReadsRequest, asked: Asked): Promise<void> {
  clusterOf(parts, name);
  refuseWithoutStore(parts);
  const { max_lag_ms: lagMsMax, max_lag_bytes: lagBytesMax, fallback } = request;
  if (lagMsMax === undefined && lagBytesMax === undefined && fallback === undefined) return;
  let generation = 0;
  await amend(parts, name, ({ spec }) => {
    generation = spec.value.generation + 1;
    const reads: ReadPolicy = {
      ...spec.value.reads,
      ...(lagMsMax === undefined ? {} : { lagMsMax }),
      ...(fallback === undefined ? {} : { fallback }),
    };
    const readLagBytesMax = lagBytesMax ?? spec.value.readLagBytesMax;
    return {
      require: ["spec"],
      write: [{ key: "spec", value: { ...spec.value, reads, readLagBytesMax, generation } }],
    };
  });
  parts.events.emit(
    "cluster.reads",
    { cluster: name, actor: asked.by },
    { lag_ms: lagMsMax ?? null, lag_bytes: lagBytesMax ?? null, fallback: fallback ?? null },
  );
  const isSeen = { withinMs: seenMs, describe: () => "" };
  await awaitCluster(parts, name, ({ record }) => record.spec.value.generation >= generation, isSeen).catch(
    () => undefined,
  );
}
