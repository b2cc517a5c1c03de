/** The volumes of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { Asked } from "../../src/contract/asked.ts";
import type { ClusterStatus, Connection, Operation } from "../../src/contract/cluster.ts";
import { OpError } from "../../src/errors/op-error.ts";
import type {
  RestorePointStatus,
  Snapshots,
  SnapshotStatus,
  StorageInstallation,
  VolumeStatus,
  Volumes,
} from "../../src/contract/storage.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
  readonly connectionOf: (port: number, user: string, database: string, password: string | null) => Connection;
  readonly begin: (kind: string, cluster: string, asked: Asked, end: () => Operation["result"]) => Operation;
}

const gib = 2 ** 30;

const snapshot: SnapshotStatus = {
  id: "shop-20261121T225301Z-3f0a",
  cluster: "shop",
  member: "shop-2",
  host: "here",
  taken_at: "2026-11-21T22:53:01.000Z",
  took_ms: 85,
  by: "ada",
  why: "asked",
  how: "atomic",
  role: "standby",
  timeline: 1,
  version: "18.4",
  size_bytes: 72_000_000,
  own_bytes: 1_200_000,
  kept_until: "2026-11-26T22:53:01.000Z",
  is_current: true,
  start: null,
  system_identifier: null,
};

const point: RestorePointStatus = {
  name: "before-migration",
  made_at: "2026-11-21T22:00:00.000Z",
  by: "ada",
  lsn: "0/5A2F1C8",
  timeline: 1,
  system_identifier: "7440000000000000000",
  is_current: true,
};

export function createMemoryStorage({ find, record, begin, connectionOf }: Around): StorageInstallation {
  const volumesOf = (cluster: string, size: number | null): Volumes => ({
    volumes: find(cluster).members.map(({ id, host }): VolumeStatus => ({
      member: id,
      host,
      file_system: "ext4",
      driver: "directory",
      size_bytes: size,
      not_enforced: size === null ? null : "ext4 cannot hold directories to a size; xfs and btrfs can",
      used_bytes: 72_000_000,
      wal_bytes: 33_554_432,
      free_bytes: 60 * gib,
      pool_free_bytes: 60 * gib,
      growth_bytes_per_day: 1_200_000,
    })),
    missing: [],
  });
  const snapshotsOf = (): Snapshots => ({
    snapshots: [snapshot],
    policy: { daily: true, kept_days: 5, next_at: "2026-11-22T03:24:00.000Z" },
    missing: [],
  });
  return {
    async fork(cluster, request, asked) {
      const { endpoints } = find(cluster);
      record("fork", asked, cluster, request);
      const operation = begin("fork", request.name, asked, () => ({ copied_from: cluster, size_bytes: 72_000_000 }));
      return { operation, connection: connectionOf(endpoints.primary.port + 2, "postgres", "postgres", "n3w") };
    },
    async restore(cluster, request, asked) {
      find(cluster);
      record("restore", asked, cluster, request);
      const operation = begin("restore", request.name, asked, () => ({
        copied_from: cluster,
        restored_to: "0/5A2F1C8",
      }));
      return { operation, connection: connectionOf(5436, "postgres", "postgres", "n3w") };
    },
    async planInPlace(cluster, { at }) {
      const { members } = find(cluster);
      return {
        cluster,
        host: "here",
        begins_with: snapshot.id,
        at: at ?? null,
        as_of: "2026-11-21T22:53:01.000Z",
        members: members.length,
      };
    },
    async restoreInPlace(cluster, request, asked) {
      find(cluster);
      record("restoreInPlace", asked, cluster, request);
      return begin("restore in place", cluster, asked, () => ({ as_it_was: snapshot.id }));
    },
    async restoreWindows(cluster) {
      find(cluster);
      const [from, until] = ["2026-11-20T03:24:00.000Z", "2026-11-21T22:53:01.000Z"];
      return { windows: [{ host: "here", from, until, is_current: true }], points: [point], missing: [] };
    },
    async makeRestorePoint(cluster, request, asked) {
      find(cluster);
      record("makeRestorePoint", asked, cluster, request);
      return { ...point, name: request.name };
    },
    async snapshots(cluster) {
      find(cluster);
      return snapshotsOf();
    },
    async takeSnapshot(cluster, request, asked) {
      find(cluster);
      record("takeSnapshot", asked, cluster, request);
      return begin("snapshot create", cluster, asked, () => ({ message: snapshot.id, size_bytes: 72_000_000 }));
    },
    async deleteSnapshot(cluster, id, _query, asked) {
      find(cluster);
      if (id !== snapshot.id) throw new OpError("snapshot-not-found", { message: `there is no snapshot "${id}"` });
      record("deleteSnapshot", asked, cluster, id);
    },
    async changeSnapshotPolicy(cluster, request, asked) {
      find(cluster);
      record("changeSnapshotPolicy", asked, cluster, request);
      return snapshotsOf();
    },
    volumes: async (cluster) => volumesOf(cluster, null),
    async extendVolumes(cluster, request, asked) {
      find(cluster);
      record("extendVolumes", asked, cluster, request);
      const size = request.size_bytes ?? gib + (request.add_bytes ?? 0);
      return { from_bytes: gib, size_bytes: size, ...volumesOf(cluster, size) };
    },
    applyVolumes: async (cluster) => volumesOf(cluster, gib),
  };
}
