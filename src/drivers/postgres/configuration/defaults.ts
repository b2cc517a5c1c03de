export interface Sizing {
  readonly major: number;
  /** for each member */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** of the file system that holds the members' directories */
  readonly diskBytes: number;
  /** members of the cluster, the primary included */
  readonly members: number;
}

export type Settings = Readonly<Record<string, string>>;

/** Settings that a standby must not have lower than its primary. */
export const standbyMinimums: readonly string[] = [];

export function computeSettings(sizing: Sizing): Settings {
  throw new Error(`to be written ${sizing.major}`);
}
