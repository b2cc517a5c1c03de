/** Storage of a cluster: its volumes, its snapshots, and copies of the whole. */
import { createdSchema, operationSchema } from "../../contract/cluster.ts";
import { pageQuerySchema } from "../../contract/requests.ts";
import {
  extendedSchema,
  extendRequestSchema,
  forkRequestSchema,
  hereQuerySchema,
  inPlacePlanSchema,
  inPlaceRequestSchema,
  restorePointRequestSchema,
  restorePointSchema,
  restoreRequestSchema,
  restoreWindowsSchema,
  snapshotPolicyRequestSchema,
  snapshotRequestSchema,
  snapshotsSchema,
  volumesSchema,
  type SnapshotStatus,
} from "../../contract/storage.ts";
import { nameNextPage, placeOf, readPlace } from "../pages.ts";
import { route } from "../route.ts";

const snapshotsQuerySchema = hereQuerySchema.extend(pageQuerySchema.shape);

export const storageRoutes = [
  route(
    "GET /v1/clusters/:cluster/snapshots",
    {
      id: "listSnapshots",
      role: "viewer",
      does: "Gives the snapshots of a cluster, also of one that was destroyed; with `limit` the newest so many.",
      query: snapshotsQuerySchema,
      answer: snapshotsSchema,
    },
    async ({ path, query: { here, limit, cursor }, c }, { installation: { storage } }) => {
      const all = await storage.snapshots(path.cluster, { here });
      if (limit === undefined && cursor === undefined) return all;
      const older = olderThan(all.snapshots, cursor);
      const snapshots = limit === undefined ? older : older.slice(-limit);
      const [first] = snapshots;
      nameNextPage(c, first && older.length > snapshots.length ? placeOf(first.taken_at, first.id) : undefined);
      return { ...all, snapshots };
    },
  ),
  route(
    "POST /v1/clusters/:cluster/snapshots",
    {
      id: "takeSnapshot",
      role: "operator",
      does: "Takes a snapshot of a member.",
      body: snapshotRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.takeSnapshot(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/snapshots/policy",
    {
      id: "setSnapshotPolicy",
      role: "operator",
      does: "Says whether snapshots are taken daily, and how long they are kept.",
      body: snapshotPolicyRequestSchema,
      answer: snapshotsSchema,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.changeSnapshotPolicy(path.cluster, body, asked),
  ),
  route(
    "DELETE /v1/clusters/:cluster/snapshots/:snapshot",
    {
      id: "deleteSnapshot",
      role: "admin",
      does: "Deletes a snapshot.",
      query: hereQuerySchema,
    },
    ({ path, query, asked }, { installation: { storage } }) =>
      storage.deleteSnapshot(path.cluster, path.snapshot, query, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/forks",
    {
      id: "forkCluster",
      role: "operator",
      does: "Makes a new cluster from a snapshot, or from the cluster as it is.",
      body: forkRequestSchema,
      answer: createdSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.fork(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/restores",
    {
      id: "restoreCluster",
      role: "operator",
      does: "Makes a new cluster of what another one was at a chosen time; that one need not exist any more.",
      body: restoreRequestSchema,
      answer: createdSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.restore(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/restores/in-place",
    {
      id: "restoreInPlace",
      role: "admin",
      does: "Puts a cluster back to what it was at a chosen time, and keeps a snapshot of what it is now.",
      body: inPlaceRequestSchema,
      answer: operationSchema,
      status: 202,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.restoreInPlace(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/restores/in-place/plan",
    {
      id: "planInPlace",
      role: "admin",
      does: "Says what a restore in place would begin with, or refuses as that would; changes nothing.",
      body: inPlaceRequestSchema,
      answer: inPlacePlanSchema,
    },
    ({ path, body }, { installation: { storage } }) => storage.planInPlace(path.cluster, body),
  ),
  route(
    "GET /v1/clusters/:cluster/restore-windows",
    {
      id: "listRestoreWindows",
      role: "viewer",
      does: "Gives the times that a cluster can be restored to, and its restore points.",
      query: hereQuerySchema,
      answer: restoreWindowsSchema,
    },
    ({ path, query }, { installation: { storage } }) => storage.restoreWindows(path.cluster, query),
  ),
  route(
    "POST /v1/clusters/:cluster/restore-points",
    {
      id: "makeRestorePoint",
      role: "operator",
      does: "Gives this moment of a cluster a name to restore to.",
      body: restorePointRequestSchema,
      answer: restorePointSchema,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.makeRestorePoint(path.cluster, body, asked),
  ),
  route(
    "GET /v1/clusters/:cluster/volumes",
    {
      id: "listVolumes",
      role: "viewer",
      does: "Gives the volumes of the members and how full they are.",
      query: hereQuerySchema,
      answer: volumesSchema,
    },
    ({ path, query }, { installation: { storage } }) => storage.volumes(path.cluster, query),
  ),
  route(
    "POST /v1/clusters/:cluster/volumes/extend",
    {
      id: "extendVolumes",
      role: "operator",
      does: "Makes the volumes of all members larger.",
      body: extendRequestSchema,
      answer: extendedSchema,
    },
    ({ path, body, asked }, { installation: { storage } }) => storage.extendVolumes(path.cluster, body, asked),
  ),
  route(
    "POST /v1/clusters/:cluster/volumes/apply",
    {
      id: "applyVolumes",
      role: "operator",
      does: "Brings the volumes on the host that is asked to the size that the cluster has.",
      answer: volumesSchema,
    },
    ({ path }, { installation: { storage } }) => storage.applyVolumes(path.cluster),
  ),
];

/** Oldest first, and those of one second by their ids. */
function olderThan(snapshots: readonly SnapshotStatus[], cursor: string | undefined): SnapshotStatus[] {
  const inOrder = snapshots.toSorted((a, b) => a.taken_at.localeCompare(b.taken_at) || (a.id < b.id ? -1 : 1));
  if (cursor === undefined) return inOrder;
  const { at, id } = readPlace(cursor);
  return inOrder.filter((one) => Date.parse(one.taken_at) < at || (Date.parse(one.taken_at) === at && one.id < id));
}
