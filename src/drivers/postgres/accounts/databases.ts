/**
 * Databases and who may do what in them. Rights belong to three roles for each database (names.ts); users get theirs by
 * membership, so that a user that comes or goes changes nothing about the data. Called by installation/accounts under
 * the lock. Every call may be made again: it goes on from what is there.
 */
import type { DatabaseRole } from "../../../domain/attachment.ts";
import { OpError } from "../../../errors/op-error.ts";
import { identifier, literal } from "../session/quote.ts";
import type { Admin, AdminSession } from "./admin.ts";
import { isFinished, isStrange, lookAround, type Accounts } from "./look.ts";
import { groupNote, groupsOf, unfinishedNote, type Groups } from "./names.ts";

/** The agent's own sessions begin in the first; the others are what new ones are copied from. */
const kept: ReadonlySet<string> = new Set(["postgres", "template0", "template1"]);

export interface Shape {
  readonly encoding?: string | undefined;
  readonly locale?: string | undefined;
  readonly template?: string | undefined;
}

export function isKept(database: string): boolean {
  return kept.has(database);
}

/**
 * Makes the database where there is none, and its roles with their rights in it.
 * @param take what superusers and the database's owner made there becomes the owner role's
 * @param shape of a new one
 */
export async function prepareDatabase(admin: Admin, database: string, take: boolean, shape: Shape = {}): Promise<void> {
  const accounts = await lookAround(admin);
  const groups = groupsOf(database);
  await admin.runTogether(groupStatements(accounts, database, groups));
  const isNew = !accounts.databases.has(database);
  if (isNew) await create(admin, accounts, database, shape);
  const isOwn = isNew || accounts.databases.get(database)?.owner === groups.owner;
  // Only while it is being made: what an administrator grants to everybody later stays.
  const isClosed = isOwn && !isFinished(accounts, database);
  const before = isOwn ? undefined : accounts.databases.get(database)?.owner;
  await admin.inDatabase(database, (session) => setRights(session, database, { groups, isClosed, take }));
  if (take && before !== undefined) await takeDatabase(admin, accounts, database, before);
  await admin.run([comment(groups.owner, groupNote(database, "owner"))]);
}

/** One that cannot be made leaves no roles behind. */
async function create(admin: Admin, before: Accounts, database: string, shape: Shape): Promise<void> {
  const { owner, writer, reader } = groupsOf(database);
  try {
    await admin.run([`CREATE DATABASE ${identifier(database)} OWNER ${identifier(owner)}${shapeClause(shape)}`]);
  } catch (error) {
    const made = [owner, writer, reader].filter((role) => !before.roles.has(role));
    // Roles that own a database cannot be dropped: one that was made all the same keeps them, and is completed later.
    await admin.runTogether(made.map((role) => `DROP ROLE IF EXISTS ${identifier(role)}`)).catch(() => undefined);
    throw error;
  }
}

/** Only template0 can be copied with another encoding or locale. Source: Postgres manual, CREATE DATABASE. */
function shapeClause({ encoding, locale, template }: Shape): string {
  const from = template ?? (encoding === undefined && locale === undefined ? undefined : "template0");
  return [
    ...(from === undefined ? [] : [` TEMPLATE ${identifier(from)}`]),
    ...(encoding === undefined ? [] : [` ENCODING ${literal(encoding)}`]),
    ...(locale === undefined ? [] : [` LOCALE ${literal(locale)}`]),
  ].join("");
}

/** Ends its sessions. Its roles go too; users that had rights only here stay, with none. */
export async function dropDatabase(admin: Admin, database: string): Promise<void> {
  const accounts = await lookAround(admin);
  await admin.run([`DROP DATABASE IF EXISTS ${identifier(database)} WITH (FORCE)`]);
  const groups = groupsOf(database);
  const ours = (["owner", "writer", "reader"] as const).filter(
    (role) => accounts.roles.has(groups[role]) && !isStrange(accounts, database, role),
  );
  await admin.runTogether(ours.map((role) => `DROP ROLE IF EXISTS ${identifier(groups[role])}`));
}

