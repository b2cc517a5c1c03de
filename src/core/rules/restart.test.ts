/** The turns of a rolling restart: gates, another version of Postgres, and the way back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Intent } from "../../domain/cluster.ts";
import { toLsn } from "../../domain/lsn.ts";
import { now, primary, says, standby, stopped, viewOf, type ViewChange } from "../testing.ts";
import type { IntentProgress } from "../view.ts";
import { putBack, restartStandby } from "./restart.ts";
import { movePrimary } from "./switchover.ts";

const base = { id: "1", requestedAt: 0, by: "ann" };
const restart = (...pending: readonly string[]): Intent => ({ kind: "restart", pending, ...base });
const from = { a: "18.3", b: "18.3", c: "18.3" };
const upgrade = (...pending: readonly string[]): Intent => ({
  kind: "restart",
  pending,
  upgrade: { to: "18.4", from },
  ...base,
});
const progress = (steps: Partial<IntentProgress> = {}) => ({
  intent: { id: "1", startedAt: now - 100, checkpointed: false, held: false, stoppedAt: undefined, ...steps },
});
const turn = (self: string, intent: Intent, steps: Partial<IntentProgress> = {}, change: ViewChange = {}) =>
  says(restartStandby(viewOf(self, { intent, memory: progress(steps), ...change })));
const everyone = restart("a", "b", "c");

test("restart: standbys have their turns first, one at a time, each until it streams again", () => {
  assert.equal(turn("b", everyone), "stop: restart-turn");
  assert.equal(turn("c", everyone), undefined);
  assert.equal(turn("a", everyone), undefined);
  assert.equal(turn("b", everyone, { stoppedAt: now - 50 }), "record intent: restart-turn");
  const away = { server: standby({ streaming: false }) };
  assert.equal(turn("b", everyone, { stoppedAt: now - 50 }, away), undefined);
  assert.equal(turn("b", everyone, {}, { reign: { phase: "taken" } }), undefined);
});

test("restart: one that streams and is far behind goes on catching up first", () => {
  const behind = { peers: { a: { server: primary({ flushed: toLsn(10n ** 9n) }) } } };
  assert.equal(turn("b", everyone, { stoppedAt: now - 50 }, behind), undefined);
  assert.equal(turn("b", everyone, { stoppedAt: now - 120_000 }, behind), "record intent: restart-stopped");
});

test("restart: one that does not come back stops it, and the others are left as they are", () => {
  const view = viewOf("b", {
    intent: everyone,
    memory: progress({ stoppedAt: now - 120_000 }),
    server: standby({ streaming: false }),
  });
  const [action] = restartStandby(view)?.actions ?? [];
  assert.deepEqual(action?.kind === "record" && action.outcome, {
    operation: "1",
    state: "failed",
    message: '"b" did not stream again within 2 minutes of its restart; a, c were left as before',
  });
});

test("restart: a member that has been removed meanwhile has no turn", () =>
  assert.equal(turn("c", restart("b", "c"), {}, { spec: { members: ["a", "c"] } }), "stop: restart-turn"));

test("upgrade: its record names the new version before the server stops", () => {
  assert.equal(turn("b", upgrade("b")), "record member: restart-turn");
  assert.equal(turn("b", upgrade("b"), {}, { records: { b: { version: "18.4" } } }), "stop: restart-turn");
  const holder = (version: string) =>
    says(movePrimary(viewOf("a", { intent: upgrade("a"), memory: progress(), records: { a: { version } } })));
  assert.equal(holder("18.3"), "record member: restart-turn");
  assert.equal(holder("18.4"), "checkpoint: switchover-checkpoint");
});

test("upgrade: one that does not start on the new version is put back, and the upgrade stops with the server's words", () => {
  const records = { b: { version: "18.4" } };
  const failing = (failures: number, change: ViewChange = {}) =>
    putBack(
      viewOf("b", { intent: upgrade("b", "a"), server: stopped({ failures, lastWords: "no" }), records, ...change }),
    );
  assert.equal(failing(1), undefined);
  assert.equal(failing(2, { intent: everyone }), undefined);
  assert.equal(failing(2, { records: { b: { version: "18.3" } } }), undefined);
  const [action] = failing(2)?.actions ?? [];
  assert.ok(action?.kind === "record");
  assert.equal(
    action.outcome?.message,
    '"b" does not start on Postgres 18.4 ("no") and is put back on 18.3; a was left as before',
  );
  const written = action.txn.write.find(({ key }) => key === "member/b")?.value;
  assert.equal(written && "version" in written && written.version, "18.3");
});

test("upgrade: one that comes up and never streams is ended as well, to start on the version before", () => {
  const change = { records: { b: { version: "18.4" } }, server: standby({ streaming: false }) };
  assert.equal(turn("b", upgrade("b"), { stoppedAt: now - 120_000 }, change), "record intent, stop: restart-stopped");
});

test("restart: the primary stays where it is when the standbys have shown that starts are quick", () => {
  const turnOf = (slowestStartMs: number | undefined, change: ViewChange = {}) => {
    const intent: Intent = { kind: "restart", pending: ["a"], ...base, ...(slowestStartMs ? { slowestStartMs } : {}) };
    return says(movePrimary(viewOf("a", { intent, memory: progress({ checkpointed: true }), ...change })));
  };
  assert.equal(turnOf(150), "hold-clients: restart-turn");
  assert.equal(turnOf(250), "hold-clients: switchover-hold");
  assert.equal(turnOf(undefined), "hold-clients: switchover-hold");
  assert.equal(turnOf(150, { peers: { b: undefined, c: undefined } }), "nothing: restart-waits");
});

test("restart: how long a standby's start took is kept with its turn", () => {
  const intent: Intent = { kind: "restart", pending: ["b", "a"], slowestStartMs: 30, ...base };
  const [action] = restartStandby(viewOf("b", { intent, memory: progress({ stoppedAt: now - 90 }) }))?.actions ?? [];
  assert.ok(action?.kind === "record");
  assert.deepEqual(action.txn.write[0]?.value, { ...intent, pending: ["a"], slowestStartMs: 90 });
});
