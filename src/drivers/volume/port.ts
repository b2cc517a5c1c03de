/**
 * The storage of members: each has one volume, the directory that its data directory lies in. Volumes come from the
 * file system that the home is on, the pool. Called by the agent when a member is made or goes, and by the commands
 * about volumes and snapshots. A plain directory is a volume as well, so homes made before there were volumes go on.
 */

/** Whom a new volume belongs to; undefined: the agent's own user. */
export interface VolumeOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface VolumeWish {
  readonly owner: VolumeOwner | undefined;
  /** a fixed size; where it cannot be enforced (`noFixedSize`) it is not */
  readonly sizeBytes?: number | undefined;
}

export interface VolumeUsage {
  /** of its files, those included that share their blocks with others */
  readonly usedBytes: number;
  /** the size that the file system holds it to; undefined: as large as the pool */
  readonly limitBytes: number | undefined;
  /** what can still be written, by the volume's size and the pool's room */
  readonly freeBytes: number;
  /** of the pool, for all that is on it */
  readonly poolFreeBytes: number;
}

export interface VolumePool {
  readonly kind: "directory" | "xfs" | "btrfs";
  /** name of the file system, for people: `ext4` */
  readonly fileSystem: string;
  /** copies cost neither time nor room until they are changed */
  readonly sharesBlocks: boolean;
  /** why a fixed size is not enforced, and what it takes; undefined when it is */
  readonly noFixedSize: string | undefined;

  /** An empty volume, its parents with it. One that is there is left as it is, but for its size. */
  create(volume: string, wish: VolumeWish): Promise<void>;
  usage(volume: string): Promise<VolumeUsage>;
  /** Of the files in any directory; 0 when there is none. */
  bytesIn(directory: string): Promise<number>;
  /** While it is in use. Does nothing where sizes are not enforced. @throws OpError bad-value when more is used already */
  resize(volume: string, sizeBytes: number): Promise<void>;
  /** Whether a copy of this volume shows one moment, whatever is written to it meanwhile. */
  isAtomic(volume: string): Promise<boolean>;
  /**
   * A copy at `target`, which does not exist yet; interrupted it leaves something there for `remove`. Blocks are shared
   * where they can be. Unless `isAtomic` nothing may write to `source`.
   */
  copy(source: string, target: string, wish: VolumeWish, signal: AbortSignal): Promise<void>;
  /** With all that is in it; what is not there is gone already. */
  remove(volume: string): Promise<void>;
}
