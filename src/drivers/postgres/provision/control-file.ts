/**
 * Reads and rewrites `global/pg_control`, which says how a stopped server ended and where its log stands. Read by the
 * member's server and by create.ts; the engine need not have pg_controldata. Written only while no server runs.
 * Source: src/include/catalog/pg_control.h of Postgres 14 to 18; layout on 64-bit little-endian machines, which are all
 * that the engines exist for.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toLsn, type Lsn } from "../../../domain/lsn.ts";
import { OpError } from "../../../errors/op-error.ts";
import { crc32c } from "./crc32c.ts";

/** Source: enum DBState, in its order. */
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
  /** every transaction from this one on, epoch included, began after the checkpoint */
  readonly nextTransaction: bigint;
  /** what a standby must replay to before it is consistent; zero and 0 when it was no standby */
  readonly minRecoveryPoint: Lsn;
  readonly minRecoveryTimeline: number;
  readonly walSegmentBytes: number;
  /** what the primary had of the settings that bind its standbys, by their names */
  readonly minimums: Readonly<Record<string, number>>;
}

/** Where the fields are whose place depends on `pg_control_version`: 1300 is Postgres 13 to 16, then one for each major. */
const layouts: Readonly<Record<number, { readonly nonce: number; readonly crc: number }>> = {
  1300: { nonce: 256, crc: 288 },
  1700: { nonce: 256, crc: 288 },
  // 18 put `default_char_signedness`, one byte, before the nonce.
  1800: { nonce: 257, crc: 292 },
};

const nonceBytes = 32;

export function controlPath(dataDirectory: string): string {
  return join(dataDirectory, "global/pg_control");
}

/** @throws OpError engine-failed when the file is missing, damaged, or of a version that is not known */
export async function readControl(dataDirectory: string): Promise<ControlData> {
  return parseControl(await readWhole(controlPath(dataDirectory)));
}

/**
 * A running server may be writing the file: a wrong checksum is believed only when two readings agree on it.
 * Source: get_controlfile() of Postgres 17, which does the same.
 */
async function readWhole(path: string): Promise<Buffer> {
  let before: Buffer | undefined;
  for (let tries = 0; tries < 10; tries++) {
    const bytes = await readFile(path).catch((cause: unknown) => {
      throw damaged(path, "it cannot be read", cause);
    });
    if (storedCrc(bytes) === computedCrc(bytes)) return bytes;
    if (before?.equals(bytes)) break;
    before = bytes;
    await sleep(10);
  }
  throw damaged(path, "its checksum is wrong");
}

/** @param bytes checked before */
export function parseControl(bytes: Buffer): ControlData {
  const state = controlStates[bytes.readUInt32LE(16)];
  if (state === undefined) throw damaged("pg_control", "its state is not known");
  return {
    systemIdentifier: bytes.readBigUInt64LE(0),
    state,
    checkpoint: toLsn(bytes.readBigUInt64LE(32)),
    redo: toLsn(bytes.readBigUInt64LE(40)),
    timeline: bytes.readUInt32LE(48),
    nextTransaction: bytes.readBigUInt64LE(64),
    minRecoveryPoint: toLsn(bytes.readBigUInt64LE(136)),
    minRecoveryTimeline: bytes.readUInt32LE(144),
    walSegmentBytes: bytes.readUInt32LE(228),
    minimums: {
      max_connections: bytes.readUInt32LE(180),
      max_worker_processes: bytes.readUInt32LE(184),
      max_wal_senders: bytes.readUInt32LE(188),
      max_prepared_transactions: bytes.readUInt32LE(192),
      max_locks_per_transaction: bytes.readUInt32LE(196),
    },
  };
}

/**
 * Makes a cleanly stopped server another one: its identifier, and the secret that answers log-ins of roles that do not
 * exist, so that no two clusters share it.
 */
export async function renewIdentity(dataDirectory: string, systemIdentifier: bigint, nonce: Buffer): Promise<void> {
  const path = controlPath(dataDirectory);
  const bytes = await readWhole(path);
  if (parseControl(bytes).state !== "shut down") throw damaged(path, "the server was not shut down");
  const layout = layoutOf(bytes);
  bytes.writeBigUInt64LE(systemIdentifier, 0);
  nonce.copy(bytes, layout.nonce, 0, nonceBytes);
  bytes.writeUInt32LE(computedCrc(bytes), layout.crc);
  await writeFile(path, bytes);
}

function storedCrc(bytes: Buffer): number {
  return bytes.readUInt32LE(layoutOf(bytes).crc);
}

function computedCrc(bytes: Buffer): number {
  return crc32c(bytes.subarray(0, layoutOf(bytes).crc));
}

function layoutOf(bytes: Buffer): { readonly nonce: number; readonly crc: number } {
  const version = bytes.length < 512 ? 0 : bytes.readUInt32LE(8);
  const layout = layouts[version];
  if (layout === undefined) throw damaged("pg_control", `its version ${version} is not known`);
  return layout;
}

function damaged(path: string, what: string, cause?: unknown): OpError {
  return new OpError("engine-failed", { message: `control file "${path}" is unusable: ${what}`, cause });
}
