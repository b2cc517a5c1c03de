/** What cannot be read while a cluster's primary moves is read again; of one at rest it is refused at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../../../core/testing.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Parts } from "../../parts.ts";
import { onceSettled } from "./settled.ts";

const refused = new OpError("restore-out-of-window", {
  message: "the log of the newest timeline, 2, is not on this host",
});

/** @param ageMs since its primary became one */
function around(ageMs: number): Pick<Parts, "runtime" | "clock"> {
  const wallNow = 1_000_000;
  const plain = clusterOf();
  const reign = { ...plain.reign, value: { ...plain.reign.value, since: wallNow - ageMs, phase: "open" as const } };
  const record = { ...plain, reign };
  const holder = reign.value.holder;
  const members = new Map([[holder, { id: holder, server: { kind: "running", role: "primary" } }]]);
  const clusters = new Map([["shop", { name: "shop", record, members }]]);
  return { runtime: { clusters }, clock: { now: () => performance.now(), wallNow: () => wallNow } } as never;
}

async function triesOf(ageMs: number, failures: number): Promise<number> {
  let tries = 0;
  const read = async (): Promise<number> => {
    tries += 1;
    if (tries <= failures) throw refused;
    return tries;
  };
  return await onceSettled(around(ageMs), "shop", read, 2000);
}

test("settled: the log of a primary that has just become one is looked for again", async () => {
  assert.equal(await triesOf(1000, 2), 3);
});

test("settled: of one that has long been primary it is refused at once", async () => {
  await assert.rejects(triesOf(600_000, 1), refused);
});
