/**
 * Requests that came with an Idempotency-Key to an installation on one host, and what they were answered: kept for a day, so that a request that is sent
 * again is not done again, also by the next agent. What is kept is sealed by the API (api/idempotency.ts): passwords are
 * among the answers, and this file does not hold the key that opens them.
 */
import type { DatabaseSync } from "node:sqlite";

export interface KeptRequest {
  /** of the method, the path and the body */
  readonly fingerprint: string;
  /** undefined: it was begun, and nobody knows how it ended */
  readonly sealed: Uint8Array | undefined;
}

const keptMs = 24 * 3_600_000;
/** Far beyond what automation asks for in a day; the oldest go first. */
const keptMax = 10_000;

export class RequestKeys {
  readonly #database: DatabaseSync;
  readonly #now: () => number;

  /** `database` is made by event-file.ts. */
  constructor(database: DatabaseSync, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /**
   * Before it is done, so that a crash in between is known.
   * @returns what is known of it when it was begun before
   */
  begin(id: string, fingerprint: string): KeptRequest | undefined {
    const found = this.#find(id);
    if (found) return found;
    this.#database.prepare("DELETE FROM request_key WHERE begun_at <= ?").run(this.#now() - keptMs);
    this.#database.prepare(dropOldSql).run(keptMax - 1);
    this.#database
      .prepare("INSERT OR REPLACE INTO request_key (id, fingerprint, begun_at) VALUES (?, ?, ?)")
      .run(id, fingerprint, this.#now());
    return undefined;
  }

  finish(id: string, sealed: Uint8Array): void {
    this.#database.prepare("UPDATE request_key SET sealed = ? WHERE id = ?").run(sealed, id);
  }

  /** Nothing was changed: it may be sent again. */
  forget(id: string): void {
    this.#database.prepare("DELETE FROM request_key WHERE id = ?").run(id);
  }

  #find(id: string): KeptRequest | undefined {
    const row = this.#database
      .prepare("SELECT fingerprint, sealed FROM request_key WHERE id = ? AND begun_at > ?")
      .get(id, this.#now() - keptMs);
    if (row === undefined) return undefined;
    const { fingerprint, sealed } = row;
    return { fingerprint: String(fingerprint), sealed: sealed instanceof Uint8Array ? sealed : undefined };
  }
}

const dropOldSql = `
  DELETE FROM request_key WHERE id IN (
    SELECT id FROM request_key ORDER BY begun_at DESC, id LIMIT -1 OFFSET ?)`;
