/**
 * How much each volume of this host held over the last two weeks, for saying how fast it grows. One small SQLite file;
 * written by the care of storage, read by `volume list`. It decides nothing, so a damaged file is begun anew.
 */
import { rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { OpError } from "../../errors/op-error.ts";
import { closeDatabase, openDatabase, type DatabaseForm } from "../../sqlite/database.ts";

const form: DatabaseForm = {
  // "MatV"
  applicationId: 0x4d617456,
  what: "history of volumes",
  synchronous: "NORMAL",
  migrations: [
    "CREATE TABLE sample (member TEXT NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (member, at)) STRICT",
  ],
};

const dayMs = 86_400_000;
const keptMs = 14 * dayMs;
/** What happened longer ago says little about tomorrow. */
const growthOverMs = 7 * dayMs;
/** A shorter span says more about one load than about a day. */
const growthFromMs = 3_600_000;

export interface Sample {
  /** wall clock */
  readonly at: number;
  readonly bytes: number;
}

export class UsageHistory {
  readonly #database: DatabaseSync;
  readonly #path: string;

  /** @throws OpError store-locked, store-unavailable */
  constructor(path: string) {
    this.#path = path;
    this.#database = openOrBegin(path);
  }

  add(member: string, { at, bytes }: Sample): void {
    this.#database.prepare("INSERT OR REPLACE INTO sample (member, at, bytes) VALUES (?, ?, ?)").run(member, at, bytes);
    this.#database.prepare("DELETE FROM sample WHERE at < ?").run(at - keptMs);
  }

  /** Bytes a day; undefined while too little is known. */
  growthPerDay(member: string, now: number): number | undefined {
    const rows = this.#database
      .prepare("SELECT at, bytes FROM sample WHERE member = ? AND at BETWEEN ? AND ? ORDER BY at")
      .all(member, now - growthOverMs, now);
    return growthOf(rows.map((row) => ({ at: Number(row["at"]), bytes: Number(row["bytes"]) })));
  }

  close(): void {
    closeDatabase(this.#database, this.#path);
  }
}

/** @param samples oldest first */
export function growthOf(samples: readonly Sample[]): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < growthFromMs) return undefined;
  return Math.round(((last.bytes - first.bytes) * dayMs) / (last.at - first.at));
}

function openOrBegin(path: string): DatabaseSync {
  try {
    return openDatabase(path, form);
  } catch (error) {
    if (!(error instanceof OpError && error.code === "store-damaged")) throw error;
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
    return openDatabase(path, form);
  }
}
