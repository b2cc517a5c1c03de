/**
 * What a restart of the primary would cut or leave hanging: transactions that have been open for long, and prepared
 * ones. Called before an upgrade; only looks.
 */
import { withSession, type SessionTarget } from "../session/session.ts";

const askMs = 5000;
const listedMax = 10;

export interface LongTransaction {
  readonly pid: number;
  readonly user: string;
  readonly database: string;
  readonly application: string;
  readonly forSeconds: number;
  /** idle in transaction: it waits for its client */
  readonly isIdle: boolean;
}

export interface PreparedTransaction {
  readonly name: string;
  readonly database: string;
  readonly owner: string;
  readonly forSeconds: number;
}

export interface OpenWork {
  readonly transactions: readonly LongTransaction[];
  readonly prepared: readonly PreparedTransaction[];
}

/** Clients' alone: the server's own processes and ours come to their end by themselves. */
const longSql = `
SELECT pid, usename, datname, application_name, state LIKE 'idle in transaction%' AS idle,
  pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - xact_start)) AS seconds
FROM pg_catalog.pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() AND application_name NOT LIKE 'matriarch %'
  AND xact_start < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => $1::int)
ORDER BY xact_start LIMIT ${listedMax}`;

const preparedSql = `
SELECT gid, database, owner, pg_catalog.floor(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - prepared)) AS seconds
FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT ${listedMax}`;

/** @param longSeconds a transaction that is younger ends soon */
export async function askOpenWork(target: SessionTarget, longSeconds: number): Promise<OpenWork> {
  return withSession(target, { withinMs: askMs }, async (session) => {
    const long = await session.query(longSql, [String(longSeconds)], { withinMs: askMs });
    const prepared = await session.query(preparedSql, [], { withinMs: askMs });
    return {
      transactions: long.map((row) => ({
        pid: Number(row["pid"]),
        user: row["usename"] ?? "",
        database: row["datname"] ?? "",
        application: row["application_name"] ?? "",
        forSeconds: Number(row["seconds"]),
        isIdle: row["idle"] === "t",
      })),
      prepared: prepared.map((row) => ({
        name: row["gid"] ?? "",
        database: row["database"] ?? "",
        owner: row["owner"] ?? "",
        forSeconds: Number(row["seconds"]),
      })),
    };
  });
}
