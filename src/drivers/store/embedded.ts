/**
 * The store of an installation on one machine: one SQLite file in the agent's home, used by one agent at a time. A
 * commit is on disk when it returns (0.3 ms). Nothing runs between requests. The file is the only copy of the
 * cluster's shared state: it is never recreated here when it cannot be read.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import { OpError } from "../../errors/op-error.ts";
import { closeDatabase, type DatabaseForm, openDatabase, resultCode, translated } from "../../sqlite/database.ts";
import type { CommitOutcome, Store, StoreEntry, StoreSnapshot, StoreTxn } from "./port.ts";
import { assertSound, encodeValue } from "./transaction.ts";
import { Watchers } from "./watchers.ts";

const form: DatabaseForm = {
  applicationId: 0x4d617453,
  what: "store",
  synchronous: "FULL",
  migrations: [
    `CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL) STRICT;
     INSERT INTO state VALUES (1, 0);
     CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  ],
};

/** Greater than every character that a key may have (transaction.ts), so that a prefix is a range of the primary key. */
const pastEveryKey = "\x7f";

const revisionRow = z.object({ revision: z.int() });
const entryRow = z.object({ key: z.string(), value: z.string(), revision: z.int() });

/**
 * @param path of the file; it is made when there is none, its directory must exist
 * @throws OpError store-locked (another agent has it), store-damaged, store-unavailable
 */
export function openEmbeddedStore(path: string): Store {
  return new EmbeddedStore(path);
}

class EmbeddedStore implements Store {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #sql: Statements;
  readonly #watchers = new Watchers();

  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabase(path, form);
    this.#sql = prepareStatements(this.#database);
  }

  async read(prefix: string, signal?: AbortSignal): Promise<StoreSnapshot> {
    this.#assertUsable(signal);
    return translated(this.#path, form, () => this.#snapshot(prefix));
  }

  async commit(txn: StoreTxn, signal?: AbortSignal): Promise<CommitOutcome> {
    assertSound(txn);
    this.#assertUsable(signal);
    const puts = (txn.put ?? []).map(({ key, value }) => ({ key, text: encodeValue(key, value) }));
    return translated(this.#path, form, () => {
      const changed = txn.require.filter((require) => this.#revisionOf(require.key) !== require.revision);
      const revision = changed.length > 0 ? this.#revision() : this.#apply(puts, txn.remove ?? []);
      const now = txn.readBack === undefined ? {} : { now: this.#snapshot(txn.readBack) };
      if (changed.length === 0) return { committed: true, revision, ...now };
      return { committed: false, revision, changed: changed.map(({ key }) => key), ...now };
    });
  }

  watch(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void {
    this.#watchers.add(prefix, changed, signal);
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    closeDatabase(this.#database, this.#path);
  }

  #snapshot(prefix: string): StoreSnapshot {
    return {
      revision: this.#revision(),
      entries: this.#sql.range.all(prefix, prefix + pastEveryKey).map((row) => this.#toEntry(row)),
    };
  }

  /** @returns the revision after it */
  #apply(puts: readonly { key: string; text: string }[], remove: readonly string[]): number {
    const revision = this.#revision();
    const removed = remove.filter((key) => this.#revisionOf(key) !== 0);
    if (puts.length + removed.length === 0) return revision;
    this.#write(revision + 1, puts, removed);
    this.#watchers.notify([...puts.map(({ key }) => key), ...removed], revision + 1);
    return revision + 1;
  }

  #write(revision: number, puts: readonly { key: string; text: string }[], removed: readonly string[]): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      for (const { key, text } of puts) this.#sql.put.run(key, text, revision);
      for (const key of removed) this.#sql.remove.run(key);
      this.#sql.setRevision.run(revision);
      this.#commitOrTell();
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  /** After an I/O error the log may hold the commit all the same, and a restart would find it. */
  #commitOrTell(): void {
    try {
      this.#database.exec("COMMIT");
    } catch (error) {
      if (resultCode(error) !== sqliteIoError) throw error;
      throw new OpError("store-outcome-unknown", {
        message: "could not flush the store to disk",
        detail: `The file is "${this.#path}". The change may or may not be in it.`,
        hint: "Check the disk. The agent reads the store again before it acts.",
        cause: error,
      });
    }
  }

  #revision(): number {
    return revisionRow.parse(this.#sql.revision.get()).revision;
  }

  #revisionOf(key: string): number {
    const row = this.#sql.revisionOf.get(key);
    return row === undefined ? 0 : revisionRow.parse(row).revision;
  }

  #toEntry(row: unknown): StoreEntry {
    const { key, value, revision } = entryRow.parse(row);
    try {
      return { key, value: JSON.parse(value), revision };
    } catch (cause) {
      throw new OpError("store-damaged", {
        message: `the store's record "${key}" is no JSON`,
        detail: `The file is "${this.#path}".`,
        hint: "Put back a good copy of the file.",
        cause,
      });
    }
  }

  #assertUsable(signal: AbortSignal | undefined): void {
    if (!this.#database.isOpen) throw new OpError("store-unavailable", { message: "the store is closed" });
    if (signal?.aborted) {
      throw new OpError("store-unavailable", { message: "the store was not asked: too late", cause: signal.reason });
    }
  }
}

const sqliteIoError = 10;

interface Statements {
  readonly revision: StatementSync;
  readonly setRevision: StatementSync;
  readonly revisionOf: StatementSync;
  readonly range: StatementSync;
  readonly put: StatementSync;
  readonly remove: StatementSync;
}

function prepareStatements(database: DatabaseSync): Statements {
  return {
    revision: database.prepare("SELECT revision FROM state"),
    setRevision: database.prepare("UPDATE state SET revision = ?"),
    revisionOf: database.prepare("SELECT revision FROM entry WHERE key = ?"),
    range: database.prepare("SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key"),
    put: database.prepare(
      `INSERT INTO entry (key, value, revision) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision`,
    ),
    remove: database.prepare("DELETE FROM entry WHERE key = ?"),
  };
}
