/** Of a cluster that there is nothing of on any host, and never was as far as is known: a name that was misspelt, mostly. */
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { snapshotClusters } from "../snapshots/files.ts";
import { listSnapshots } from "../snapshots/list.ts";

const namedMost = 5;

/** @throws OpError cluster-not-found, naming those that were destroyed and can be brought back */
export async function refuseUnknown(parts: Parts, name: string): Promise<void> {
  if (parts.runtime.clusters.has(name)) return;
  try {
    await listSnapshots(parts, name, { here: false });
  } catch (error) {
    if (!(error instanceof OpError && error.code === "cluster-not-found")) throw error;
    const gone = (await snapshotClusters(parts)).filter((one) => one !== name && !parts.runtime.clusters.has(one));
    throw new OpError("cluster-not-found", {
      message: `cluster "${name}" does not exist, and nothing is kept of one that was called so`,
      ...(gone.length > 0 && { detail: `Destroyed, and can be brought back: ${gone.slice(0, namedMost).join(", ")}.` }),
      hint: "See those that there are: matriarch list. From storage elsewhere: matriarch backup connect --help",
    });
  }
}
