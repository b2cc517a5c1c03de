/**
 * The file that keeps events and operations: one SQLite file beside the store. Called by the agent's entry point. It
 * is a record of what happened and decides nothing, so it may lose its last lines at a power cut, and a damaged one is
 * put aside instead of stopping the agent.
 */
import { existsSync, renameSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { OpError } from "../errors/op-error.ts";
import { closeDatabase, openDatabase } from "../sqlite/database.ts";
import { eventForm as form } from "./event-form.ts";
import { EventLog, type EventLogOptions } from "./event-log.ts";
import { Journal } from "./journal.ts";
import { PauseMarks } from "./pause-marks.ts";
import { RequestKeys } from "./request-keys.ts";
import { OperationLog, type OperationLogOptions } from "./operation-log.ts";
import { Sequence } from "./sequence.ts";

export interface EventFileOptions extends EventLogOptions, OperationLogOptions {}

export interface EventFile {
  readonly events: EventLog;
  readonly operations: OperationLog;
  /** interruptions of writes that last */
  readonly pauses: PauseMarks;
  /** what other hosts are told of this file, and it of theirs */
  readonly journal: Journal;
  /** requests that may come again */
  readonly requests: RequestKeys;
  close(): void;
}

/** @throws OpError store-locked, store-unavailable */
export function openEventFile(path: string, options: EventFileOptions = {}): EventFile {
  const { database, keptAs } = openOrBegin(path);
  const { host = "", now = Date.now } = options;
  nameHost(database, host);
  const sequence = new Sequence(lastOf(database, host), now);
  const events = new EventLog(database, sequence, options);
  const operations = new OperationLog(database, sequence, options);
  const pauses = new PauseMarks(database, options.onProblem);
  const journal = new Journal({ database, host, sequence, events, operations }, now());
  if (keptAs !== undefined) events.emit("events.reset", {}, { kept_as: keptAs });
  return {
    events,
    operations,
    pauses,
    journal,
    requests: new RequestKeys(database, now),
    close: () => {
      events.close();
      operations.close();
      closeDatabase(database, path);
    },
  };
}

const written = ["event", "operation_begun", "operation_end"] as const;

/** What was written before this became one host of several is this host's. */
function nameHost(database: DatabaseSync, host: string): void {
  if (host === "") return;
  for (const table of written) database.prepare(`UPDATE ${table} SET host = ? WHERE host = ''`).run(host);
}

function lastOf(database: DatabaseSync, host: string): number {
  const last = (table: string): unknown =>
    database.prepare(`SELECT max(seq) AS last FROM ${table} WHERE host = ?`).get(host)?.["last"];
  return Math.max(...written.map((table) => Number(last(table) ?? 0)));
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
