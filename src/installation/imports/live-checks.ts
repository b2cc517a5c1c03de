/** What a live import needs besides: logical replication at the source, and the right to set it up. Pure. */
import type { ImportCheck } from "../../contract/imports.ts";
import { quoted, shown, type SourceLook } from "../../drivers/postgres/import/look.ts";
import type { Prepared } from "./prepare.ts";
import { failed, note, ok, some } from "./verdicts.ts";

type Known = Prepared & { readonly source: SourceLook };

export function liveChecks(known: Known): readonly ImportCheck[] {
  const { source } = known;
  return [
    ...(source.isStandby
      ? [failed("live", "the source is a standby, which takes no publication", "Name the primary.")]
      : []),
    checkLevel(known),
    checkRights(known),
    checkSlots(source),
    ...checkIdentity(known),
  ];
}

/** How it is switched on where people come from. */
function howToSwitchOn(host: string): string {
  if (host.endsWith(".rds.amazonaws.com"))
    return "On RDS: rds.logical_replication = 1 in the parameter group, then reboot.";
  if (/\.(compute|compute-1)\.amazonaws\.com$|heroku/.test(host))
    return "Heroku Postgres does not offer it to customers: import without --live, with the app in maintenance mode.";
  if (/\.(internal|flycast|fly\.dev)$/.test(host) || /^(localhost|127\.)/.test(host))
    return "On Fly: fly postgres config update --wal-level logical -a APP, then fly postgres restart -a APP. Elsewhere: ALTER SYSTEM SET wal_level = logical; and restart.";
  return "At the source: ALTER SYSTEM SET wal_level = logical; and restart it.";
}

function checkLevel({ source, server, isOpen }: Known): ImportCheck {
  if (source.versionNumber < 120_000)
    return failed("live", `the source is Postgres ${source.version}`, "Live imports are from version 12 on.");
  // What keeps a new primary from following too early is that it lacks the password (care.ts).
  if (isOpen)
    return failed(
      "live",
      "the source lets the user in without a password",
      "A failover here is safe only with one: ask for it in the source's pg_hba.conf (scram-sha-256), and put it into the URI.",
    );
  if (source.walLevel === "logical") return ok("live", "wal_level is logical");
  return failed("live", `wal_level of the source is ${source.walLevel}, not logical`, howToSwitchOn(server.host));
}

function checkRights({ source, server }: Known): ImportCheck {
  const foreign = source.tables.filter((table) => !table.isOurs).map(shown);
  if (!source.mayReplicate)
    return failed(
      "replication",
      `user "${server.user}" may not replicate`,
      `At the source, as a superuser: ALTER ROLE "${server.user}" REPLICATION; on RDS: GRANT rds_replication TO "${server.user}";`,
    );
  if (!source.mayCreate || foreign.length > 0)
    return failed(
      "replication",
      source.mayCreate
        ? `user "${server.user}" does not own ${some(foreign)}`
        : `user "${server.user}" may not make a publication in the database`,
      "Import as the owner of the database and its tables, or as a superuser.",
    );
  return ok("replication", `user "${server.user}" may replicate and publish`);
}

/** One for the subscription, one that stays behind for failovers, and one for each of two tables that are being copied. */
const slotsNeeded = 4;

function checkSlots({ freeSlots, freeSenders }: SourceLook): ImportCheck {
  if (freeSlots >= slotsNeeded && freeSenders >= slotsNeeded)
    return ok("slots", `${freeSlots} replication slots and ${freeSenders} senders are free`);
  const [name, free] =
    freeSlots < slotsNeeded ? ["max_replication_slots", freeSlots] : ["max_wal_senders", freeSenders];
  return failed(
    "slots",
    `${slotsNeeded} replication slots and senders are needed; ${free} are free at the source`,
    `Raise ${name} there and restart it, or drop what nobody uses: SELECT * FROM pg_replication_slots`,
  );
}

function checkIdentity({ source, wish }: Known): readonly ImportCheck[] {
  const without = source.tables.filter((table) => table.identity === "none" && !table.isUnlogged);
  if (without.length === 0) return [ok("keys", "every table has a key by which its changes are known")];
  const names = some(without.map((table) => `"${shown(table)}"`));
  if (wish.replica_identity_full)
    return [
      note("keys", `without a primary key: ${names}; set to REPLICA IDENTITY FULL at the source until the cutover`),
    ];
  const first = without[0];
  return [
    failed(
      "keys",
      `without a primary key, so that the source would refuse their UPDATE and DELETE: ${names}`,
      `Give --replica-identity-full, which is taken back at the end; or at the source: ALTER TABLE ${first ? quoted(first) : ""} REPLICA IDENTITY FULL;`,
    ),
  ];
}
