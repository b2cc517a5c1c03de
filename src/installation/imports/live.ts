/**
 * A live import begins: the schema, then a subscription that copies every table and follows. The operation ends there;
 * Postgres itself carries the rest on, through failovers too, until the cutover (cutover.ts). Called by begin.ts.
 */
import { randomBytes } from "node:crypto";
import { quoted } from "../../drivers/postgres/import/look.ts";
import type { Mark } from "../../drivers/postgres/import/mark.ts";
import { chooseEntries, dumpArchive, restore } from "../../drivers/postgres/import/programs.ts";
import { publish } from "../../drivers/postgres/import/publication.ts";
import { SourceSession } from "../../drivers/postgres/import/source.ts";
import { beginFollowing, recordSubscription } from "../../drivers/postgres/import/subscription.ts";
import { handOver, writeMark } from "../../drivers/postgres/import/target.ts";
import { OpError } from "../../errors/op-error.ts";
import { changeOnPrimary, primaryTarget } from "../accounts/primary.ts";
import type { Figures, Work } from "./work.ts";
import { clusterOf } from "../parts.ts";
import { admitPrimary, careForLive } from "./care.ts";
import { entriesWanted, jobsOf, makeDatabase, programsFor } from "./copy.ts";

export async function beginLive(work: Work): Promise<Figures> {
  const { parts, ready, step, signal } = work;
  const { cluster, database, server, source, target } = ready;
  const name = `import_to_${cluster.replaceAll("-", "_")}_${randomBytes(3).toString("hex")}`;
  const identities = source.tables.filter((table) => table.identity === "none" && !table.isUnlogged).map(quoted);
  const mark = await makeDatabase(work, { name, identities });
  await copySchema(work);
  step("publishing at the source", 4);
  const place = { target: await primaryTarget(parts, cluster), database };
  await recordSubscription(place, { name, major: target.major, server });
  await using session = await SourceSession.open(server);
  await publish(session, name, source.tables, identities);
  signal.throwIfAborted();
  step("subscribing", 5);
  const live: Mark = { ...mark, state: "live", epoch: clusterOf(parts, cluster).record.reign.value.epoch };
  await changeOnPrimary(parts, cluster, (admin) => writeMark(admin, database, live));
  await admitPrimary(parts, cluster, mark, place);
  await beginFollowing(place, name).catch((error: unknown) => {
    throw notFollowing(error);
  });
  careForLive(parts, cluster);
  return {
    message: "the first copy runs",
    database,
    tables: source.tables.length,
    source_bytes: source.bytes,
    publication_and_slot: name,
  };
}

/** With indexes and keys: rows arrive through them. Values of sequences and large objects wait for the cutover. */
async function copySchema(work: Work): Promise<void> {
  const { parts, ready, step } = work;
  const { cluster, database, source } = ready;
  step("reading the schema", 1);
  const programs = await programsFor(work, "");
  await dumpArchive(programs, source.tables);
  const wanted = entriesWanted(work);
  await chooseEntries(programs, (line) => wanted(line) && !atTheEnd.test(line));
  const into = { target: await primaryTarget(parts, cluster), database };
  step("making the schema", 2);
  await restore(programs, into, "pre-data");
  await restore(programs, into, "data");
  step("indexes, keys and triggers", 3);
  await restore(programs, into, "post-data", jobsOf(work));
  await changeOnPrimary(parts, cluster, (admin) => handOver(admin, database));
}

const atTheEnd = /^\d+; \d+ \d+ (?:BLOBS?|BLOB METADATA|SEQUENCE SET|MATERIALIZED VIEW DATA) /;

function notFollowing(cause: unknown): OpError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OpError("import-failed", {
    message: `the primary cannot subscribe to the source: ${why}`,
    detail: "It connects to the source by itself, as the host that the primary is on.",
    hint: "Every host with a member must reach the source at the address in the URI.",
    cause,
  });
}
