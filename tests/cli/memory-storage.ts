/** The volumes of memory-installation.ts: each call is recorded and answered with something of the right shape. */
import type { Asked } from "../../src/contract/asked.ts";
import type { ClusterStatus } from "../../src/contract/cluster.ts";
import type { StorageInstallation, VolumeStatus, Volumes } from "../../src/contract/storage.ts";

interface Around {
  readonly find: (cluster: string) => ClusterStatus;
  readonly record: (name: string, asked: Asked, ...args: readonly unknown[]) => void;
}

const gib = 2 ** 30;

export function createMemoryStorage({ find, record }: Around): StorageInstallation {
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
  return {
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
