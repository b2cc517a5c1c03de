/**
 * Physical replication slots, one for each other member, on every member (design P10). Called by the member's server
 * and before a copy. Never touches a slot that is not named as ours, nor one that is in use.
 */
import type { MemberId } from "../../../domain/cluster.ts";
import type { Session } from "../session/session.ts";
import { slotOf } from "./replication-names.ts";

const ours = `SELECT slot_name, active, wal_status FROM pg_catalog.pg_get_replication_slots()
WHERE slot_type = 'physical' AND slot_name LIKE 'matriarch\\_%'`;
const drop = "SELECT pg_catalog.pg_drop_replication_slot($1::name)";
/** Reserves nothing until a standby uses it: a member that never comes must not make the log grow. */
const create = "SELECT pg_catalog.pg_create_physical_replication_slot($1::name, false)";
const reserve = "SELECT pg_catalog.pg_create_physical_replication_slot($1::name, true)";

export interface SlotsWanted {
  readonly members: readonly MemberId[];
  /** those of them that are to keep nothing of what they have kept */
  readonly anew: readonly MemberId[];
}

export async function setSlots(session: Session, { members, anew }: SlotsWanted, withinMs: number): Promise<void> {
  const wanted = new Set(members.map(slotOf));
  const stale = new Set(anew.map(slotOf));
  const present = new Set<string>();
  for (const row of await session.query(ours, [], { withinMs })) {
    const name = row["slot_name"] ?? "";
    // A lost slot refuses its standby for ever; a fresh one serves it after its re-clone.
    const isUseless = !wanted.has(name) || stale.has(name) || row["wal_status"] === "lost";
    if (isUseless && row["active"] === "f") await session.query(drop, [name], { withinMs });
    else present.add(name);
  }
  for (const name of wanted) if (!present.has(name)) await session.query(create, [name], { withinMs });
}

/** A slot for `member` that keeps the log from now on: before its directory is copied from here. */
export async function reserveSlot(session: Session, member: MemberId, withinMs: number): Promise<void> {
  const name = slotOf(member);
  const find =
    "SELECT active, restart_lsn::text AS kept, wal_status FROM pg_catalog.pg_get_replication_slots() WHERE slot_name = $1";
  const [row] = await session.query(find, [name], { withinMs });
  if (row?.["active"] === "t") return;
  if (row) await session.query(drop, [name], { withinMs });
  await session.query(reserve, [name], { withinMs });
}
