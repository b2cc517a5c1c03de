import assert from "node:assert/strict";
import { test } from "node:test";
import { operationSchema } from "../../contract/cluster.ts";
import { renderOperation } from "./operation.ts";
import { noPaint } from "./paint.ts";

test("figures of an operation: with their units, and in words where there is none", () => {
  const operation = operationSchema.parse({
    id: "1",
    kind: "restart",
    cluster: "shop",
    state: "done",
    step: "",
    started_at: "2026-11-22T09:00:00.000Z",
    ended_at: "2026-11-22T09:00:02.000Z",
    result: { write_pause_ms: null, took_ms: 1500, copied_bytes: 1024, primary: "shop-1" },
    error: null,
    by: "ada",
    steps_done: 1,
    steps_total: 1,
  });
  assert.equal(
    renderOperation(operation, noPaint),
    'restart of "shop" done in 2.0 s\n  write pause: none\n  took: 1.5 s\n  copied: 1.0 kB\n  primary: shop-1',
  );
});
