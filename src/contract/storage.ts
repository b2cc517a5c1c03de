/** Volumes of a cluster: what the API says of them and takes for them. */
import { z } from "zod";
import type { Asked } from "./asked.ts";
import type { Connection, Operation } from "./cluster.ts";

interface CreatedCluster {
  readonly operation: Operation;
  readonly connection: Connection;
}

const missing = z.array(z.object({ host: z.string(), reason: z.string() }));

export const volumeSchema = z.object({
  member: z.string(),
  host: z.string(),
  /** of the host's pool: `ext4`, `xfs`, `btrfs` */
  file_system: z.string(),
  driver: z.enum(["directory", "xfs", "btrfs"]),
  /** that was asked for; null: as large as the file system */
  size_bytes: z.int().nullable(),
  /** why the file system does not hold the volume to its size; null: it does, or there is none */
  not_enforced: z.string().nullable(),
  /** files that share their blocks with a snapshot count in full */
  used_bytes: z.int(),
  wal_bytes: z.int(),
  /** what can still be written */
  free_bytes: z.int(),
  /** of the file system, for all that is on it */
  pool_free_bytes: z.int(),
  /** of the last week; null while less than an hour is known */
  growth_bytes_per_day: z.int().nullable(),
});
export type VolumeStatus = z.infer<typeof volumeSchema>;

export const volumesSchema = z.object({
  volumes: z.array(volumeSchema),
  /** hosts whose volumes are not in here */
  missing,
});
export type Volumes = z.infer<typeof volumesSchema>;

/** Smaller ones cannot hold a server, its log and the room that a checkpoint needs. */
export const volumeBytesMin = 512 * 2 ** 20;

export const extendRequestSchema = z
  .strictObject({ size_bytes: z.int().positive().optional(), add_bytes: z.int().positive().optional() })
  .refine((request) => (request.size_bytes === undefined) !== (request.add_bytes === undefined), {
    message: "either size_bytes or add_bytes",
  });
export type ExtendRequest = z.infer<typeof extendRequestSchema>;

export const extendedSchema = z.object({
  from_bytes: z.int().nullable(),
  size_bytes: z.int(),
  volumes: z.array(volumeSchema),
  /** hosts that take the new size up when they are back */
  missing,
});
export type Extended = z.infer<typeof extendedSchema>;

/** A script is sent whole. */
export const scriptLettersMax = 200_000;

export const hereQuerySchema = z.strictObject({
  /** only of the host that is asked */
  here: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
});

export const snapshotSchema = z.object({
  id: z.string(),
  cluster: z.string(),
  member: z.string(),
  host: z.string(),
  taken_at: z.string(),
  took_ms: z.int(),
  by: z.string(),
  why: z.enum(["asked", "daily", "before-restore", "before-change", "before-rejoin"]),
  /** of one moment; file by file with the log that makes it consistent; of a server that was stopped */
  how: z.enum(["atomic", "backup-mode", "stopped"]),
  role: z.enum(["primary", "standby"]),
  timeline: z.int(),
  version: z.string(),
  size_bytes: z.int(),
  /** what its removal would give back; null when it cannot be told */
  own_bytes: z.int().nullable(),
  kept_until: z.string(),
  /** whether it is of the cluster that has this name now */
  is_current: z.boolean(),
  /** where its replay begins, and of which cluster it is; null: told by an agent that does not know */
  start: z.object({ timeline: z.int(), lsn: z.string() }).nullable().default(null),
  system_identifier: z.string().nullable().default(null),
});
export type SnapshotStatus = z.infer<typeof snapshotSchema>;

export const snapshotPolicySchema = z.object({
  daily: z.boolean(),
  kept_days: z.int(),
  /** of the next daily one; null when there is none */
  next_at: z.string().nullable(),
});

export const snapshotsSchema = z.object({
  /** oldest first */
  snapshots: z.array(snapshotSchema),
  /** null: the cluster does not exist any more */
  policy: snapshotPolicySchema.nullable(),
  missing,
});
export type Snapshots = z.infer<typeof snapshotsSchema>;

export const keptDays = z.int().min(1).max(60);

export const snapshotRequestSchema = z.strictObject({
  member: z.string().optional(),
  kept_days: keptDays.optional(),
  why: z.enum(["asked", "daily", "before-change"]).default("asked"),
  /** said by an agent that forwards: of a member of this host, or not at all */
  here: z.boolean().default(false),
});
export type SnapshotRequest = z.output<typeof snapshotRequestSchema>;

export const snapshotPolicyRequestSchema = z.strictObject({
  daily: z.boolean().optional(),
  kept_days: keptDays.optional(),
});
export type SnapshotPolicyRequest = z.infer<typeof snapshotPolicyRequestSchema>;

/** Of a new cluster that is made of a copy. */
const copyFields = {
  name: z.string(),
  snapshot: z.string().optional(),
  members: z.int().min(1).max(16).optional(),
  port: z.int().optional(),
  password: z.string().optional(),
  volume_bytes: z.int().positive().optional(),
  /** destroyed by itself after this time, at least a minute */
  expires_ms: z.int().min(60_000).optional(),
  /** run before anybody can connect; when it fails there is no copy */
  script: z
    .strictObject({ sql: z.string().min(1).max(scriptLettersMax), database: z.string().min(1).default("postgres") })
    .optional(),
  /** said by an agent that forwards: of what this host has, or not at all */
  here: z.boolean().default(false),
};

