import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { OpError } from "../errors/op-error.ts";
import { type EventFile, openEventFile } from "./event-file.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-journal-"));
after(() => rmSync(directory, { recursive: true }));

let files = 0;
function open(host: string, now: () => number = Date.now, path?: string): EventFile & { path: string } {
  files += 1;
  const at = path ?? join(directory, `events-${files}.sqlite`);
  return Object.assign(openEventFile(at, { host, now }), { path: at });
}

/** Everything of `origin` that `from` has and `to` has not, as it would come over the wire. */
function pull(to: EventFile, from: EventFile, origin: string, limit = 3): void {
  for (;;) {
    const page = from.journal.read(origin, to.journal.headOf(origin), limit);
    to.journal.apply(structuredClone(page));
    if (page.rows.length < limit) return;
  }
}

function messages(file: EventFile): readonly string[] {
  return file.events.list({ limit: 1000 }).map(({ host, message }) => `${host}: ${message}`);
}

const created = { kind: "switchover", cluster: "shop", by: "ada" };

describe("journal", () => {
  test("a host has the events of another in the order in which they happened, each once, also by way of a third", (t) => {
    let now = 1000;
    const tick = (): number => (now += 1);
    const [a, b, c] = [open("a", tick), open("b", tick), open("c", tick)];
    t.after(() => [a, b, c].forEach((file) => file.close()));
    for (const member of ["a-1", "a-2", "a-3", "a-4"]) a.events.emit("server.stopped", { cluster: "shop", member });
    b.events.emit("server.stopped", { cluster: "shop", member: "b-1" });
    a.events.emit("server.stopped", { cluster: "shop", member: "a-5" });
    pull(b, a, "a");
    pull(b, a, "a");
    // a is lost now: what it told b reaches c all the same.
    a.close();
    pull(c, b, "a");
    pull(c, b, "b");
    const expected = ["a-1", "a-2", "a-3", "a-4", "b-1", "a-5"].map((id) => `${id[0]}: server "${id}" stopped`);
    assert.deepEqual(messages(b), expected);
    assert.deepEqual(messages(c), expected);
    assert.deepEqual(c.journal.headOf("a"), b.journal.headOf("a"));
    assert.deepEqual(
      c.events.list({ afterId: 5, limit: 10 }).map(({ id, host }) => [id, host]),
      [[6, "b"]],
    );
  });

  test("who follows events or an operation is told of another host's at once", async (t) => {
    const [a, b] = [open("a"), open("b")];
    t.after(() => [a, b].forEach((file) => file.close()));
    const heard: string[] = [];
    const { signal } = new AbortController();
    b.events.subscribe({ cluster: "shop" }, ({ type }) => heard.push(type), signal);
    b.operations.subscribe(undefined, ({ state, step }) => heard.push(`${state}: ${step}`), signal);
    a.events.emit("cluster.stopped", { cluster: "shop" });
    const { id } = a.operations.begin(created);
    a.operations.step(id, "half");
    pull(b, a, "a");
    a.operations.finish(id, { state: "done" });
    pull(b, a, "a");
    await Promise.resolve();
    assert.deepEqual(heard, ["cluster.stopped", "running: half", "done: done"]);
  });

  test("an operation that one host begins and another ends is the same on all, whichever row comes first", (t) => {
    const [a, b, c, d] = [open("a"), open("b"), open("c"), open("d")];
    t.after(() => [a, b, c, d].forEach((file) => file.close()));
    const { id } = a.operations.begin(created);
    // b carries it out before it has heard who began it.
    b.operations.finish(id, { state: "done", step: "moved", result: { write_pause_ms: 80 } });
    assert.throws(
      () => b.operations.get(id),
      (error) => error instanceof OpError && error.code === "operation-not-found",
    );
    pull(b, a, "a");
    pull(a, b, "b");
    a.operations.finish(id, { state: "failed", error: new OpError("operation-failed", { message: "too late" }) });
    a.operations.step(id, "late");
    pull(c, b, "b");
    pull(c, a, "a");
    pull(d, c, "a");
    pull(d, c, "b");
    for (const { operations } of [a, b, c, d]) {
      const { state, step, result, host } = operations.get(id);
      assert.deepEqual([state, step, result, host], ["done", "moved", { write_pause_ms: 80 }, "a"]);
    }
  });

  test("of two ends that two hosts told, every host keeps the same: done before failed, else the first", (t) => {
    let now = 1000;
    const [a, b, c] = [open("a", () => now), open("b", () => now), open("c", () => now)];
    t.after(() => [a, b, c].forEach((file) => file.close()));
    const ids = ["1", "2"].map(() => a.operations.begin(created).id);
    pull(b, a, "a");
    pull(c, a, "a");
    const failed = (message: string) => ({ state: "failed", error: new OpError("busy", { message }) }) as const;
    a.operations.finish(ids[0] ?? "", failed("by a"));
    b.operations.finish(ids[1] ?? "", failed("by b"));
    now += 1;
    b.operations.finish(ids[0] ?? "", { state: "done" });
    c.operations.finish(ids[1] ?? "", failed("by c"));
    for (const origin of ["a", "b", "c"])
      for (const to of [c, b, a]) for (const from of [b, c, a]) pull(to, from, origin);
    for (const { operations } of [a, b, c]) {
      assert.equal(operations.get(ids[0] ?? "").state, "done");
      assert.equal(operations.get(ids[1] ?? "").error?.message, "by b");
    }
  });

  test("one that another host began keeps an exclusive one from beginning, unless that host is lost", (t) => {
    const a = open("a");
    const lost = new Set<string>();
    files += 1;
    const b = openEventFile(join(directory, `events-${files}.sqlite`), { host: "b", isLost: (host) => lost.has(host) });
    t.after(() => [a, b].forEach((file) => file.close()));
    const { id } = a.operations.begin({ ...created, exclusive: true });
    pull(b, a, "a");
    assert.throws(
      () => b.operations.begin({ ...created, exclusive: true }),
      (error) => error instanceof OpError && error.code === "busy",
    );
    assert.deepEqual(
      b.operations.underWay("shop").map((operation) => operation.id),
      [id],
    );
    lost.add("a");
    assert.deepEqual(b.operations.underWay("shop"), [], "what is due is not put off by what was begun there");
    const own = b.operations.begin({ ...created, exclusive: true });
    assert.deepEqual(
      [b.operations.list({ host: "b" }), b.operations.list({ host: "a", state: "running" })].map((found) =>
        found.map((operation) => operation.id),
      ),
      [[own.id], [id]],
    );
    assert.deepEqual(
      b.operations.interrupt("a").map((operation) => operation.id),
      [id],
    );
    assert.deepEqual([b.operations.get(id).state, b.operations.get(id).error?.code], ["failed", "interrupted"]);
    assert.equal(b.operations.get(own.id).state, "running");
  });

  test("what every host tells is kept once on each; what happens again later is told again", (t) => {
    let now = 1_000_000;
    const [a, b] = [open("a", () => now), open("b", () => now)];
    t.after(() => [a, b].forEach((file) => file.close()));
    const tell = ({ events }: EventFile): number | undefined =>
      events.emit("cluster.stopped", { cluster: "shop", once: "shop/stopped" });
    assert.equal(tell(a), 1);
    assert.equal(tell(a), undefined);
    assert.equal(tell(b), 1);
    now += 5000;
    pull(a, b, "b");
    pull(b, a, "a");
    assert.deepEqual([messages(a), messages(b)], [["a: cluster stopped"], ["b: cluster stopped"]]);
    now += 3_600_000;
    assert.equal(tell(b), 2);
    pull(a, b, "b");
    assert.deepEqual(messages(a), ["a: cluster stopped", "b: cluster stopped"]);
  });

  test("a file that was lost, or its last lines: numbers are not given again, and what others have comes back", (t) => {
    let now = 50_000;
    const tick = (): number => (now += 1);
    const [a, b] = [open("a", tick), open("b", tick)];
    t.after(() => b.close());
    a.events.emit("server.stopped", { cluster: "shop", member: "a-1" });
    a.events.emit("server.stopped", { cluster: "shop", member: "a-2" });
    pull(b, a, "a");
    a.close();
    const again = open("a", tick);
    t.after(() => again.close());
    again.events.emit("server.stopped", { cluster: "shop", member: "a-3" });
    again.journal.apply(b.journal.read("a", again.journal.ownAtOpen, 100));
    pull(b, again, "a");
    const all = ["a-1", "a-2", "a-3"].map((id) => `a: server "${id}" stopped`);
    assert.deepEqual([messages(again), messages(b)], [all, all]);
  });

  test("rows that this version does not understand cost only themselves; rows of another origin are not taken", (t) => {
    const [a, b] = [open("a"), open("b")];
    t.after(() => [a, b].forEach((file) => file.close()));
    a.events.emit("cluster.stopped", { cluster: "shop" });
    const page = a.journal.read("a", 0, 10);
    const [good] = page.rows;
    const row = structuredClone(good?.row);
    assert.ok(typeof row === "object" && row !== null);
    const rows = [
      { kind: "of-a-later-version", row },
      { kind: "event", row: { ...row, details: "{" } },
      { kind: "event", row: { ...row, details: "[]" } },
      { kind: "event", row: { ...row, at: Number.MAX_SAFE_INTEGER } },
      { kind: "event", row: { ...row, host: "c" } },
      { kind: "begun", row },
      { kind: "event", row: null },
      ...page.rows,
    ];
    assert.deepEqual(b.journal.apply({ ...page, rows }), { skipped: 7 });
    assert.deepEqual(messages(b), ["a: cluster stopped"]);
  });

  test("a page is kept whole or not at all: after a failure it can be taken again", (t) => {
    const [a, b] = [open("a"), open("b")];
    t.after(() => a.close());
    a.events.emit("cluster.stopped", { cluster: "shop" });
    const page = a.journal.read("a", 0, 10);
    b.close();
    assert.throws(() => b.journal.apply(page));
    const again = open("b", Date.now, b.path);
    t.after(() => again.close());
    assert.deepEqual([again.journal.headOf("a"), messages(again)], [0, []]);
    pull(again, a, "a");
    assert.deepEqual(messages(again), ["a: cluster stopped"]);
  });
});
