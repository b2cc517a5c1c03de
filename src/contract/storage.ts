/** Volumes of a cluster: what the API says of them and takes for them. */
import { z } from "zod";
import type { Asked } from "./asked.ts";

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

export const hereQuerySchema = z.strictObject({
  /** only of the host that is asked */
  here: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
});

export interface StorageInstallation {
  volumes(cluster: string, query: { readonly here: boolean }): Promise<Volumes>;
  /** @throws OpError bad-value for a smaller size, too-little-disk when a file system has no such room */
  extendVolumes(cluster: string, request: ExtendRequest, asked: Asked): Promise<Extended>;
  /** Brings the volumes of this host to the size that the cluster has. Asked by the other agents. */
  applyVolumes(cluster: string): Promise<Volumes>;
}