/** The user's rights there become exactly these. `logins`: the names under which the user logs in. */
export function roleStatements(
  user: string,
  logins: readonly string[],
  database: string,
  role: DatabaseRole | undefined,
): readonly string[] {
  const groups = groupsOf(database);
  const all = [groups.owner, groups.writer, groups.reader].map(identifier).join(", ");
  const grant = role === undefined ? [] : [`GRANT ${identifier(groups[role])} TO ${identifier(user)}`];
  // What an owner makes belongs to all owners, and stays when one of them goes.
  const acting = role === "owner" ? `SET role = ${literal(groups.owner)}` : "RESET role";
  const act = (login: string) => `ALTER ROLE ${identifier(login)} IN DATABASE ${identifier(database)} ${acting}`;
  return [`REVOKE ${all} FROM ${identifier(user)}`, ...grant, ...logins.map(act)];
}

function groupStatements(accounts: Accounts, database: string, groups: Groups): readonly string[] {
  const upward = [
    ["reader", ""],
    ["writer", ` IN ROLE ${identifier(groups.reader)}`],
    ["owner", ` IN ROLE ${identifier(groups.writer)}`],
  ] as const;
  return upward.flatMap(([role, into]) => {
    if (isStrange(accounts, database, role)) throw strange(database, groups[role]);
    if (accounts.roles.has(groups[role])) return [];
    const note = role === "owner" ? unfinishedNote(database) : groupNote(database, role);
    return [`CREATE ROLE ${identifier(groups[role])} NOLOGIN${into}`, comment(groups[role], note)];
  });
}

function comment(role: string, text: string): string {
  return `COMMENT ON ROLE ${identifier(role)} IS ${literal(text)}`;
}

function strange(database: string, role: string): OpError {
  return new OpError("user-exists", {
    message: `role "${role}" is needed for database "${database}", and there is another one of that name`,
    hint: `Rename it, in matriarch connect: ALTER ROLE ${identifier(role)} RENAME TO …`,
  });
}

interface Rights {
  readonly groups: Groups;
  /** nobody gets in who was not let in */
  readonly isClosed: boolean;
  readonly take: boolean;
}

async function setRights(session: AdminSession, database: string, { groups, isClosed, take }: Rights): Promise<void> {
  const name = identifier(database);
  const taking = take ? await texts(session, takingSql, [groups.owner]) : [];
  const schemas = await texts(session, schemasSql);
  const makers = new Set([groups.owner, ...(await texts(session, makersSql))]);
  await session.runTogether([
    ...(isClosed ? [`REVOKE CONNECT, TEMPORARY ON DATABASE ${name} FROM PUBLIC`] : []),
    // Before version 15 everybody may make tables there.
    ...(isClosed ? ["REVOKE CREATE ON SCHEMA public FROM PUBLIC"] : []),
    ...(isClosed ? [`GRANT ALL ON SCHEMA public TO ${identifier(groups.owner)}`] : []),
    `GRANT CONNECT ON DATABASE ${name} TO ${identifier(groups.reader)}`,
    `GRANT TEMPORARY ON DATABASE ${name} TO ${identifier(groups.writer)}`,
    ...taking,
    ...schemas.flatMap((schema) => grantsIn(schema, groups)),
    ...[...makers].flatMap((maker) => grantsToCome(maker, groups)),
  ]);
}

/** On what is there. */
function grantsIn(schema: string, { reader, writer }: Groups): readonly string[] {
  const within = `IN SCHEMA ${identifier(schema)} TO`;
  return [
    `GRANT USAGE ON SCHEMA ${identifier(schema)} TO ${identifier(reader)}`,
    `GRANT SELECT ON ALL TABLES ${within} ${identifier(reader)}`,
    `GRANT SELECT ON ALL SEQUENCES ${within} ${identifier(reader)}`,
    `GRANT INSERT, UPDATE, DELETE ON ALL TABLES ${within} ${identifier(writer)}`,
    `GRANT USAGE, UPDATE ON ALL SEQUENCES ${within} ${identifier(writer)}`,
  ];
}

/** On what `maker` makes from now on. */
function grantsToCome(maker: string, { reader, writer, owner }: Groups): readonly string[] {
  const forMaker = `ALTER DEFAULT PRIVILEGES FOR ROLE ${identifier(maker)} GRANT`;
  const toOwner =
    maker === owner
      ? []
      : ["SCHEMAS", "TABLES", "SEQUENCES"].map((kind) => `${forMaker} ALL ON ${kind} TO ${identifier(owner)}`);
  return [
    `${forMaker} USAGE ON SCHEMAS TO ${identifier(reader)}`,
    `${forMaker} SELECT ON TABLES TO ${identifier(reader)}`,
    `${forMaker} SELECT ON SEQUENCES TO ${identifier(reader)}`,
    `${forMaker} INSERT, UPDATE, DELETE ON TABLES TO ${identifier(writer)}`,
    `${forMaker} USAGE, UPDATE ON SEQUENCES TO ${identifier(writer)}`,
    ...toOwner,
  ];
}

