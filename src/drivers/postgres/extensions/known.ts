/**
 * What is known of extensions beyond their control files: libraries that must be there when a server starts, packages that
 * bring them, and other names that people give them. One that has no line here works as well, as long as it needs none of
 * this. Pure; read by installation/extensions and by packages.ts.
 */

export interface KnownExtension {
  /** library, and the setting that loads it: `shared` at the server's start, `session` at a session's */
  readonly load?: { readonly library: string; readonly when: "shared" | "session"; readonly place?: "first" };
  /** the library is all there is: it is loaded, and no database holds anything of it */
  readonly isLibraryOnly?: true;
  /** setting that names the one database which may have it */
  readonly onlyDatabase?: string;
  /** settings without which it does not work here, and why */
  readonly settings?: Readonly<Record<string, string>>;
  /** Debian's package: `%` stands for the major version */
  readonly debian?: string;
  /** where else it comes from, in a sentence */
  readonly elsewhere?: string;
  /** what to do next, once it is there */
  readonly next?: string;
}

const shared = (library: string) => ({ library, when: "shared" }) as const;
const packaged = (suffix: string): KnownExtension => ({ debian: `postgresql-%-${suffix}` });

const postgis = packaged("postgis-3");

const known: Readonly<Record<string, KnownExtension>> = {
  // Of Postgres itself. Debian has them in the server's package, Red Hat in postgresql-contrib.
  pg_stat_statements: { load: shared("pg_stat_statements") },
  auto_explain: {
    load: { library: "auto_explain", when: "session" },
    isLibraryOnly: true,
    next: "It logs nothing before you set: matriarch config set CLUSTER auto_explain.log_min_duration=1s",
  },
  auth_delay: { load: shared("auth_delay"), isLibraryOnly: true },
  passwordcheck: { load: shared("passwordcheck"), isLibraryOnly: true },
  plperl: { debian: "postgresql-plperl-%" },
  plperlu: { debian: "postgresql-plperl-%" },
  plpython3u: { debian: "postgresql-plpython3-%" },
  pltcl: { debian: "postgresql-pltcl-%" },
  pltclu: { debian: "postgresql-pltcl-%" },

  // What people come with.
  vector: packaged("pgvector"),
  postgis,
  postgis_raster: postgis,
  postgis_sfcgal: postgis,
  postgis_topology: postgis,
  postgis_tiger_geocoder: postgis,
  address_standardizer: postgis,
  address_standardizer_data_us: postgis,
  pgrouting: packaged("pgrouting"),
  pg_cron: {
    load: shared("pg_cron"),
    onlyDatabase: "cron.database_name",
    // Otherwise it logs in over TCP, as a user without a password, and is refused.
    settings: { "cron.use_background_workers": "on" },
    debian: "postgresql-%-cron",
  },
  timescaledb: {
    load: shared("timescaledb"),
    debian: "postgresql-%-timescaledb",
    elsewhere:
      "Timescale's own repository has it as timescaledb-2-postgresql-%; the distributions' package lacks compression and continuous aggregates",
  },
  pgaudit: { load: shared("pgaudit"), debian: "postgresql-%-pgaudit" },
  pg_partman: packaged("partman"),
  pg_repack: packaged("repack"),
  pg_squeeze: { load: shared("pg_squeeze"), debian: "postgresql-%-squeeze" },
  hypopg: packaged("hypopg"),
  pg_hint_plan: { load: { library: "pg_hint_plan", when: "session" }, debian: "postgresql-%-pg-hint-plan" },
  pg_wait_sampling: { load: shared("pg_wait_sampling"), debian: "postgresql-%-pg-wait-sampling" },
  pg_stat_kcache: { load: shared("pg_stat_kcache"), debian: "postgresql-%-pg-stat-kcache" },
  pg_qualstats: { load: shared("pg_qualstats"), debian: "postgresql-%-pg-qualstats" },
  set_user: { load: shared("set_user"), debian: "postgresql-%-set-user" },
  pglogical: { load: shared("pglogical"), debian: "postgresql-%-pglogical" },
  citus: {
    load: { ...shared("citus"), place: "first" },
    elsewhere: "Citus Data's own repository has it as postgresql-%-citus",
  },
  plpgsql_check: packaged("plpgsql-check"),
  pgtap: packaged("pgtap"),
  rum: packaged("rum"),
  hll: packaged("hll"),
  ip4r: packaged("ip4r"),
  orafce: packaged("orafce"),
  periods: packaged("periods"),
  pg_similarity: packaged("similarity"),
  prefix: packaged("prefix"),
  semver: packaged("semver"),
  tds_fdw: packaged("tds-fdw"),
  mysql_fdw: packaged("mysql-fdw"),
  ogr_fdw: packaged("ogr-fdw"),
  http: packaged("http"),
  q3c: packaged("q3c"),
  tdigest: packaged("tdigest"),
};

/** Names that people type for extensions that are called otherwise. */
const otherNames: Readonly<Record<string, string>> = {
  pgvector: "vector",
  cron: "pg_cron",
  pgcron: "pg_cron",
  timescale: "timescaledb",
  trgm: "pg_trgm",
  partman: "pg_partman",
  uuid: "uuid-ossp",
  uuid_ossp: "uuid-ossp",
  repack: "pg_repack",
  pg_audit: "pgaudit",
  plpython: "plpython3u",
};

export function knownOf(name: string): KnownExtension {
  return (Object.hasOwn(known, name) ? known[name] : undefined) ?? {};
}

/** There is something to say of it, even where no host has it. */
export function isKnown(name: string): boolean {
  return Object.hasOwn(known, name);
}

/** Libraries without an extension that can be enabled. */
export const knownLibraries: readonly string[] = Object.keys(known).filter((name) => known[name]?.isLibraryOnly);

export const knownNames: readonly string[] = Object.keys(known);

export function otherNameOf(name: string): string | undefined {
  return Object.hasOwn(otherNames, name.toLowerCase()) ? otherNames[name.toLowerCase()] : undefined;
}

/** The extensions that need this library while a server runs. */
export function needing(library: string): readonly string[] {
  return Object.keys(known).filter((name) => known[name]?.load?.library === library);
}

/** `postgresql-15-cron`; undefined when nobody here knows what brings it */
export function debianPackage(name: string, major: number): string | undefined {
  return knownOf(name).debian?.replace("%", String(major));
}
