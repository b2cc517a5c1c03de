/**
 * What a restored copy holds, and whether it is whole as far as a short time allows: indexes by amcheck, tables page by
 * page with their checksums, small ones first. Asked by `revive` while the copy's server runs alone. Leaves nothing
 * behind: amcheck is made in a transaction that is rolled back.
 */
import { z } from "zod";
import type { Session } from "../session/session.ts";
import { identifier, literal } from "../session/quote.ts";
import type { Open } from "./quiet-server.ts";

export interface Contents {
  readonly databases: number;
  readonly tables: number;
  /** by the planner's figures; tables that have none are counted when they are small, and estimated else */
  readonly rows: number;
  /** indexes and tables that were read and found whole */
  readonly whole: number;
  /** left out: there was no time, or no amcheck */
  readonly unchecked: number;
  /** names with what is wrong, at most a few */
  readonly damaged: readonly string[];
  /** pages are checked by their checksums as they are read */
  readonly hasChecksums: boolean;
}

export interface Patience {
  /** for all databases together */
  readonly budgetMs: number;
  /** what is larger is left out: one could take the whole time */
  readonly largestBytes: number;
  /** for one statement */
  readonly askMs: number;
}

const askMs = 60_000;
/** For a person who waits. */
const usualPatience: Patience = { budgetMs: 10_000, largestBytes: 256 * 2 ** 20, askMs };
const countedBytes = 16 * 2 ** 20;
const toldMost = 5;
const letters = 200;

const databasesSql =
  "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname";

const tablesSql = `SELECT c.oid::pg_catalog.regclass::text AS name, c.reltuples::int8::text AS rows,
  pg_catalog.pg_relation_size(c.oid)::text AS bytes
FROM pg_catalog.pg_class AS c
WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND c.oid >= 16384`;

const relationsSql = `SELECT c.oid::text AS oid, c.oid::pg_catalog.regclass::text AS name, c.relkind::text AS kind,
  pg_catalog.pg_relation_size(c.oid)::text AS bytes
FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
WHERE c.relpersistence = 'p' AND c.relkind IN ('r', 'm', 't', 'i') AND a.amname IN ('heap', 'btree')
  AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i WHERE i.indexrelid = c.oid AND NOT (i.indisvalid AND i.indisready))
ORDER BY pg_catalog.pg_relation_size(c.oid)`;

export async function inspect(open: Open, patience: Patience = usualPatience): Promise<Contents> {
  const until = performance.now() + patience.budgetMs;
  const session = await open("postgres");
  const names = (await session.query(databasesSql, [], { withinMs: askMs })).map((row) => row["datname"] ?? "");
  const [checksums] = await session.query("SHOW data_checksums", [], { withinMs: askMs });
  await session.close();
  const found = { databases: names.length, tables: 0, rows: 0, whole: 0, unchecked: 0 };
  const damaged: string[] = [];
  for (const name of names) {
    const database = await open(name);
    try {
      const counted = await count(database);
      const checked = await check(database, until, patience);
      found.tables += counted.tables;
      found.rows += counted.rows;
      found.whole += checked.whole;
      found.unchecked += checked.unchecked;
      damaged.push(...checked.damaged.map((text) => `${name}: ${text}`));
    } finally {
      await database.close();
    }
  }
  return { ...found, damaged: damaged.slice(0, toldMost), hasChecksums: checksums?.["data_checksums"] === "on" };
}

async function count(session: Session): Promise<{ readonly tables: number; readonly rows: number }> {
  const tables = await session.query(tablesSql, [], { withinMs: askMs });
  let rows = 0;
  for (const table of tables) {
    const known = Number(table["rows"]);
    if (known >= 0) rows += known;
    else if (Number(table["bytes"]) <= countedBytes) rows += await countRows(session, table["name"] ?? "");
    else rows += await estimateRows(session, table["name"] ?? "");
  }
  return { tables: tables.length, rows };
}

/** @param table as regclass wrote it, quoted where it must be */
async function countRows(session: Session, table: string): Promise<number> {
  const counting = session.query(`SELECT count(*)::text AS n FROM ${table}`, [], { withinMs: askMs });
  return counting.then(
    ([row]) => Number(row?.["n"] ?? 0),
    () => 0,
  );
}

const planSchema = z.array(z.object({ Plan: z.object({ "Plan Rows": z.number() }) }));

/** As the planner does it for a table that was never analyzed: by its size and the width of its rows. */
async function estimateRows(session: Session, table: string): Promise<number> {
  const sql = `EXPLAIN (FORMAT JSON) SELECT FROM ${table}`;
  const [row] = await session.query(sql, [], { withinMs: askMs }).catch(() => []);
  const parsed = planSchema.safeParse(JSON.parse(row?.["QUERY PLAN"] ?? "[]"));
  return parsed.data?.[0]?.Plan["Plan Rows"] ?? 0;
}

interface Checked {
  readonly whole: number;
  readonly unchecked: number;
  readonly damaged: readonly string[];
}

async function check(session: Session, until: number, { largestBytes, askMs: withinMs }: Patience): Promise<Checked> {
  const relations = await session.query(relationsSql, [], { withinMs: askMs });
  await session.query("BEGIN", [], { withinMs: askMs });
  try {
    const schema = await amcheckIn(session);
    if (schema === undefined) return { whole: 0, unchecked: relations.length, damaged: [] };
    const damaged: string[] = [];
    let whole = 0;
    for (const { oid, name, kind, bytes } of relations) {
      if (performance.now() > until || Number(bytes) > largestBytes) break;
      const problem = await problemOf(session, checkSql(schema, oid ?? "", kind ?? ""), withinMs);
      if (problem === undefined) whole += 1;
      else damaged.push(`${name}: ${problem.slice(0, letters)}`);
    }
    return { whole, unchecked: relations.length - whole - damaged.length, damaged };
  } finally {
    await session.query("ROLLBACK", [], { withinMs: askMs });
  }
}

function checkSql(schema: string, oid: string, kind: string): string {
  const amcheck = identifier(schema);
  if (kind === "i") return `SELECT ${amcheck}.bt_index_check(${literal(oid)}::oid::pg_catalog.regclass)::text AS msg`;
  return `SELECT msg FROM ${amcheck}.verify_heapam(${literal(oid)}::oid::pg_catalog.regclass) LIMIT 1`;
}

/** The schema that amcheck is in, for this transaction; undefined where the engine does not have it. */
async function amcheckIn(session: Session): Promise<string | undefined> {
  const where = `SELECT n.nspname FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'amcheck'`;
  const [row] = await session.query(where, [], { withinMs: askMs });
  if (row?.["nspname"]) return row["nspname"];
  await session.query("SAVEPOINT made", [], { withinMs: askMs });
  const make = "CREATE SCHEMA matriarch_check; CREATE EXTENSION amcheck SCHEMA matriarch_check";
  return session.query(make, [], { withinMs: askMs }).then(
    () => "matriarch_check",
    async () => {
      await session.query("ROLLBACK TO made", [], { withinMs: askMs });
      return undefined;
    },
  );
}

/** An index that is not whole is an error, a table answers with rows. */
async function problemOf(session: Session, sql: string, withinMs: number): Promise<string | undefined> {
  await session.query("SAVEPOINT one", [], { withinMs: askMs });
  try {
    const [row] = await session.query(sql, [], { withinMs });
    await session.query("RELEASE one", [], { withinMs: askMs });
    return row?.["msg"] || undefined;
  } catch (error) {
    await session.query("ROLLBACK TO one", [], { withinMs: askMs });
    return error instanceof Error ? error.message : String(error);
  }
}
