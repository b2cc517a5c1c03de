import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { asFullDisk } from "../errors/full-disk.ts";
import { OpError } from "../errors/op-error.ts";
import { closeDatabase, openDatabase } from "../sqlite/database.ts";
import { openEventFile } from "./event-file.ts";
import { eventForm } from "./event-form.ts";
import { OperationLog } from "./operation-log.ts";
import { Sequence } from "./sequence.ts";

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

  test("on a full disk none is begun, one that is under way ends all the same, and is written once there is room", async (t) => {
    const path = newPath();
    const database = openDatabase(path, eventForm);
    t.after(() => closeDatabase(database, path));
    const problems: unknown[] = [];
    const log = new OperationLog(database, new Sequence(0, Date.now), { onProblem: (one) => problems.push(one) });
    const { id } = log.begin(create);
    database.exec("PRAGMA max_page_count = 1");
    const told: string[] = [];
    log.subscribe(id, ({ state }) => told.push(state), new AbortController().signal);
    const long = "x".repeat(20_000);
    const result = { much: long };
    assert.equal(log.step(id, "short").step, "short");
    assert.deepEqual([log.step(id, long).step, log.get(id).steps_done], [long, 2]);
    assert.equal(log.list({ state: "running" })[0]?.step, long, "what it does is told though it is not written");
    log.finish(id, { state: "done", result });
    log.finish(id, { state: "failed", error: new Error("later ones are ignored") });
    await Promise.resolve();
    const { state, steps_done: done, result: kept } = log.get(id);
    assert.deepEqual([state, done, String(kept?.["much"]).length, told.at(-1)], ["done", 3, long.length, "done"]);
    assert.deepEqual([log.list({ state: "running" }).length, log.list({ state: "done" }).length], [0, 1]);
    assert.throws(() => log.begin({ ...create, step: long }), /full/);
    assert.ok(problems.length >= 2);
    const written = (): unknown => database.prepare("SELECT count(*) AS n FROM operation_end").get()?.["n"];
    assert.equal(written(), 0);
    database.exec("PRAGMA max_page_count = 1000000");
    assert.equal(log.list({ state: "running" }).length, 0);
    assert.equal(written(), 1);
    assert.equal(String(log.get(id).result?.["much"]).length, long.length);
  });

  test("a full disk is told as one, wherever it was met", () => {
    const full = [
      Object.assign(new Error("write"), { code: "ENOSPC" }),
      Object.assign(new Error("database or disk is full"), { errcode: 13 }),
      new Error("Command failed: cp a b\ncp: error writing 'b': No space left on device"),
    ];
    for (const error of full) assert.match(asFullDisk(error)?.message ?? "", /no room left on the disk/);
    assert.equal(asFullDisk(full[2])?.detail, "cp: error writing 'b': No space left on device.");
    assert.equal(asFullDisk(new TypeError("x is not y")), undefined);
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
