/**
 * What the writable primary says of extensions: which each database has, which versions there are, what would go with
 * one. Called by installation/extensions. Changes nothing, and takes no lock that anybody would wait for.
 */
import type { AdminSession } from "../accounts/admin.ts";

export interface InstalledExtension {
  readonly name: string;
  readonly version: string;
  readonly schema: string;
  /** the version that the engine would install now; null: the engine has lost it */
  readonly available: string | null;
  readonly comment: string;
  /** there is a way from `version` to `available` */
  readonly hasUpdate: boolean;
}

/** Versions 14 to 18. */
const installedSql = `
SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema, a.default_version AS available,
  COALESCE(a.comment, '') AS comment,
  a.default_version IS DISTINCT FROM e.extversion AND EXISTS (
    SELECT FROM pg_catalog.pg_extension_update_paths(e.extname) u
    WHERE a.name IS NOT NULL AND u.source = e.extversion AND u.target = a.default_version AND u.path IS NOT NULL
  ) AS has_update
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname
ORDER BY e.extname`;

/** pg_extension_update_paths fails for one whose control file is gone. */
const installedBareSql = `
SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema, a.default_version AS available,
  COALESCE(a.comment, '') AS comment, false AS has_update
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = e.extname
ORDER BY e.extname`;

export async function installedIn(session: AdminSession): Promise<readonly InstalledExtension[]> {
  const bare = await session.rows(installedBareSql);
  const rows = bare.some(({ available }) => available === null) ? bare : await session.rows(installedSql);
  return rows.map((row) => ({
    name: row["name"] ?? "",
    version: row["version"] ?? "",
    schema: row["schema"] ?? "",
    available: row["available"] ?? null,
    comment: row["comment"] ?? "",
    hasUpdate: row["has_update"] === "t",
  }));
}

/** Versions that can be installed, or reached from `from`. */
export async function versionsOf(
  session: AdminSession,
  name: string,
  from: string | undefined,
): Promise<readonly string[]> {
  const rows =
    from === undefined
      ? await session.rows(
          "SELECT version FROM pg_catalog.pg_available_extension_versions WHERE name = $1 ORDER BY 1",
          [name],
        )
      : await session.rows(
          `SELECT target AS version FROM pg_catalog.pg_extension_update_paths($1::pg_catalog.name)
WHERE source = $2 AND path IS NOT NULL ORDER BY 1`,
          [name, from],
        );
  return rows.flatMap(({ version }) => version ?? []);
}

export interface Dependents {
  /** in Postgres' words, `column at of table public.places`; the first so many */
  readonly named: readonly string[];
  readonly count: number;
}

const namedMax = 20;

/**
 * All that a DROP … CASCADE would take along. What belongs to the extension itself goes in any case; what belongs to an
 * object (its index, its default, its operators' functions) is not told besides it; a view goes where its query does. Source:
 * findDependentObjects() in dependency.c.
 */
const dependentsSql = `
WITH RECURSIVE own AS (
  SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
  WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e' AND e.extname = $1),
gone (classid, objid, objsubid, is_inner) AS (
  SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid, e.oid, 0, true
    FROM pg_catalog.pg_extension e WHERE e.extname = $1
  UNION
  SELECT own.classid, own.objid, 0, true FROM own
  UNION
  SELECT CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_catalog.pg_class'::pg_catalog.regclass END,
      COALESCE(r.ev_class, d.objid), CASE WHEN r.oid IS NULL THEN d.objsubid ELSE 0 END, d.deptype <> 'n' FROM gone
    JOIN pg_catalog.pg_depend d ON d.refclassid = gone.classid AND d.refobjid = gone.objid
      AND (gone.objsubid = 0 OR d.refobjsubid = gone.objsubid)
    LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
      AND r.rulename = '_RETURN'
  WHERE d.deptype IN ('n', 'a', 'i', 'P', 'S') AND r.ev_class IS DISTINCT FROM gone.objid),
named AS (
  SELECT DISTINCT gone.classid, gone.objid, gone.objsubid FROM gone
  WHERE NOT EXISTS (SELECT FROM gone AS inner_part WHERE inner_part.is_inner
      AND inner_part.classid = gone.classid AND inner_part.objid = gone.objid AND inner_part.objsubid = gone.objsubid)
    AND NOT EXISTS (SELECT FROM own WHERE own.classid = gone.classid AND own.objid = gone.objid)
    AND NOT (gone.objsubid <> 0 AND EXISTS (SELECT FROM gone AS whole
      WHERE whole.classid = gone.classid AND whole.objid = gone.objid AND whole.objsubid = 0)))
SELECT pg_catalog.pg_describe_object(classid, objid, objsubid) AS what,
  (SELECT pg_catalog.count(*) FROM named)::text AS n FROM named ORDER BY 1 LIMIT ${namedMax}`;

export async function dependentsOf(session: AdminSession, name: string): Promise<Dependents> {
  const rows = await session.rows(dependentsSql, [name]);
  return { named: rows.flatMap(({ what }) => what ?? []), count: Number(rows[0]?.["n"] ?? 0) };
}

/** Tables of the extension that hold what users put there: what pg_dump would save of them. */
const ownDataSql = `
SELECT c.oid::pg_catalog.regclass::text AS "table",
  pg_catalog.format('SELECT pg_catalog.count(*)::text AS n FROM %s %s', c.oid::pg_catalog.regclass, x.condition) AS counting
FROM pg_catalog.pg_extension e,
  ROWS FROM (pg_catalog.unnest(e.extconfig), pg_catalog.unnest(e.extcondition)) AS x (relation, condition)
JOIN pg_catalog.pg_class c ON c.oid = x.relation AND c.relkind IN ('r', 'p')
WHERE e.extname = $1`;

/** @returns `3 rows of cron.job` */
export async function ownDataOf(session: AdminSession, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { table, counting } of await session.rows(ownDataSql, [name])) {
    const [row] = await session.rows(counting ?? "");
    const count = Number(row?.["n"] ?? 0);
    if (count > 0) found.push(`${count} ${count === 1 ? "row" : "rows"} of ${table}`);
  }
  return found;
}
