import type { Lsn } from "../../../domain/lsn.ts";

/** Source: enum DBState in src/include/catalog/pg_control.h, in its order. */
export const controlStates = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
] as const;
export type ControlState = (typeof controlStates)[number];

export interface ControlData {
  readonly systemIdentifier: bigint;
  readonly state: ControlState;
  /** latest checkpoint (or restartpoint): where its record begins, where its redo begins, on which timeline */
  readonly checkpoint: Lsn;
  readonly redo: Lsn;
  readonly timeline: number;
  /** what a standby must replay to before it is consistent; zero when it was no standby */
  readonly minRecoveryPoint: Lsn;
  readonly minRecoveryTimeline: number;
}

/** @throws OpError engine-failed when the file is missing, damaged, or of a version that is not known */
export function readControl(dataDirectory: string): Promise<ControlData> {
  throw new Error(`to be written ${dataDirectory}`);
}
