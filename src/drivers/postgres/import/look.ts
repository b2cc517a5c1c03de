/**
 * What is in the database that is to be imported, as far as it matters before anything is changed, and for the copy.
 * Asked of the source by installation/imports; changes nothing. Versions 10 to 18.
 */
import { identifier } from "../session/quote.ts";
import type { Row } from "../session/session.ts";
import type { SourceSession } from "./source.ts";

export interface SourceTable {
  readonly schema: string;
  readonly name: string;
  /** with TOAST, on the source's disk */
  readonly bytes: number;
  /** columns that are stored, in order */
  readonly columns: readonly string[];
  readonly isUnlogged: boolean;
  /** how a changed row is named to a subscriber */
  readonly identity: "key" | "full" | "none";
  readonly isOurs: boolean;
}

export interface SourceLook {
  readonly versionNumber: number;
  readonly version: string;
  readonly isStandby: boolean;
  readonly bytes: number;
  readonly encoding: string;
  readonly collation: string;
  readonly ctype: string;
  readonly provider: string;
  readonly walLevel: string;
  readonly freeSlots: number;
  readonly freeSenders: number;
  readonly mayReplicate: boolean;
  readonly mayCreate: boolean;
  readonly extensions: readonly { readonly name: string; readonly schema: string }[];
  readonly tables: readonly SourceTable[];
  readonly largeObjects: number;
  readonly sequences: number;
  readonly foreignTables: readonly string[];
  /** owners and grantees that something in the database names */
  readonly owners: readonly string[];
  /** named by policies and user mappings */
  readonly namedRoles: readonly string[];
  readonly tablespaces: readonly string[];
  /** that the user may not read */
  readonly unreadable: readonly string[];
  readonly eventTriggers: number;
}

const systemSchemas = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;
const notOfExtension = (oid: string, catalog: string) =>
  `NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '${catalog}'::regclass AND x.objid = ${oid} AND x.deptype = 'e')`;

const serverSql = `
SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version,
  pg_is_in_recovery() AS standby, pg_database_size(d.oid) AS bytes, pg_encoding_to_char(d.encoding) AS encoding,
  d.datcollate AS collation, d.datctype AS ctype, to_jsonb(d)->>'datlocprovider' AS provider,
  COALESCE(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') AS locale,
  current_setting('wal_level') AS wal_level,
  current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots) AS free_slots,
  current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_replication) AS free_senders,
  (r.rolsuper OR r.rolreplication
    OR EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_replication' AND pg_has_role(r.oid, g.oid, 'member'))) AS may_replicate,
  has_database_privilege(d.oid, 'CREATE') AS may_create,
  (SELECT count(*) FROM pg_largeobject_metadata) AS large_objects,
  (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'S' AND ${systemSchemas} AND ${notOfExtension("c.oid", "pg_class")}) AS sequences,
  (SELECT count(*) FROM pg_event_trigger t WHERE ${notOfExtension("t.oid", "pg_event_trigger")}) AS event_triggers
FROM pg_database d, pg_roles r WHERE d.datname = current_database() AND r.rolname = current_user`;

const extensionsSql = `
SELECT e.extname AS name, n.nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname <> 'plpgsql' ORDER BY 1`;

/** Tables that hold rows of their own: partitions, not their parents. */
const tablesSql = (version: number) => `
SELECT n.nspname AS schema, c.relname AS name, pg_table_size(c.oid) AS bytes, c.relpersistence = 'u' AS unlogged,
  CASE WHEN c.relreplident = 'f' THEN 'full' WHEN c.relreplident = 'i' THEN 'key'
    WHEN c.relreplident = 'd' AND EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) THEN 'key'
    ELSE 'none' END AS identity,
  pg_has_role(c.relowner, 'USAGE') AS ours,
  has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AS readable,
  (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
    AND NOT a.attisdropped ${version >= 120000 ? "AND a.attgenerated = ''" : ""}) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND ${systemSchemas} AND ${notOfExtension("c.oid", "pg_class")}
ORDER BY 3 DESC, 1, 2`;