/** A former owner that is an ordinary user goes on as one of the owners. */
async function takeDatabase(admin: Admin, accounts: Accounts, database: string, before: string): Promise<void> {
  const { owner } = groupsOf(database);
  const isUser = accounts.roles.get(before)?.isSuperuser === false;
  await admin.runTogether([
    `ALTER DATABASE ${identifier(database)} OWNER TO ${identifier(owner)}`,
    ...(isUser ? roleStatements(before, [before], database, "owner") : []),
  ]);
}

async function texts(session: AdminSession, sql: string, values: readonly string[] = []): Promise<readonly string[]> {
  return (await session.rows(sql, values)).flatMap((row) => row["text"] ?? []);
}

/** Schemas of users; "matriarch" holds what the agents write. */
const userSchemas = `nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'matriarch')`;
const schemasSql = `SELECT nspname AS text FROM pg_catalog.pg_namespace WHERE ${userSchemas} ORDER BY 1`;

/** Who has made something here, or will: superusers that people log in as, the database's owner, owners of relations. */
const makersSql = `
SELECT r.rolname AS text FROM pg_catalog.pg_roles r
WHERE r.rolname !~ '^pg_' AND r.rolname !~ '^matriarch($|_)' AND (
  (r.rolsuper AND r.rolcanlogin)
  OR r.oid = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  OR r.oid IN (SELECT c.relowner FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE ${userSchemas}))
ORDER BY 1`;

/**
 * Statements that make the role $1 the owner of what superusers and the database's owner have made here. What belongs to
 * an extension stays with it, and a sequence of a column goes with its table. Versions 14 to 18.
 */
const takingSql = `
WITH giver AS (
  SELECT oid FROM pg_catalog.pg_roles WHERE rolsuper
  UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
space AS (SELECT oid, nspname, nspowner FROM pg_catalog.pg_namespace WHERE ${userSchemas}),
bound AS (SELECT objid, classid FROM pg_catalog.pg_depend WHERE deptype = 'e'
  UNION SELECT objid, classid FROM pg_catalog.pg_depend
    WHERE deptype IN ('a', 'i') AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND objid IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind = 'S')),
thing AS (
  SELECT 1 AS turn, pg_catalog.format('SCHEMA %I', nspname) AS what, oid, nspowner AS owner,
    'pg_catalog.pg_namespace'::pg_catalog.regclass AS class FROM space
  UNION ALL SELECT 2, pg_catalog.format('%s %I.%I', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, s.nspname, c.relname),
    c.oid, c.relowner, 'pg_catalog.pg_class'::pg_catalog.regclass
    FROM pg_catalog.pg_class c JOIN space s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL SELECT 3, pg_catalog.format('ROUTINE %s', p.oid::pg_catalog.regprocedure), p.oid, p.proowner,
    'pg_catalog.pg_proc'::pg_catalog.regclass FROM pg_catalog.pg_proc p JOIN space s ON s.oid = p.pronamespace
  UNION ALL SELECT 3, pg_catalog.format('TYPE %I.%I', s.nspname, t.typname), t.oid, t.typowner,
    'pg_catalog.pg_type'::pg_catalog.regclass
    FROM pg_catalog.pg_type t JOIN space s ON s.oid = t.typnamespace WHERE t.typtype IN ('d', 'e', 'r')
  UNION ALL SELECT 4, pg_catalog.format('LARGE OBJECT %s', l.oid), l.oid, l.lomowner,
    'pg_catalog.pg_largeobject'::pg_catalog.regclass FROM pg_catalog.pg_largeobject_metadata l)
SELECT pg_catalog.format('ALTER %s OWNER TO %I', what, $1::text) AS text FROM thing
WHERE owner IN (SELECT oid FROM giver)
  AND owner <> COALESCE((SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1::text), 0)
  AND NOT EXISTS (SELECT FROM bound WHERE bound.objid = thing.oid AND bound.classid = thing.class)
ORDER BY turn, what`;
