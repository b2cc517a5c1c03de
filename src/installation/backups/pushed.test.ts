/** A time that the log of a cluster that is gone cannot reach is refused before anything is fetched. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLsn } from "../../domain/lsn.ts";
import { refuseBeyond, refuseUnwritten } from "./pushed.ts";

const newest = Date.UTC(2026, 10, 21, 10, 30);
const at = (ms: number) => ({ kind: "time", ms, text: new Date(ms).toISOString(), isInclusive: true }) as const;

test("beyond the newest file, by more than clocks differ: refused with when that came", () => {
  refuseBeyond("shop", at(newest + 60_000), newest);
  assert.throws(() => refuseBeyond("shop", at(newest + 61_000), newest), /nothing of "shop" from 2026-11-21T10:31:01/);
  refuseBeyond("shop", at(newest + 3_600_000), undefined);
  refuseBeyond("shop", { kind: "newest" }, newest);
});

test("a position beyond the end of the log: refused with where it ends", () => {
  const to = (lsn: string) => ({ kind: "lsn", lsn: parseLsn(lsn), isInclusive: true }) as const;
  refuseUnwritten("shop", to("0/5000000"), parseLsn("0/5000000"));
  assert.throws(() => refuseUnwritten("shop", to("0/5000001"), parseLsn("0/5000000")), {
    code: "restore-out-of-window",
    detail: "Its log ends at 0/5000000.",
  });
  refuseUnwritten("shop", to("FFFF/0"), undefined);
});