/** To where; none of them: the newest that there is. */
const targetFields = {
  /** as people write it, see moment.ts */
  at: z.string().max(100).optional(),
  /** a restore point's name */
  point: z.string().max(63).optional(),
  lsn: z.string().max(20).optional(),
  /** a transaction's number, with or without its epoch */
  xid: z.string().max(20).optional(),
  /** just before it */
  exclusive: z.boolean().optional(),
};

/** of a repository: this backup, or the best one there */
const repositoryFields = { backup: z.string().max(40).optional(), from_repository: z.boolean().optional() };

export const restoreTargetSchema = z.strictObject({ ...targetFields, snapshot: z.string().optional() });
export type RestoreTarget = z.output<typeof restoreTargetSchema>;

export const forkRequestSchema = z.strictObject({ ...copyFields, ...targetFields, member: z.string().optional() });
export type ForkRequest = z.output<typeof forkRequestSchema>;
export type ForkWish = z.input<typeof forkRequestSchema>;

export const restoreRequestSchema = z.strictObject({ ...copyFields, ...targetFields, ...repositoryFields });
export type RestoreRequest = z.output<typeof restoreRequestSchema>;
export type RestoreWish = z.input<typeof restoreRequestSchema>;

/** Of a cluster itself: its name, its endpoints and its passwords stay. */
export const inPlaceRequestSchema = z.strictObject({
  ...targetFields,
  snapshot: z.string().optional(),
  /** to what it was before the last restore in place */
  undo: z.boolean().default(false),
  /** said by an agent that forwards: of what this host has, or not at all */
  here: z.boolean().default(false),
});
export type InPlaceRequest = z.output<typeof inPlaceRequestSchema>;
export type InPlaceWish = z.input<typeof inPlaceRequestSchema>;

/** What a restore in place would do. */
export const inPlacePlanSchema = z.object({
  cluster: z.string(),
  /** that makes the copy */
  host: z.string(),
  /** the snapshot that the copy begins with */
  begins_with: z.string(),
  /** the time that was given, in UTC; null: none was. Asked for with it, a time that was "ago" is still the same */
  at: z.string().nullable(),
  /** what was committed later is not in it; null: known once the log has been replayed */
  as_of: z.string().nullable(),
  members: z.int(),
});
export type InPlacePlan = z.infer<typeof inPlacePlanSchema>;

export const restorePointRequestSchema = z.strictObject({
  name: z.string(),
  /** said by an agent that forwards: by this host's primary, or not at all */
  here: z.boolean().default(false),
});
export type RestorePointRequest = z.output<typeof restorePointRequestSchema>;

export const restorePointSchema = z.object({
  name: z.string(),
  made_at: z.string(),
  by: z.string(),
  lsn: z.string(),
  timeline: z.int(),
  system_identifier: z.string(),
  /** whether it is of the cluster that has this name now */
  is_current: z.boolean(),
});
export type RestorePointStatus = z.infer<typeof restorePointSchema>;

export const restoreWindowsSchema = z.object({
  /** oldest first */
  windows: z.array(z.object({ host: z.string(), from: z.string(), until: z.string(), is_current: z.boolean() })),
  /** oldest first */
  points: z.array(restorePointSchema),
  missing,
});
export type RestoreWindows = z.infer<typeof restoreWindowsSchema>;

export interface StorageInstallation {
  /** @throws OpError cluster-exists, snapshot-not-found, no-candidate, too-little-disk */
  fork(cluster: string, request: ForkRequest, asked: Asked): Promise<CreatedCluster>;
  /** also of a cluster that does not exist any more. @throws OpError restore-out-of-window, restore-point-not-found */
  restore(cluster: string, request: RestoreRequest, asked: Asked): Promise<CreatedCluster>;
  /** @throws OpError restore-out-of-window, snapshot-not-found, host-unreachable, before anything is changed */
  planInPlace(cluster: string, request: InPlaceRequest): Promise<InPlacePlan>;
  /** @throws OpError restore-out-of-window, snapshot-not-found, host-unreachable, busy */
  restoreInPlace(cluster: string, request: InPlaceRequest, asked: Asked): Promise<Operation>;
  /** what can be restored. @throws OpError cluster-not-found when nothing is left of it */
  restoreWindows(cluster: string, query: { readonly here: boolean }): Promise<RestoreWindows>;
  /** @throws OpError restore-point-exists, no-primary */
  makeRestorePoint(cluster: string, request: RestorePointRequest, asked: Asked): Promise<RestorePointStatus>;
  /** also of a cluster that does not exist any more. @throws OpError cluster-not-found when nothing is left of it */
  snapshots(cluster: string, query: { readonly here: boolean }): Promise<Snapshots>;
  takeSnapshot(cluster: string, request: SnapshotRequest, asked: Asked): Promise<Operation>;
  /** @throws OpError snapshot-not-found */
  deleteSnapshot(cluster: string, id: string, query: { readonly here: boolean }, asked: Asked): Promise<void>;
  changeSnapshotPolicy(cluster: string, request: SnapshotPolicyRequest, asked: Asked): Promise<Snapshots>;
  volumes(cluster: string, query: { readonly here: boolean }): Promise<Volumes>;
  /** @throws OpError bad-value for a smaller size, too-little-disk when a file system has no such room */
  extendVolumes(cluster: string, request: ExtendRequest, asked: Asked): Promise<Extended>;
  /** Brings the volumes of this host to the size that the cluster has. Asked by the other agents. */
  applyVolumes(cluster: string): Promise<Volumes>;
}