const foreignSql = `SELECT n.nspname || '.' || c.relname AS text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'f' AND ${systemSchemas} ORDER BY 1`;

const ownersSql = `
SELECT DISTINCT r.rolname AS text FROM pg_roles r JOIN pg_shdepend d ON d.refobjid = r.oid
  AND d.refclassid = 'pg_authid'::regclass AND d.deptype IN ('o', 'a')
  AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE r.rolname !~ '^pg_' ORDER BY 1`;

const namedRolesSql = `
SELECT DISTINCT r.rolname AS text FROM pg_policy p, unnest(p.polroles) AS o(oid) JOIN pg_roles r ON r.oid = o.oid
UNION SELECT m.usename::text FROM pg_user_mappings m WHERE m.umuser <> 0 ORDER BY 1`;

const tablespacesSql = `
SELECT DISTINCT t.spcname AS text FROM pg_class c JOIN pg_tablespace t ON t.oid = c.reltablespace
WHERE t.spcname <> 'pg_global' ORDER BY 1`;

export async function lookAtSource(session: SourceSession): Promise<SourceLook> {
  const [server] = await session.rows(serverSql);
  if (!server) throw new Error("the source gave no row about itself");
  const versionNumber = Number(server["number"]);
  const tables = await session.rows(tablesSql(versionNumber), [], 300_000);
  const texts = async (sql: string) => (await session.rows(sql)).flatMap((row) => row["text"] ?? []);
  return {
    versionNumber,
    version: (server["version"] ?? "").split(" ")[0] ?? "",
    isStandby: server["standby"] === "t",
    bytes: Number(server["bytes"]),
    encoding: server["encoding"] ?? "",
    collation: server["locale"] ?? server["collation"] ?? "",
    ctype: server["ctype"] ?? "",
    provider: server["provider"] ?? "c",
    walLevel: server["wal_level"] ?? "",
    freeSlots: Number(server["free_slots"]),
    freeSenders: Number(server["free_senders"]),
    mayReplicate: server["may_replicate"] === "t",
    mayCreate: server["may_create"] === "t",
    extensions: (await session.rows(extensionsSql)).map((row) => ({
      name: row["name"] ?? "",
      schema: row["schema"] ?? "",
    })),
    tables: tables.map(toTable),
    largeObjects: Number(server["large_objects"]),
    sequences: Number(server["sequences"]),
    eventTriggers: Number(server["event_triggers"]),
    foreignTables: await texts(foreignSql),
    owners: await texts(ownersSql),
    namedRoles: await texts(namedRolesSql),
    tablespaces: await texts(tablespacesSql),
    unreadable: tables
      .filter((row) => row["readable"] !== "t")
      .map((row) => `${row["schema"] ?? ""}.${row["name"] ?? ""}`),
  };
}

export async function countLargeObjects(session: SourceSession): Promise<number> {
  const [row] = await session.rows("SELECT count(*) AS n FROM pg_largeobject_metadata");
  return Number(row?.["n"]);
}

function toTable(row: Row): SourceTable {
  const columns: unknown = JSON.parse(row["columns"] ?? "[]");
  const identity = row["identity"];
  return {
    schema: row["schema"] ?? "",
    name: row["name"] ?? "",
    bytes: Number(row["bytes"]),
    columns: Array.isArray(columns) ? columns.map(String) : [],
    isUnlogged: row["unlogged"] === "t",
    identity: identity === "key" || identity === "full" ? identity : "none",
    isOurs: row["ours"] === "t",
  };
}

/** As it stands in a statement. */
export function quoted({ schema, name }: Pick<SourceTable, "schema" | "name">): string {
  return `${identifier(schema)}.${identifier(name)}`;
}

/** As a person reads it. */
export function shown({ schema, name }: Pick<SourceTable, "schema" | "name">): string {
  return schema === "public" ? name : `${schema}.${name}`;
}
