/** What the API may ask about storage, each delegated to where it is done. */
import type { StorageInstallation } from "../../contract/storage.ts";
import type { Parts } from "../parts.ts";
import { beginFork, beginRestore } from "./fork.ts";
import { beginInPlace, planInPlace } from "./restore/in-place.ts";
import { makePoint } from "./restore/points.ts";
import { listWindows } from "./restore/windows.ts";
import { changePolicy, deleteSnapshot, listSnapshots } from "./snapshots/list.ts";
import { beginSnapshot } from "./snapshots/take.ts";
import { applySize, extendVolumes, listVolumes } from "./volumes.ts";

export function createStorage(parts: Parts): StorageInstallation {
  return {
    fork: (cluster, request, asked) => beginFork(parts, cluster, request, asked),
    restore: (cluster, request, asked) => beginRestore(parts, cluster, request, asked),
    planInPlace: (cluster, request) => planInPlace(parts, cluster, request),
    restoreInPlace: (cluster, request, asked) => beginInPlace(parts, cluster, request, asked),
    restoreWindows: (cluster, query) => listWindows(parts, cluster, query),
    makeRestorePoint: (cluster, request, asked) => makePoint(parts, cluster, request, asked),
    snapshots: (cluster, query) => listSnapshots(parts, cluster, query),
    takeSnapshot: (cluster, request, asked) => beginSnapshot(parts, cluster, request, asked),
    deleteSnapshot: (cluster, id, query, asked) => deleteSnapshot(parts, cluster, id, { ...query, ...asked }),
    changeSnapshotPolicy: (cluster, request, asked) => changePolicy(parts, cluster, request, asked),
    volumes: (cluster, query) => listVolumes(parts, cluster, query),
    extendVolumes: (cluster, request, asked) => extendVolumes(parts, cluster, request, asked),
    applyVolumes: (cluster) => applySize(parts, cluster),
  };
}
