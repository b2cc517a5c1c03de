/**
 * The file that keeps events and operations: one SQLite file beside the store. Called by the agent's entry point. It
 * is a record of what happened and decides nothing, so it may lose its last lines at a power cut, and a damaged one is
 * put aside instead of stopping the agent.
 */
import { existsSync, renameSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { OpError } from "../errors/op-error.ts";
import { closeDatabase, type DatabaseForm, openDatabase } from "../sqlite/database.ts";
import { EventLog, type EventLogOptions } from "./event-log.ts";
import { OperationLog } from "./operation-log.ts";

const form: DatabaseForm = {
  applicationId: 0x4d617445,
  what: "event file",
  synchronous: "NORMAL",
  migrations: [
    `CREATE TABLE event (
       id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, cluster TEXT NOT NULL, member TEXT, type TEXT NOT NULL,
       level TEXT NOT NULL, message TEXT NOT NULL, cause TEXT, actor TEXT NOT NULL, duration_ms REAL, epoch INTEGER,
       details TEXT NOT NULL) STRICT;
     CREATE INDEX event_cluster ON event (cluster, id);
     CREATE TABLE operation (
       id TEXT PRIMARY KEY, kind TEXT NOT NULL, cluster TEXT NOT NULL, state TEXT NOT NULL, step TEXT NOT NULL,
       steps_done INTEGER NOT NULL, steps_total INTEGER, started_at INTEGER NOT NULL, ended_at INTEGER,
       by TEXT NOT NULL, result TEXT, error TEXT) STRICT;`,
  ],
};

export interface EventFile {
  readonly events: EventLog;
  readonly operations: OperationLog;
  close(): void;
}

/** @throws OpError store-locked, store-unavailable */
export function openEventFile(path: string, options: EventLogOptions = {}): EventFile {
  const { database, keptAs } = openOrBegin(path);
  const events = new EventLog(database, options);
  const operations = new OperationLog(database, options);
  if (keptAs !== undefined) events.emit("events.reset", {}, { kept_as: keptAs });
  return {
    events,
    operations,
    close: () => {
      events.close();
      operations.close();
      closeDatabase(database, path);
    },
  };
}

function openOrBegin(path: string): { database: DatabaseSync; keptAs: string | undefined } {
  try {
    return { database: openDatabase(path, form), keptAs: undefined };
  } catch (error) {
    if (!(error instanceof OpError && error.code === "store-damaged")) throw error;
    const keptAs = putAside(path);
    return { database: openDatabase(path, form), keptAs };
  }
}

/** With its log, which belongs to it alone. */
function putAside(path: string): string {
  const keptAs = `${path}.damaged`;
  for (const end of ["", "-wal", "-shm", "-journal"]) {
    if (existsSync(path + end)) renameSync(path + end, keptAs + end);
  }
  return keptAs;
}
