import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { OpError } from "../errors/op-error.ts";
import { eventCatalog } from "./catalog.ts";
import { type EventFile, openEventFile } from "./event-file.ts";
import type { EventRecord } from "./event.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-events-"));
after(() => rmSync(directory, { recursive: true }));

let files = 0;
function newPath(): string {
  files += 1;
  return join(directory, `events-${files}.sqlite`);
}

function open(t: { after(end: () => void): void }, options: Parameters<typeof openEventFile>[1] = {}): EventFile {
  const file = openEventFile(newPath(), options);
  t.after(() => file.close());
  return file;
}

function ids(events: readonly EventRecord[]): readonly number[] {
  return events.map((event) => event.id);
}

describe("event log", () => {
  test("an event is one sentence with its fields, and who, why and how long", (t) => {
    const { events } = open(t, { now: () => 1_790_000_000_123 });
    const id = events.emit(
      "failover.done",
      { cluster: "shop", member: "shop-2", epoch: 4, durationMs: 212, cause: "the primary was killed" },
      { from: "shop-1", timeline: 3 },
    );
    assert.equal(id, 1);
    assert.deepEqual(events.list({ limit: 10 }), [
      {
        id: 1,
        at: "2026-09-21T14:13:20.123Z",
        cluster: "shop",
        member: "shop-2",
        type: "failover.done",
        level: "warning",
        message: '"shop-2" took over from "shop-1"',
        cause: "the primary was killed",
        actor: "matriarch",
        duration_ms: 212,
        epoch: 4,
        details: { from: "shop-1", timeline: 3 },
        host: null,
      },
    ]);
  });

  test("events are found by cluster, member, type, family of types, and after an id; oldest first, the newest so many", (t) => {
    const { events } = open(t);
    events.emit("switchover.started", { cluster: "a" }, { from: "a-1", to: "a-2" });
    events.emit("server.stopped", { cluster: "a", member: "a-1" });
    events.emit("server.stopped", { cluster: "b", member: "b-1" });
    events.emit("switchover.failed", { cluster: "a" }, { from: "a-1", to: "a-2", reason: "x" });
    assert.deepEqual(ids(events.list({ limit: 10 })), [1, 2, 3, 4]);
    assert.deepEqual(ids(events.list({ limit: 2 })), [3, 4]);
    assert.deepEqual(ids(events.list({ cluster: "a", limit: 10 })), [1, 2, 4]);
    assert.deepEqual(ids(events.list({ cluster: "a", afterId: 1, limit: 10 })), [2, 4]);
    assert.deepEqual(ids(events.list({ member: "b-1", limit: 10 })), [3]);
    assert.deepEqual(ids(events.list({ type: "switchover", limit: 10 })), [1, 4]);
    assert.deepEqual(ids(events.list({ type: "switchover.failed", limit: 10 })), [4]);
    assert.deepEqual(ids(events.list({ type: "switch", limit: 10 })), []);
    events.emit("agent.started", {}, { version: "1", pid: 1 });
    assert.deepEqual(ids(events.list({ cluster: "b", limit: 10 })), [3, 5]);
  });

  test("events outlive the agent and their numbers go on, also after all were forgotten", () => {
    const path = newPath();
    let now = 0;
    const first = openEventFile(path, { now: () => now, keptDays: 1 });
    assert.equal(first.events.emit("cluster.stopped", { cluster: "a" }), 1);
    first.close();
    now = 10 * 86_400_000;
    const second = openEventFile(path, { now: () => now, keptDays: 1 });
    assert.deepEqual(ids(second.events.list({ limit: 10 })), [1]);
    assert.equal(second.events.emit("cluster.started", { cluster: "a" }), 2);
    assert.deepEqual(ids(second.events.list({ limit: 10 })), [2]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    second.close();
  });

  test("only so many are kept", (t) => {
    const { events } = open(t, { eventsMax: 50 });
    for (let n = 0; n < 1000; n++) events.emit("cluster.stopped", { cluster: "a" });
    const kept = ids(events.list({ limit: 2000 }));
    assert.ok(kept.length <= 250, `${kept.length} kept`);
    assert.equal(kept.at(-1), 1000);
  });

  test("a subscriber is told of what fits, until it stops", async (t) => {
    const { events } = open(t);
    const heard: string[] = [];
    const stop = new AbortController();
    events.subscribe({ cluster: "a", type: "server" }, (event) => heard.push(event.message), stop.signal);
    events.emit("server.stopped", { cluster: "a", member: "a-1" });
    events.emit("server.stopped", { cluster: "b", member: "b-1" });
    events.emit("cluster.stopped", { cluster: "a" });
    await Promise.resolve();
    stop.abort();
    events.emit("server.stopped", { cluster: "a", member: "a-2" });
    await Promise.resolve();
    assert.deepEqual(heard, ['server "a-1" stopped']);
  });

  test("to emit never throws: a file that cannot be written is told to the log", () => {
    const problems: unknown[] = [];
    const file = openEventFile(newPath(), { onProblem: (problem) => problems.push(problem) });
    file.close();
    assert.equal(file.events.emit("cluster.stopped", { cluster: "a" }), undefined);
    assert.equal(problems.length, 1);
  });

  test("secrets in texts of others do not get into the file", (t) => {
    const { events } = open(t);
    const uri = "postgres://app:hunter22@db/shop";
    events.emit(
      "failover.failed",
      { cluster: "a", member: "a-1", cause: `no answer of ${uri}` },
      { from: "a-2", reason: uri },
    );
    assert.ok(!JSON.stringify(events.list({ limit: 1 })).includes("hunter22"));
  });

  test("a damaged file is put aside with an event, and a locked one is refused", (t) => {
    const path = newPath();
    writeFileSync(path, "x".repeat(200));
    const file = openEventFile(path);
    t.after(() => file.close());
    assert.equal(file.events.list({ limit: 1 })[0]?.type, "events.reset");
    assert.ok(existsSync(`${path}.damaged`));
    assert.throws(
      () => openEventFile(path),
      (error) => error instanceof OpError && error.code === "store-locked",
    );
  });

  test("every sentence of the catalog reads like one: no full stop, no field left out", () => {
    const anything = new Proxy<Record<string, unknown>>({}, { get: (_, name) => fieldNamed(String(name)) });
    for (const [type, kind] of Object.entries(eventCatalog)) {
      assert.match(type, /^[a-z]+\.[a-z-]+$/);
      const { message }: { message: (fields: never) => string } = kind;
      const text: unknown = Reflect.apply(message, undefined, [anything]);
      assert.ok(typeof text === "string" && text.length > 8, type);
      assert.doesNotMatch(text, /undefined|NaN|\[object|\.$/, type);
      assert.match(kind.meaning, /^[A-Z`].*\.$/, type);
    }
  });
});

/** Reads as its name in a sentence, counts as a number, and is a list where one is asked for. */
function fieldNamed(name: string): unknown {
  return Object.defineProperty(["shop-1", "shop-2"], Symbol.toPrimitive, {
    value: (hint: string) => (hint === "string" ? name : 1500),
  });
}
