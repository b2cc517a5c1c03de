import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { OpError } from "../errors/op-error.ts";
import { openEventFile } from "./event-file.ts";
import type { OperationLog } from "./operation-log.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-operations-"));
after(() => rmSync(directory, { recursive: true }));

let files = 0;
function newPath(): string {
  files += 1;
  return join(directory, `events-${files}.sqlite`);
}

function open(t: { after(end: () => void): void }, now: () => number = Date.now): OperationLog {
  const file = openEventFile(newPath(), { now });
  t.after(() => file.close());
  return file.operations;
}

const create = { kind: "create", cluster: "shop", by: "ada", stepsTotal: 3 };

describe("operation log", () => {
  test("an operation is followed from its beginning over its steps to its end", async (t) => {
    const log = open(t, () => 1_790_000_000_000);
    const stop = new AbortController();
    const heard: string[] = [];
    const { id } = log.begin(create);
    log.subscribe(id, (operation) => heard.push(`${operation.step} ${operation.steps_done}`), stop.signal);
    log.step(id, "preparing the directory");
    log.step(id, "still preparing the directory", 1);
    log.finish(id, { state: "done", result: { took_ms: 812 } });
    await Promise.resolve();
    assert.deepEqual(heard, ["preparing the directory 1", "still preparing the directory 1", "done 3"]);
    assert.deepEqual(log.get(id), {
      id,
      kind: "create",
      cluster: "shop",
      state: "done",
      step: "done",
      steps_done: 3,
      steps_total: 3,
      started_at: "2026-09-21T14:13:20.000Z",
      ended_at: "2026-09-21T14:13:20.000Z",
      by: "ada",
      result: { took_ms: 812 },
      error: null,
      host: null,
    });
  });

  test("a failure keeps its words; a defect is told as one; secrets are not kept", (t) => {
    const log = open(t);
    const failed = log.begin(create);
    const error = new OpError("too-little-disk", {
      message: "no room",
      detail: "pg://a:hunter22@b",
      hint: "Make room.",
    });
    log.finish(failed.id, { state: "failed", error });
    assert.deepEqual(log.get(failed.id).error, {
      code: "too-little-disk",
      message: "no room",
      detail: "pg://a:***@b",
      hint: "Make room.",
    });
    const defect = log.begin(create);
    log.finish(defect.id, { state: "failed", error: new TypeError("x is not y") });
    assert.deepEqual(log.get(defect.id).error, { code: "internal", message: "x is not y" });
    const done = log.begin(create);
    log.finish(done.id, { state: "done", result: { password: "hunter22" } });
    assert.deepEqual(log.get(done.id).result, { password: "***" });
  });

  test("the first end counts, and nothing moves after it", (t) => {
    const log = open(t);
    const { id } = log.begin(create);
    log.finish(id, { state: "cancelled", error: new OpError("interrupted", { message: "given up" }) });
    log.finish(id, { state: "done" });
    log.step(id, "late");
    assert.deepEqual([log.get(id).state, log.get(id).step], ["cancelled", "starting"]);
  });

  test("an exclusive one is refused while another runs on the cluster, and names it", (t) => {
    const log = open(t);
    const { id } = log.begin({ ...create, exclusive: true });
    assert.throws(
      () => log.begin({ ...create, kind: "scale", exclusive: true }),
      (error) => error instanceof OpError && error.code === "busy" && /create/.test(error.message),
    );
    log.begin({ ...create, cluster: "other", exclusive: true });
    log.finish(id, { state: "done" });
    log.begin({ ...create, kind: "scale", exclusive: true });
  });

  test("one that the agent left behind is still running for the next agent", (t) => {
    const path = newPath();
    const first = openEventFile(path);
    const { id } = first.operations.begin(create);
    first.operations.step(id, "starting servers");
    first.close();
    const second = openEventFile(path);
    t.after(() => second.close());
    const [left] = second.operations.list({ state: "running" });
    assert.deepEqual([left?.id, left?.step, left?.steps_done], [id, "starting servers", 1]);
  });

  test("ended ones are kept for a week; running ones for ever", (t) => {
    let now = 0;
    const log = open(t, () => now);
    const ended = log.begin(create);
    const running = log.begin(create);
    log.finish(ended.id, { state: "done" });
    now = 6 * 86_400_000;
    log.begin(create);
    assert.equal(log.get(ended.id).state, "done");
    now = 8 * 86_400_000;
    log.begin(create);
    assert.throws(
      () => log.get(ended.id),
      (error) => error instanceof OpError && error.code === "operation-not-found",
    );
    assert.equal(log.get(running.id).state, "running");
  });
});
