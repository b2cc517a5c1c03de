/**
 * Runs a user's SQL in a copy before anybody can connect to it. Called by `revive`; a script that fails fails the copy.
 */
import { DatabaseError } from "pg";
import { OpError } from "../../../errors/op-error.ts";
import type { Session } from "../session/session.ts";
import type { Open } from "./quiet-server.ts";

export interface Script {
  readonly sql: string;
  readonly database: string;
}

/** A large table takes its time. */
const scriptMs = 24 * 3_600_000;
const vacuumMs = 24 * 3_600_000;
const letters = 300;

/**
 * As superuser, and as one transaction unless it says otherwise (the simple query protocol). What it removed from tables
 * is cleared out of their pages at once; what its error says of values is left out.
 * @throws OpError script-failed with the line
 */
export async function runScript(open: Open, { sql, database }: Script, signal: AbortSignal): Promise<void> {
  const session = await openFor(open, database);
  const abort = (): void => session.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await session.query(`SET search_path TO "$user", public`, [], { withinMs: 10_000 });
    await run(session, sql);
    // A script that began a transaction and did not end it has changed nothing.
    await session.query("ROLLBACK", [], { withinMs: 10_000 });
    await session.query("VACUUM", [], { withinMs: vacuumMs });
  } finally {
    signal.removeEventListener("abort", abort);
    await session.close();
  }
}

async function run(session: Session, sql: string): Promise<void> {
  try {
    await session.query(sql, [], { withinMs: scriptMs });
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    const at = error.position === undefined ? "" : ` at line ${lineAt(sql, Number(error.position))}`;
    throw new OpError("script-failed", {
      message: `the script failed${at}: ${error.message.slice(0, letters)}`,
      detail: "Nothing is left of the copy.",
      hint: "Correct the script and give the command again. psql's own commands, such as \\copy, are not known to it.",
      cause: error,
    });
  }
}

async function openFor(open: Open, database: string): Promise<Session> {
  try {
    return await open(database);
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== "3D000") throw error;
    throw new OpError("script-failed", {
      message: `the script is to run in database "${database}", which does not exist in the copy`,
      hint: "Name another one with --database.",
    });
  }
}

/** @param position in characters, from 1, as the server counts them */
function lineAt(sql: string, position: number): number {
  const before = Array.from(sql).slice(0, position - 1);
  return before.filter((letter) => letter === "\n").length + 1;
}
