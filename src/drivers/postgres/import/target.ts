/**
 * The database that an import fills: made, marked, handed to its owners, or taken away again. Called by
 * installation/imports on the writable primary. What is imported belongs to a role of the import's own until it is
 * complete, so that one statement hands all of it over, or drops all of it.
 */
import { withSession, type Row, type SessionTarget } from "../session/session.ts";
import { identifier, literal } from "../session/quote.ts";
import type { Admin } from "../accounts/admin.ts";
import { dropDatabase, prepareDatabase } from "../accounts/databases.ts";
import { groupsOf } from "../accounts/names.ts";
import { lookAround } from "../accounts/look.ts";
import { markText, readMark, type Mark } from "./mark.ts";

export const importRole = "matriarch_import";
const longMs = 24 * 3_600_000;

/** What the target is able to hold. */
export interface TargetLook {
  readonly major: number;
  readonly databases: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  readonly extensions: ReadonlySet<string>;
  /** spellings of the locales that there are */
  readonly locales: readonly string[];
  readonly icu: boolean;
  readonly marks: ReadonlyMap<string, Mark>;
}

export async function lookAtTarget(admin: Admin): Promise<TargetLook> {
  const accounts = await lookAround(admin);
  const [about] = await admin.rows(
    `SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS major,
       (SELECT pg_catalog.json_agg(name) FROM pg_catalog.pg_available_extensions) AS extensions,
       (SELECT pg_catalog.json_agg(DISTINCT collcollate) FROM pg_catalog.pg_collation WHERE collprovider = 'c' AND collcollate <> '') AS locales,
       EXISTS (SELECT FROM pg_catalog.pg_collation WHERE collprovider = 'i') AS icu,
       (SELECT pg_catalog.json_agg(rolname) FROM pg_catalog.pg_roles) AS roles`,
  );
  return {
    major: Number(about?.["major"]),
    databases: new Set(accounts.databases.keys()),
    roles: new Set(texts(about?.["roles"])),
    extensions: new Set(texts(about?.["extensions"])),
    locales: texts(about?.["locales"]),
    icu: about?.["icu"] === "t",
    marks: await readMarks(admin),
  };
}

function texts(json: string | null | undefined): readonly string[] {
  const values: unknown = JSON.parse(json ?? "[]");
  return Array.isArray(values) ? values.map(String) : [];
}

/** Imports that are under way or were left, by database. */
export async function readMarks(admin: Pick<Admin, "rows">): Promise<ReadonlyMap<string, Mark>> {
  const rows = await admin.rows(marksSql);
  return new Map(
    rows.flatMap((row) => {
      const mark = readMark(row["note"]);
      return mark ? [[row["name"] ?? "", mark] as const] : [];
    }),
  );
}

export const marksSql = `SELECT datname AS name, pg_catalog.shobj_description(oid, 'pg_database') AS note FROM pg_catalog.pg_database`;

export async function writeMark(admin: Admin, database: string, mark: Mark | null): Promise<void> {
  const text = mark === null ? "NULL" : literal(markText(mark));
  await admin.run([`COMMENT ON DATABASE ${identifier(database)} IS ${text}`]);
}

/** Nothing of users is in it: extensions may be. */
export async function isEmpty(admin: Admin, database: string): Promise<boolean> {
  const [row] = await admin.inDatabase(database, (session) => session.rows(contentSql));
  return row?.["n"] === "0";
}

const contentSql = `
SELECT (SELECT count(*) FROM pg_catalog.pg_class c WHERE ${ours("relnamespace", "c.oid", "pg_class")})
  + (SELECT count(*) FROM pg_catalog.pg_proc p WHERE ${ours("pronamespace", "p.oid", "pg_proc")})
  + (SELECT count(*) FROM pg_catalog.pg_type t WHERE ${ours("typnamespace", "t.oid", "pg_type")})
  + (SELECT count(*) FROM pg_catalog.pg_largeobject_metadata) AS n`;

function ours(namespace: string, oid: string, catalog: string): string {
  return `${namespace} IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'matriarch'))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass AND x.objid = ${oid} AND x.deptype = 'e')`;
}

export interface Making {
  readonly database: string;
  /** of CREATE DATABASE: encoding and locale */
  readonly options: string;
  /** roles that policies name */
  readonly roles: readonly string[];
  readonly extensions: readonly { readonly name: string; readonly schema: string }[];
  readonly mark: Mark;
}

