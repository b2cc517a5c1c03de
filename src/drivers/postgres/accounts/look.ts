/** What databases, users and memberships there are in a cluster. Called before and after every change. Changes nothing. */
import type { DatabaseRole } from "../../../domain/attachment.ts";
import { databaseRoles } from "../../../domain/attachment.ts";
import type { Row } from "../session/session.ts";
import type { AdminSession } from "./admin.ts";
import { groupNote, groupsOf, secondLoginNote, secondLoginOf, unfinishedNote } from "./names.ts";

export interface SeenDatabase {
  readonly name: string;
  readonly owner: string;
  readonly bytes: number;
  readonly encoding: string;
  readonly collation: string;
  /** of clients */
  readonly sessions: number;
}

export interface SeenRole {
  readonly name: string;
  readonly isSuperuser: boolean;
  readonly canLogIn: boolean;
  readonly hasPassword: boolean;
  /** ISO 8601; null: for ever */
  readonly validUntil: string | null;
  readonly isExpired: boolean;
  readonly note: string;
  readonly sessions: number;
}

export interface Accounts {
  readonly databases: ReadonlyMap<string, SeenDatabase>;
  /** without Postgres' own and Matriarch's internal ones */
  readonly roles: ReadonlyMap<string, SeenRole>;
  /** by member: what it is a direct member of */
  readonly memberships: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Versions 14 to 18. */
const databasesSql = `
SELECT d.datname AS name, r.rolname AS owner, pg_catalog.pg_database_size(d.oid)::text AS bytes,
  pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collation,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity a
    WHERE a.datid = d.oid AND a.backend_type = 'client backend' AND a.usename <> 'matriarch')::text AS sessions
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
WHERE NOT d.datistemplate AND d.datallowconn ORDER BY d.datname`;

/** A date that no calendar has (infinity) is none. */
const rolesSql = `
SELECT r.rolname AS name, r.rolsuper AS is_superuser, r.rolcanlogin AS can_log_in,
  r.rolpassword IS NOT NULL AS has_password,
  CASE WHEN pg_catalog.isfinite(r.rolvaliduntil)
    THEN pg_catalog.to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END AS valid_until,
  COALESCE(r.rolvaliduntil <= pg_catalog.now(), false) AS is_expired,
  COALESCE(pg_catalog.shobj_description(r.oid, 'pg_authid'), '') AS note,
  (SELECT count(*) FROM pg_catalog.pg_stat_activity a
    WHERE a.usesysid = r.oid AND a.backend_type = 'client backend')::text AS sessions
FROM pg_catalog.pg_authid r
WHERE r.rolname !~ '^pg_' AND r.rolname !~ '^matriarch($|_)' ORDER BY r.rolname`;

const membershipsSql = `
SELECT m.rolname AS member, g.rolname AS "group" FROM pg_catalog.pg_auth_members x
JOIN pg_catalog.pg_roles m ON m.oid = x.member JOIN pg_catalog.pg_roles g ON g.oid = x.roleid`;

export async function lookAround(session: AdminSession): Promise<Accounts> {
  const databases = (await session.rows(databasesSql)).map(toDatabase);
  const roles = (await session.rows(rolesSql)).map(toRole);
  const memberships = new Map<string, Set<string>>();
  for (const row of await session.rows(membershipsSql)) {
    const member = row["member"] ?? "";
    memberships.set(member, (memberships.get(member) ?? new Set()).add(row["group"] ?? ""));
  }
  return {
    databases: new Map(databases.map((database) => [database.name, database])),
    roles: new Map(roles.map((role) => [role.name, role])),
    memberships,
  };
}

/** What the user may do there by our roles; undefined: nothing by them. */
export function roleIn({ memberships }: Accounts, user: string, database: string): DatabaseRole | undefined {
  const groups = groupsOf(database);
  return databaseRoles.findLast((role) => memberships.get(user)?.has(groups[role]));
}

/** The login that takes turns with the user's own; undefined when there is none yet. */
export function secondLogin({ roles }: Accounts, user: string): SeenRole | undefined {
  const found = roles.get(secondLoginOf(user));
  return found?.note === secondLoginNote(user) ? found : undefined;
}

/** Every database has its rights set: what was interrupted is finished by the next change. */
export function isFinished({ roles }: Accounts, database: string): boolean {
  return roles.get(groupsOf(database).owner)?.note === groupNote(database, "owner");
}

/** Roles that nobody should see as users: our groups and second logins. */
export function isOurs({ note }: SeenRole): boolean {
  return note.startsWith("Matriarch: ");
}

/** A role of that name is there, and it is not the one that we made for this. */
export function isStrange({ roles }: Accounts, database: string, role: DatabaseRole): boolean {
  const found = roles.get(groupsOf(database)[role]);
  if (found === undefined) return false;
  const isNoted = found.note === groupNote(database, role) || found.note === unfinishedNote(database);
  return !isNoted || found.canLogIn || found.isSuperuser;
}

function toDatabase(row: Row): SeenDatabase {
  return {
    name: row["name"] ?? "",
    owner: row["owner"] ?? "",
    bytes: Number(row["bytes"]),
    encoding: row["encoding"] ?? "",
    collation: row["collation"] ?? "",
    sessions: Number(row["sessions"]),
  };
}

function toRole(row: Row): SeenRole {
  return {
    name: row["name"] ?? "",
    isSuperuser: row["is_superuser"] === "t",
    canLogIn: row["can_log_in"] === "t",
    hasPassword: row["has_password"] === "t",
    validUntil: row["valid_until"] ?? null,
    isExpired: row["is_expired"] === "t",
    note: row["note"] ?? "",
    sessions: Number(row["sessions"]),
  };
}
