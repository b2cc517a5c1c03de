/**
 * Counts of the rows of marked tables: of the running cluster, so that later a copy can be compared with it, and of a copy.
 * The counters of changes are read before and after, each in a moment of its own, so that they enclose the count.
 */
import { createHash } from "node:crypto";
import type { Changes, TableCount } from "../../domain/proof.ts";
import { identifier } from "../../drivers/postgres/session/quote.ts";
import { withSession, type Session, type SessionTarget } from "../../drivers/postgres/session/session.ts";
import { OpError } from "../../errors/op-error.ts";
import { clusterOf, isHere, type Parts } from "../parts.ts";
import { servingPrimary } from "../status.ts";

/** A count of a large table reads all of it. */
const countMs = 3_600_000;
const askMs = 10_000;

export interface TableName {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
}

/** @throws OpError bad-value unless it is `database.schema.table` */
export function parseTable(text: string): TableName {
  const [database, schema, table, ...rest] = text.split(".");
  if (database && schema && table && rest.length === 0) return { database, schema, table };
  throw new OpError("bad-value", {
    message: `"${text}" is no table`,
    hint: "Write it as DATABASE.SCHEMA.TABLE, such as postgres.public.orders.",
  });
}

/** Where the primary answers; undefined: it is not of this host, or there is none that serves. */
export function primaryHere(parts: Parts, name: string): SessionTarget | undefined {
  const cluster = clusterOf(parts, name);
  const primary = servingPrimary(cluster);
  const record = primary && cluster.record.members[primary.id]?.value;
  if (!primary || !record || !isHere(parts, record)) return undefined;
  return { socketDirectory: primary.socketDirectory, port: record.port };
}

/** Of those that can be counted now. */
export async function countTables(
  parts: Pick<Parts, "clock">,
  target: SessionTarget,
  tables: readonly string[],
  failed: (table: string, error: unknown) => void,
): Promise<readonly TableCount[]> {
  const counted: TableCount[] = [];
  for (const table of tables)
    await countTable(parts, target, table).then(
      (count) => counted.push(count),
      (error: unknown) => failed(table, error),
    );
  return counted;
}

async function countTable({ clock }: Pick<Parts, "clock">, target: SessionTarget, table: string): Promise<TableCount> {
  const { database, ...name } = parseTable(table);
  return withSession(target, { withinMs: askMs, database }, async (session) => {
    const begunAt = clock.wallNow();
    const first = await changesOf(session, name);
    const rows = await countRows(session, name, countMs);
    const last = await changesOf(session, name);
    const endedAt = clock.wallNow();
    // Emptied or restarted while it was counted: the next count will do.
    const origin = first.origin === last.origin ? first.origin : `${begunAt}`;
    return { table, begunAt, endedAt, rows, before: first.changes, after: last.changes, origin };
  });
}

type Named = Omit<TableName, "database">;

/** TRUNCATE and rewrites give a table another file; a crash, a failover and a reset begin the counters anew. */
const changesSql = `SELECT s.n_tup_ins::text AS inserted, s.n_tup_del::text AS deleted,
  pg_catalog.concat_ws(' ', c.oid, pg_catalog.pg_relation_filenode(c.oid), d.stats_reset,
    (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), pg_catalog.pg_postmaster_start_time()) AS origin
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = c.oid
  JOIN pg_catalog.pg_stat_database AS d ON d.datname = pg_catalog.current_database()
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'm')`;

async function changesOf(
  session: Session,
  { schema, table }: Named,
): Promise<{ readonly changes: Changes; readonly origin: string }> {
  const [row] = await session.query(changesSql, [schema, table], { withinMs: askMs });
  if (!row)
    throw new OpError("bad-value", {
      message: `there is no table "${schema}.${table}"`,
      hint: "Give a table with rows of its own, neither a view nor one that is partitioned.",
    });
  const changes = { inserted: Number(row["inserted"]), deleted: Number(row["deleted"]) };
  return {
    changes,
    origin: createHash("sha256")
      .update(row["origin"] ?? "")
      .digest("hex")
      .slice(0, 16),
  };
}

export async function countRows(session: Session, { schema, table }: Named, withinMs: number): Promise<number> {
  const sql = `SELECT count(*)::text AS n FROM ONLY ${identifier(schema)}.${identifier(table)}`;
  const [row] = await session.query(sql, [], { withinMs });
  return Number(row?.["n"] ?? 0);
}

/** @throws OpError bad-value naming the first that is not there */
export async function refuseUnknown(target: SessionTarget, tables: readonly string[]): Promise<void> {
  for (const table of tables) {
    const { database, ...name } = parseTable(table);
    await withSession(target, { withinMs: askMs, database }, (session) => changesOf(session, name)).catch(
      (error: unknown) => {
        if (error instanceof OpError) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        throw new OpError("bad-value", { message: `table "${table}" cannot be counted: ${reason}`, cause: error });
      },
    );
  }
}
