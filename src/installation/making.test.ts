/** What is told of a cluster that is not there (yet): that it is being made, or why it came to nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OperationRecord } from "../events/event.ts";
import { noSuchCluster } from "./making.ts";

function operation(change: Partial<OperationRecord>): OperationRecord {
  const times = { started_at: "2026-11-22T08:00:00.000Z", ended_at: null };
  const steps = { step: "checking", steps_done: 0, steps_total: 5 };
  const ends = { result: null, error: null, host: null };
  return {
    id: "1",
    kind: "create",
    cluster: "shop",
    state: "running",
    by: "ada",
    ...times,
    ...steps,
    ...ends,
    ...change,
  };
}

test("a cluster that is being made is no unknown one, however far its making is", () => {
  for (const kind of ["create", "fork", "restore"]) {
    const { code, message, detail, hint } = noSuchCluster("shop", [operation({ kind, step: "copying" })]);
    assert.deepEqual([code, message], ["busy", 'cluster "shop" is being made']);
    assert.equal(detail, `Its ${kind}, begun by "ada", is at: copying.`);
    assert.match(hint ?? "", /matriarch status shop --watch/);
  }
});

test("one whose making failed says why", () => {
  const failed = operation({ state: "failed", error: { code: "bad-value", message: "no room" } });
  const { code, detail } = noSuchCluster("shop", [failed]);
  assert.deepEqual([code, detail], ["cluster-not-found", "Its create failed: no room."]);
});

test("one that is gone, or goes, or never was, does not exist", () => {
  const gone = [operation({ kind: "destroy", state: "done" }), operation({ state: "failed" })];
  for (const before of [[], gone, [operation({ kind: "destroy" })], [operation({ state: "done" })]]) {
    const { code, detail } = noSuchCluster("shop", before);
    assert.deepEqual([code, detail], ["cluster-not-found", undefined]);
  }
});
