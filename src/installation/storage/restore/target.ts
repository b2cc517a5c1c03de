/** What a request says it wants to be restored to, checked as far as it can be without looking at what there is. */
import { parseMoment } from "../../../contract/moment.ts";
import type { RestoreTarget } from "../../../contract/storage.ts";
import { parseLsn, type Lsn } from "../../../domain/lsn.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { targetOfPoint } from "./points.ts";

type Wish = Omit<RestoreTarget, "snapshot">;

/** @throws OpError usage for more than one, bad-value for one that cannot be meant, restore-point-not-found */
export async function readTarget(parts: Parts, name: string, wish: Wish): Promise<RecoveryTarget> {
  const { at, point, lsn, xid, exclusive } = wish;
  const given = Object.entries({ at, name: point, lsn, xid }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new OpError("usage", {
      message: `only one of ${given.map(([option]) => option).join(" and ")} can be restored to`,
      hint: "Give one of --at, --name, --lsn and --xid.",
    });
  if (given.length === 0 && exclusive === true)
    throw new OpError("usage", { message: "exclusive of what? Nothing is given to stop before", hint: "Give --at." });
  const isInclusive = exclusive !== true;
  if (at !== undefined) return { kind: "time", ...parseMoment(at, parts.clock.wallNow()), isInclusive };
  if (lsn !== undefined) return { kind: "lsn", lsn: readLsn(lsn), isInclusive };
  if (xid !== undefined) return { kind: "xid", xid: readXid(xid), isInclusive };
  if (point !== undefined) return await targetOfPoint(parts, name, point);
  return { kind: "newest" };
}

function readLsn(text: string): Lsn {
  try {
    return parseLsn(text);
  } catch {
    throw new OpError("bad-value", {
      message: `"${text}" is no position in a log`,
      hint: "Write it as Postgres does, like 0/5A2F1C8.",
    });
  }
}

/** Those below 3 are no transactions of anybody (transam.h). */
function readXid(text: string): bigint {
  const xid = /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
  if (xid % 2n ** 32n >= 3n && xid < 2n ** 64n) return xid;
  throw new OpError("bad-value", {
    message: `"${text}" is no transaction's number`,
    hint: "Give it as pg_current_xact_id() does, like 74521.",
  });
}
