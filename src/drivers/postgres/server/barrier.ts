/**
 * A commit that returns when the voters have it: the proof that all before it is safe too (design P2). Called by the
 * member's server after a promotion. Never cancels its wait: Postgres would take that for success.
 */
import type { Lsn } from "../../../domain/lsn.ts";
import { parseLsn } from "../../../domain/lsn.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { MemberServerConfig } from "../port.ts";
import { Session } from "../session/session.ts";
import { proveFollowed } from "./reload.ts";

/** The caller's signal ends a barrier; this is for a caller that has gone. */
const longestMs = 10 * 60_000;
const openMs = 2000;
const proveMs = 10_000;

const prepare = `
CREATE SCHEMA IF NOT EXISTS matriarch;
CREATE TABLE IF NOT EXISTS matriarch.barrier (epoch bigint, at timestamptz);
INSERT INTO matriarch.barrier SELECT 0, pg_catalog.now() WHERE NOT EXISTS (SELECT FROM matriarch.barrier)`;

/** The position is taken inside the transaction: all before it is flushed by whoever acknowledges the commit. */
const commit = `UPDATE matriarch.barrier SET at = pg_catalog.clock_timestamp()
RETURNING pg_catalog.pg_current_wal_insert_lsn()::text AS lsn`;

/** @param isProven this postmaster's processes are known to follow the commit rule that is in force */
export async function passBarrier(config: MemberServerConfig, isProven: boolean, signal: AbortSignal): Promise<Lsn> {
  signal.throwIfAborted();
  const settings = { synchronous_commit: "on" };
  const session = await Session.open(config, { withinMs: openMs, applicationName: "matriarch barrier", settings });
  const [self] = await session.query("SELECT pg_catalog.pg_backend_pid() AS pid", [], { withinMs: openMs });
  const abort = (): void => session.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    // Commits wait only once the checkpointer has taken the names over, also right after a start. After a promotion it is
    // busy with its checkpoint, and could not be asked again so soon.
    if (!isProven) await proveFollowed(session, true, proveMs);
    await prepareTable(session);
    const [row] = await session.query(commit, [], { withinMs: longestMs });
    return acknowledged(session, row?.["lsn"]);
  } catch (error) {
    if (signal.aborted) await endWaiting(config, self?.["pid"] ?? "0");
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    void session.close();
  }
}

/** Waits for no voters: what it makes is covered by the barrier itself. */
async function prepareTable(session: Session): Promise<void> {
  const exists = "SELECT pg_catalog.to_regclass('matriarch.barrier') IS NOT NULL AS found";
  const [row] = await session.query(exists, [], { withinMs: openMs });
  if (row?.["found"] === "t") return;
  await session.query("SET synchronous_commit = local", [], { withinMs: openMs });
  for (const sql of prepare.split(";")) await session.query(sql, [], { withinMs: proveMs });
  await session.query("SET synchronous_commit = on", [], { withinMs: openMs });
}

/** Whoever cancels the wait (an operator, a timeout) makes the commit return with a warning, acknowledged by nobody. */
function acknowledged(session: Session, lsn: string | null | undefined): Lsn {
  const warnings = session.takeWarnings();
  if (lsn && warnings.length === 0) return parseLsn(lsn);
  throw new OpError("operation-failed", {
    message: "the barrier was not acknowledged by the voters",
    detail: warnings.length > 0 ? `The server said: ${warnings.join("; ")}.` : "The server gave no position.",
  });
}

/** The abandoned backend would wait on, holding its row. Terminated, it tells nobody that it committed. */
async function endWaiting(config: MemberServerConfig, pid: string): Promise<void> {
  const session = await Session.open(config, { withinMs: openMs }).catch(() => undefined);
  if (session === undefined) return;
  const sql = `SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_get_activity($1::int) AS a
WHERE a.application_name = 'matriarch barrier'`;
  await session.query(sql, [pid], { withinMs: openMs }).catch(() => undefined);
  void session.close();
}
