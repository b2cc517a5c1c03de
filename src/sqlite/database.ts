/**
 * Opens a SQLite file of ours: private (0600), in WAL mode, locked to this process for as long as it is open, brought
 * to the newest form. Called by the embedded store and by the event log. Never writes to a file that is not ours.
 */
import { closeSync, existsSync, fchmodSync, openSync, readSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { OpError } from "../errors/op-error.ts";

export interface DatabaseForm {
  /** 32 bits that mark the file as ours and tell its kind (SQLite's application_id) */
  readonly applicationId: number;
  /** what the file is, for errors: "store", "event log" */
  readonly what: string;
  /** FULL: a commit survives a power cut. NORMAL: the last ones may be lost, never torn */
  readonly synchronous: "FULL" | "NORMAL";
  /** SQL that brings the file from form n to n + 1; n is SQLite's user_version */
  readonly migrations: readonly string[];
}

/** Files that this process has open: closing any other handle of such a file would drop SQLite's lock on it (POSIX). */
const openHere = new Set<string>();

const headerBytes = 100;
const sqliteMagic = "SQLite format 3\0";

/** @throws OpError store-locked, store-damaged, store-unavailable */
export function openDatabase(path: string, form: DatabaseForm): DatabaseSync {
  const file = resolve(path);
  if (openHere.has(file)) throw lockedError(file, form);
  checkHeader(file, form);
  const database = translated(file, form, () => new DatabaseSync(file, { timeout: 0 }));
  try {
    translated(file, form, () => prepare(database, form, file));
  } catch (error) {
    database.close();
    throw error;
  }
  openHere.add(file);
  return database;
}

/** The log is folded into the file, which is then alone on disk. */
export function closeDatabase(database: DatabaseSync, path: string): void {
  if (!database.isOpen) return;
  database.close();
  openHere.delete(resolve(path));
}

/** Exclusive locking comes first: then the kernel drops the lock when the process dies, however it dies. */
function prepare(database: DatabaseSync, form: DatabaseForm, file: string): void {
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  database.exec("BEGIN EXCLUSIVE");
  try {
    migrate(database, form, file);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
  database.exec("PRAGMA journal_mode = WAL");
  database.exec(`PRAGMA synchronous = ${form.synchronous}`);
  database.exec("PRAGMA wal_autocheckpoint = 250");
  database.exec("PRAGMA journal_size_limit = 1048576");
  // After the switch to WAL the lock is taken by the first use.
  database.exec("BEGIN EXCLUSIVE; COMMIT");
}

function migrate(database: DatabaseSync, form: DatabaseForm, file: string): void {
  const damage = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (damage !== "ok") throw damagedError(file, form, String(damage));
  const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > form.migrations.length) {
    throw damagedError(file, form, `it has form ${version}; this version knows forms up to ${form.migrations.length}`);
  }
  for (const migration of form.migrations.slice(version)) database.exec(migration);
  database.exec(`PRAGMA user_version = ${form.migrations.length}`);
  database.exec(`PRAGMA application_id = ${form.applicationId}`);
}

/**
 * Looks at the file before SQLite does, which could already change it. Creates it when there is none.
 * Source: sqlite.org/fileformat2.html, the application id is at offset 68.
 */
function checkHeader(file: string, form: DatabaseForm): void {
  if (!existsSync(dirname(file))) {
    throw new OpError("store-unavailable", { message: `directory "${dirname(file)}" does not exist` });
  }
  translated(file, form, () => {
    if (existsSync(file) && !statSync(file).isFile()) throw damagedError(file, form, "it is not a regular file");
    const handle = openSync(file, "a+", 0o600);
    try {
      const header = Buffer.alloc(headerBytes);
      if (readSync(handle, header, 0, headerBytes, 0) > 0) assertOurs(header, file, form);
      fchmodSync(handle, 0o600);
    } finally {
      closeSync(handle);
    }
  });
}

function assertOurs(header: Buffer, file: string, form: DatabaseForm): void {
  if (header.toString("latin1", 0, 16) !== sqliteMagic) throw damagedError(file, form, "it is not a SQLite database");
  if (header.readUInt32BE(68) !== form.applicationId) throw damagedError(file, form, "it was made by another program");
}

/** Runs `work` and gives SQLite's and the file system's errors our own names. */
export function translated<T>(path: string, form: DatabaseForm, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OpError) throw error;
    throw toOpError(resolve(path), form, error);
  }
}

/** Primary result codes, sqlite.org/rescode.html: 5 busy, 6 locked, 11 corrupt, 26 not a database. */
function toOpError(file: string, form: DatabaseForm, error: unknown): OpError {
  const reason = error instanceof Error ? error.message : String(error);
  const result = resultCode(error);
  if (result === 5 || result === 6) return lockedError(file, form);
  if (result === 11 || result === 26) return damagedError(file, form, reason);
  return new OpError("store-unavailable", {
    message: `could not use the ${form.what}: ${reason}`,
    detail: `The file is "${file}".`,
    hint: "Check the room on its file system and the rights of the file, then try again.",
    cause: error,
  });
}

/** SQLite's primary result code of an error; undefined when it is none of SQLite's. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return undefined;
  return error.errcode & 0xff;
}

function lockedError(file: string, form: DatabaseForm): OpError {
  return new OpError("store-locked", {
    message: `the ${form.what} is in use by another agent`,
    detail: `The file is "${file}".`,
    hint: "Only one agent can run on a home directory. See which with: matriarch agent status",
  });
}

function damagedError(file: string, form: DatabaseForm, reason: string): OpError {
  return new OpError("store-damaged", {
    message: `the ${form.what} cannot be read: ${reason}`,
    detail: `The file is "${file}". It has been left as it is.`,
    hint: "Put back a good copy of the file, or move it away and start anew.",
  });
}
