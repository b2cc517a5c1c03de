/** The checks before an import, all of them at once. Pure: what it judges was looked at before (prepare.ts). */
import type { ImportCheck } from "../../contract/imports.ts";
import { formatSize } from "../../contract/units.ts";
import { isLoopback, sourceName } from "../../drivers/postgres/import/source.ts";
import { shown, type SourceLook } from "../../drivers/postgres/import/look.ts";
import { restoresInto } from "../../drivers/postgres/import/tools.ts";
import { majorOf, type Prepared } from "./prepare.ts";
import { localeFor } from "./locale.ts";
import { liveChecks } from "./live-checks.ts";
import { failed, note, ok, quotedList, some } from "./verdicts.ts";

type Known = Prepared & { readonly source: SourceLook };

/** @param install the command that brings programs of this major */
export function judge(prepared: Prepared, install: string): readonly ImportCheck[] {
  const { source, sourceProblem } = prepared;
  const empty = checkEmpty(prepared);
  if (source === undefined) {
    const text = sourceProblem?.message ?? "the source cannot be looked at";
    return [failed("source", text, sourceProblem?.hint), empty];
  }
  const known: Known = { ...prepared, source };
  return [
    ok("source", `${sourceName(prepared.server)}, Postgres ${source.version}${localhost(prepared)}`),
    checkVersion(known),
    checkTools(known, install),
    checkDisk(known),
    ...checkExtensions(known),
    checkLocale(known),
    empty,
    checkReading(known),
    ...checkRoles(known),
    ...checkRest(known),
    ...(prepared.wish.live ? liveChecks(known) : []),
  ];
}

function localhost({ server }: Prepared): string {
  return isLoopback(server.host) ? "; localhost is the machine of the agent" : "";
}

function checkVersion({ source, target }: Known): ImportCheck {
  const major = majorOf(source.versionNumber);
  if (major > target.major)
    return failed(
      "version",
      `the source is Postgres ${major}, newer than this cluster's ${target.major}`,
      `Make a cluster with --version ${major}: what a newer version can hold an older one may not.`,
    );
  if (major < 10)
    return failed("version", `the source is Postgres ${source.version}`, "From 10 on; older ones go by pg_dump.");
  return ok("version", `${major} into ${target.major}`);
}

function checkTools({ source, target, tools, toolMajors }: Known, install: string): ImportCheck {
  const major = majorOf(source.versionNumber);
  if (tools === undefined) {
    const there = toolMajors.length === 0 ? "none is installed" : `installed: ${toolMajors.join(", ")}`;
    return failed("programs", `pg_dump, pg_restore and psql ${major} or newer are needed; ${there}`, `Run: ${install}`);
  }
  if (!restoresInto(tools, target.major))
    return failed(
      "programs",
      `pg_restore ${tools.major} writes what Postgres ${target.major} does not know`,
      `Run: ${install}`,
    );
  return ok("programs", `pg_dump, pg_restore and psql ${tools.major}`);
}

/** What is written again as log is thrown away as it goes; a fifth more is for what is on its way. */
function checkDisk({ source, free }: Known): ImportCheck {
  const needed = Math.ceil(source.bytes * 1.2) + 64 * 1024 * 1024;
  const hosts = [...free].map(([host, bytes]) => ({ host, bytes }));
  const short = hosts.filter(({ bytes }) => bytes !== undefined && bytes < needed);
  const silent = hosts.filter(({ bytes }) => bytes === undefined);
  if (short.length > 0) {
    const has = short.map(({ host, bytes }) => `"${host}" has ${formatSize(bytes ?? 0)}`).join(", ");
    return failed(
      "disk",
      `${formatSize(needed)} are needed on each member's host; ${has}`,
      "Free some, or use others.",
    );
  }
  const text = `${formatSize(source.bytes)} to import`;
  if (silent.length > 0)
    return note("disk", `${text}; unknown on ${silent.map(({ host }) => `"${host}"`).join(", ")}, which did not say`);
  return ok("disk", `${text}; free: ${formatSize(Math.min(...hosts.map(({ bytes }) => bytes ?? 0)))}`);
}

