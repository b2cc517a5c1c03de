/** What replication does not bring, brought while nothing writes, and the proof that all is there. Called by cutover.ts. */
import { identifier, literal } from "../../drivers/postgres/session/quote.ts";
import { countLargeObjects, quoted, shown, type SourceTable } from "../../drivers/postgres/import/look.ts";
import { chooseEntries, dumpArchive, restore, type Programs } from "../../drivers/postgres/import/programs.ts";
import { readSequences } from "../../drivers/postgres/import/publication.ts";
import { conninfoOf, writePassfile } from "../../drivers/postgres/import/source.ts";
import { run } from "../../drivers/postgres/import/subscription.ts";
import { handOver, inTarget } from "../../drivers/postgres/import/target.ts";
import { chooseTools, findClientTools } from "../../drivers/postgres/import/tools.ts";
import { OpError } from "../../errors/op-error.ts";
import { changeOnPrimary } from "../accounts/primary.ts";
import type { Cut } from "./work.ts";
import { majorOf } from "./prepare.ts";
import { some } from "./verdicts.ts";

const countMs = 24 * 3_600_000;
const countedBytesMax = 1024 ** 3;
const countedAtOnce = 4;

/** @returns how many */
export async function setSequences({ session, place }: Cut): Promise<number> {
  const values = await readSequences(session);
  const sets = values.map(({ name, value, isCalled }) => `setval(${literal(name)}, ${BigInt(value)}, ${isCalled})`);
  for (let at = 0; at < sets.length; at += 100)
    await run(
      place,
      `SELECT ${sets
        .slice(at, at + 100)
        .map((set) => `pg_catalog.${set}`)
        .join(", ")}`,
    );
  return values.length;
}

/** All anew: they have no identity that a change could be told by. @returns how many */
export async function copyLargeObjects(cut: Cut): Promise<number> {
  const { session, source, place, parts, cluster, database, directory, server, signal, step } = cut;
  const { versionNumber, encoding } = source;
  const largeObjects = await countLargeObjects(session);
  if (largeObjects === 0) return 0;
  step("large objects");
  const tools = chooseTools(await findClientTools(), majorOf(versionNumber));
  if (!tools) throw new OpError("import-failed", { message: "pg_dump is not installed any more" });
  const programs: Programs = {
    tools,
    directory,
    conninfo: conninfoOf(server),
    passfile: await writePassfile(directory, server),
    encoding: encoding === "SQL_ASCII" ? "SQL_ASCII" : "UTF8",
    snapshot: "",
    signal,
  };
  await dumpArchive(programs, "all");
  await chooseEntries(programs, (line) => /^\d+; \d+ \d+ (?:BLOBS?|BLOB METADATA) /.test(line));
  await run(place, "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata");
  await restore(programs, place, "pre-data");
  await restore(programs, place, "data");
  await changeOnPrimary(parts, cluster, (admin) => handOver(admin, database));
  return largeObjects;
}

/** @throws OpError import-failed, naming the tables that differ */
export async function compareCounts(cut: Cut) {
  const { source, wish, signal } = cut;
  const all = source.tables.filter((table) => !table.isUnlogged);
  const counted = all.filter((table) => wish.count_all || table.bytes <= countedBytesMax);
  const queue = [...counted];
  const different: string[] = [];
  let rows = 0;
  const worker = async (): Promise<void> => {
    for (let table = queue.shift(); table !== undefined; table = queue.shift()) {
      signal.throwIfAborted();
      const [theirs, ours] = await countBoth(cut, table);
      if (theirs !== ours) different.push(`${shown(table)} (${theirs} at the source, ${ours} here)`);
      else rows += Number(ours);
    }
  };
  await Promise.all(Array.from({ length: countedAtOnce }, worker));
  if (different.length > 0)
    throw new OpError("import-failed", {
      message: `the two sides differ in ${different.length === 1 ? "one table" : `${different.length} tables`}`,
      detail: `${some(different)}. The import goes on following.`,
      hint: "Was the source written to meanwhile? Then stop that, and give the same command again.",
    });
  const left = all.filter((table) => !counted.includes(table)).map(shown);
  return { tables: all.length, rows, ...(left.length === 0 ? {} : { not_counted: some(left) }) };
}

async function countBoth({ session, place }: Cut, table: SourceTable): Promise<readonly [string, string]> {
  const sql = `SELECT pg_catalog.count(*) AS n FROM ONLY ${quoted(table)}`;
  const [theirs, ours] = await Promise.all([
    session.rows(sql, [], countMs),
    inTarget(place.target, place.database, sql),
  ]);
  return [theirs[0]?.["n"] ?? "", ours[0]?.["n"] ?? ""];
}

/** They were made from empty tables. */
export async function refreshViews({ place }: Cut): Promise<void> {
  const views = await run(
    place,
    "SELECT schemaname AS schema, matviewname AS name FROM pg_catalog.pg_matviews ORDER BY 1, 2",
  );
  for (const { schema, name } of views)
    await inTarget(
      place.target,
      place.database,
      `REFRESH MATERIALIZED VIEW ${identifier(schema ?? "")}.${identifier(name ?? "")}`,
    );
}