/** The database, where there is none, with its mark; the roles and the extensions that it needs. @returns the mark as it stands */
export async function makeTarget(admin: Admin, making: Making): Promise<Mark> {
  const { database, options, roles, extensions } = making;
  const before = await lookAround(admin);
  const made = !before.databases.has(database);
  const all = new Set(
    texts((await admin.rows("SELECT pg_catalog.json_agg(rolname) AS t FROM pg_catalog.pg_roles"))[0]?.["t"]),
  );
  const missing = roles.filter((role) => !all.has(role));
  if (!all.has(importRole)) await admin.run([`CREATE ROLE ${importRole} SUPERUSER NOLOGIN`]);
  if (made) await admin.run([`CREATE DATABASE ${identifier(database)} ${options}`]);
  const there = made ? [] : await extensionsIn(admin, database);
  const mark = { ...making.mark, made, roles: missing, extensions: [...there] };
  await writeMark(admin, database, mark);
  await prepareDatabase(admin, database, made);
  for (const role of missing)
    await admin.runTogether([
      `CREATE ROLE ${identifier(role)} NOLOGIN`,
      `COMMENT ON ROLE ${identifier(role)} IS ${literal(`imported: named by policies of database "${database}"`)}`,
    ]);
  await admin.inDatabase(database, async (session) => {
    const schemas = [...new Set(extensions.map(({ schema }) => schema))].filter((schema) => schema !== "pg_catalog");
    await session.run([
      `SET ROLE ${importRole}`,
      ...schemas.map((schema) => `CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`),
      "RESET ROLE",
      ...extensions.map(
        ({ name, schema }) =>
          `CREATE EXTENSION IF NOT EXISTS ${identifier(name)}${schema === "pg_catalog" ? "" : ` SCHEMA ${identifier(schema)}`} CASCADE`,
      ),
    ]);
  });
  return mark;
}

async function extensionsIn(admin: Admin, database: string): Promise<readonly string[]> {
  const rows = await admin.inDatabase(database, (session) =>
    session.rows("SELECT extname AS name FROM pg_catalog.pg_extension"),
  );
  return rows.flatMap((row) => row["name"] ?? []);
}

/** Everything that was imported becomes the owners'; a few kinds of things only superusers may own. */
export async function handOver(admin: Admin, database: string): Promise<void> {
  const { owner } = groupsOf(database);
  await admin.inDatabase(database, async (session) => {
    const kept = await session.rows(superusersOnlySql, [importRole]);
    await session.run([
      ...kept.flatMap((row) => row["text"] ?? []),
      `REASSIGN OWNED BY ${importRole} TO ${identifier(owner)}`,
    ]);
  });
  await prepareDatabase(admin, database, true);
}

const superusersOnlySql = `
SELECT pg_catalog.format('ALTER EVENT TRIGGER %I OWNER TO matriarch', evtname) AS text FROM pg_catalog.pg_event_trigger
  WHERE evtowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)
UNION ALL SELECT pg_catalog.format('ALTER FOREIGN DATA WRAPPER %I OWNER TO matriarch', fdwname) FROM pg_catalog.pg_foreign_data_wrapper
  WHERE fdwowner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)`;

/** The role of the import goes when no database has anything of it any more. */
export async function endImport(admin: Admin, database: string): Promise<void> {
  await writeMark(admin, database, null);
  await dropImportRole(admin);
}

async function dropImportRole(admin: Admin): Promise<void> {
  const [used] = await admin.rows(
    `SELECT count(*) AS n FROM pg_catalog.pg_shdepend WHERE refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       AND refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)`,
    [importRole],
  );
  if (used?.["n"] === "0") await admin.run([`DROP ROLE IF EXISTS ${importRole}`]);
}

/** Takes away what the import made, and nothing else. Safe to repeat. */
export async function undoImport(admin: Admin, database: string, mark: Mark): Promise<void> {
  if (mark.made) await dropDatabase(admin, database);
  else await emptyAgain(admin, database, mark);
  for (const role of mark.roles) await admin.run([`DROP ROLE IF EXISTS ${identifier(role)}`]).catch(() => undefined);
  if (!mark.made) await writeMark(admin, database, null);
  await dropImportRole(admin);
}

async function emptyAgain(admin: Admin, database: string, mark: Mark): Promise<void> {
  const { owner } = groupsOf(database);
  const rows = await admin.rows("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", [importRole]);
  await admin.rows(
    `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
     WHERE datname = $1 AND usename = 'matriarch' AND pid <> pg_catalog.pg_backend_pid() AND application_name <> 'matriarch agent'`,
    [database],
  );
  const extensions = (await extensionsIn(admin, database)).filter((name) => !mark.extensions.includes(name));
  await admin.inDatabase(database, (session) =>
    session.run([
      ...extensions.map((name) => `DROP EXTENSION IF EXISTS ${identifier(name)} CASCADE`),
      ...(rows.length === 0 ? [] : [`DROP OWNED BY ${importRole} CASCADE`]),
      // A live import was handed over when it began to follow: the database was empty before.
      ...(mark.state === "live" ? [`DROP OWNED BY ${identifier(owner)} CASCADE`] : []),
    ]),
  );
  await prepareDatabase(admin, database, true);
}

/** One statement in the database, for as long as it takes. */
export function inTarget(target: SessionTarget, database: string, sql: string): Promise<readonly Row[]> {
  const settings = { synchronous_commit: "on" };
  return withSession(target, { withinMs: 10_000, settings, database }, (session) =>
    session.query(sql, [], { withinMs: longMs }),
  );
}