function checkExtensions({ wanted, target, lacking, wish }: Known): readonly ImportCheck[] {
  const missing = wanted.filter(({ name }) => !target.extensions.has(name)).map(({ name }) => name);
  const skip = (names: readonly string[]) => names.map((name) => `--skip-extension ${name}`).join(" ");
  const checks: ImportCheck[] = [];
  if (missing.length > 0)
    checks.push(
      failed(
        "extensions",
        `this cluster's engine lacks ${quotedList(missing)}`,
        `Install them on every host (a cluster made with --engine system takes the distribution's packages), or, where nothing uses them: ${skip(missing)}`,
      ),
    );
  for (const [member, names] of lacking)
    checks.push(failed("extensions", `member "${member}" lacks ${quotedList(names)}`, "Install them on its host too."));
  if (checks.length > 0) return checks;
  const skipped = wish.skip_extensions.length === 0 ? "" : `; left out: ${quotedList(wish.skip_extensions)}`;
  return [ok("extensions", (wanted.length === 0 ? "none" : wanted.map(({ name }) => name).join(", ")) + skipped)];
}

function checkLocale({ source, target, isEmpty }: Known): ImportCheck {
  const text = `${source.encoding}, ${source.collation}`;
  if (isEmpty) return ok("encoding", `${text}, into the database as it is`);
  const { note: difference } = localeFor(source, target);
  return difference === undefined ? ok("encoding", text) : note("encoding", `${text}; ${difference}`);
}

function checkEmpty({ database, cluster, target, isEmpty, isKept }: Prepared): ImportCheck {
  const other = "Choose another one with --database.";
  const mark = target.marks.get(database);
  if (isKept) return failed("database", `the agents work in database "${database}"`, other);
  if (mark)
    return failed(
      "database",
      mark.state === "live" ? `"${database}" is the target of a live import` : `"${database}" is what an import left`,
      `To give that up: matriarch import abandon ${cluster}`,
    );
  if (!target.databases.has(database)) return ok("database", `"${database}" is made`);
  if (isEmpty) return ok("database", `"${database}" is there, and empty`);
  return failed("database", `database "${database}" is there, and not empty`, other);
}

function checkReading({ source: { tables, unreadable }, server }: Known): ImportCheck {
  if (unreadable.length > 0)
    return failed(
      "rights",
      `user "${server.user}" may not read ${some(unreadable)}`,
      `At the source: GRANT pg_read_all_data TO "${server.user}"; (from version 14), or import as the owner.`,
    );
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  return ok("rights", `${tables.length} tables can be read, ${formatSize(bytes)}`);
}

function checkRoles({ source, target, database }: Known): readonly ImportCheck[] {
  const strange = source.owners.filter((name) => !target.roles.has(name));
  const named = source.namedRoles.filter((name) => !target.roles.has(name));
  const owners = `everything belongs to the owners of "${database}"`;
  const roles =
    strange.length === 0
      ? ok("roles", owners)
      : note("roles", `${owners}; not here: ${some(strange.map((name) => `"${name}"`))}; grants are not taken over`);
  if (named.length === 0) return [roles];
  return [roles, note("policies", `they name ${quotedList(named)}, not here: made as roles that nobody logs in as`)];
}

function checkRest({ source, wish }: Known): readonly ImportCheck[] {
  const { tablespaces, largeObjects, foreignTables, tables, isStandby } = source;
  const unlogged = tables.filter((table) => table.isUnlogged).map((table) => `"${shown(table)}"`);
  return [
    ...(isStandby ? [note("source", "it is a standby; what it replays may cut the copy short")] : []),
    ...(tablespaces.length > 0 ? [note("tablespaces", `${some(tablespaces)}: all goes to the default one`)] : []),
    ...(largeObjects > 0
      ? [note("large objects", `${largeObjects}, ${wish.live ? "copied at the cutover" : "copied too"}`)]
      : []),
    ...(foreignTables.length > 0
      ? [note("foreign tables", `${some(foreignTables)}: defined here too; what they show stays where it is`)]
      : []),
    ...(unlogged.length > 0
      ? [
          note(
            "unlogged",
            wish.live
              ? `${some(unlogged)}: no changes of theirs arrive; they stay empty here`
              : `${some(unlogged)}: copied, and empty after a failover as everywhere`,
          ),
        ]
      : []),
  ];
}
