/**
 * The superuser's sessions in which databases and users of a cluster are looked at and changed, on the writable primary.
 * Called by installation/accounts. One change at a time in the whole cluster, whichever host's agent makes it: they
 * hold a lock in the primary itself. Passwords come here as verifiers only.
 */
import { asRefusal } from "./refusal.ts";
import { OpError } from "../../../errors/op-error.ts";
import { sqlState, withSession, type Row, type Session, type SessionTarget } from "../session/session.ts";

/** Making or dropping a database waits for a checkpoint. */
const statementMs = 20_000;
const lockMs = 8_000;

/** Of advisory locks in the database postgres: an arbitrary number of our own. */
const accountsLock = "7021093482113";

/** Acknowledged by the voters like any other write: users and rights must survive the next failover. */
const settings = {
  synchronous_commit: "on",
  lock_timeout: String(lockMs),
  // Verifiers are no passwords, and can be guessed against all the same.
  log_statement: "none",
  log_min_error_statement: "panic",
  log_min_duration_statement: "-1",
  client_min_messages: "error",
};

/** One open session, in one database. */
export class AdminSession {
  readonly #session: Session;
  readonly #withinMs: number;

  constructor(session: Session, withinMs: number = statementMs) {
    this.#session = session;
    this.#withinMs = withinMs;
  }

  rows(sql: string, values: readonly string[] = []): Promise<readonly Row[]> {
    return this.#session.query(sql, values, { withinMs: this.#withinMs });
  }

  /** One after the other, each for itself. */
  async run(statements: readonly string[]): Promise<void> {
    for (const sql of statements) await this.#session.query(sql, [], { withinMs: this.#withinMs });
  }

  /** All or none. */
  async runTogether(statements: readonly string[]): Promise<void> {
    if (statements.length === 0) return;
    await this.#session.query(["BEGIN", ...statements, "COMMIT"].join(";\n"), [], { withinMs: this.#withinMs });
  }
}

/** The session in the database postgres, and others as they are needed. */
export class Admin extends AdminSession {
  readonly #target: SessionTarget;

  constructor(session: Session, target: SessionTarget) {
    super(session);
    this.#target = target;
  }

  /** A session in another database, for as long as `use` takes. `withinMs`: for each of its statements. */
  inDatabase<T>(database: string, use: (session: AdminSession) => Promise<T>, withinMs = statementMs): Promise<T> {
    return withSession(this.#target, { withinMs: statementMs, settings, database }, (session) =>
      use(new AdminSession(session, withinMs)),
    );
  }
}

/** For looking. @throws OpError as asRefusal says it */
export async function lookAtAccounts<T>(target: SessionTarget, use: (admin: Admin) => Promise<T>): Promise<T> {
  try {
    const options = { withinMs: statementMs, settings };
    return await withSession(target, options, (session) => use(new Admin(session, target)));
  } catch (error) {
    throw asRefusal(error);
  }
}

/** For changing: under the lock. @throws OpError busy when another change takes too long */
export function changeAccounts<T>(target: SessionTarget, use: (admin: Admin) => Promise<T>): Promise<T> {
  return lookAtAccounts(target, async (admin) => {
    await takeLock(admin);
    return use(admin);
  });
}

async function takeLock(admin: Admin): Promise<void> {
  try {
    await admin.rows(`SELECT pg_catalog.pg_advisory_lock(${accountsLock})`);
  } catch (error) {
    if (sqlState(error) !== "55P03") throw error;
    throw new OpError("busy", {
      message: "another change of databases or users is under way",
      detail: "Nothing was changed. It may itself be waiting for standbys to acknowledge it.",
      hint: "Try again in a moment.",
      cause: error,
    });
  }
}
