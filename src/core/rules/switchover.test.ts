/** A planned move, step by step, and the rolling restart that ends with one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Intent } from "../../domain/cluster.ts";
import { toLsn } from "../../domain/lsn.ts";
import { end, now, ruleOf, says, standby, stopped, viewOf, voter, type ViewChange } from "../testing.ts";
import type { IntentProgress } from "../view.ts";
import { movePrimary } from "./switchover.ts";

const base = { id: "1", requestedAt: 0, by: "ann" };
const toB: Intent = { kind: "switchover", to: "b", epoch: 3, ...base };
const progress = (steps: Partial<IntentProgress> = {}) => ({
  intent: { id: "1", startedAt: now - 100, checkpointed: false, held: false, stoppedAt: undefined, ...steps },
});
const prepared = { checkpointed: true, held: true };
const move = (steps: Partial<IntentProgress> = {}, change: ViewChange = {}) =>
  movePrimary(viewOf("a", { intent: toB, memory: progress(steps), ...change }));
const ended = stopped({ clean: true, end });
const stoppedNow = { ...prepared, stoppedAt: now - 50 };

test("switchover: a checkpoint, clients on hold, the primary stopped in order", () => {
  assert.equal(says(move()), "checkpoint: switchover-checkpoint");
  assert.equal(says(move({ checkpointed: true })), "hold-clients: switchover-hold");
  assert.equal(says(move(prepared)), "stop: switchover-stop");
});

test("switchover: the stop has its time, and little of it where a standby is silent that it would wait for", () => {
  const within = (change: ViewChange): number | undefined => {
    const [action] = move(prepared, change)?.actions ?? [];
    return action?.kind === "stop" ? action.withinMs : undefined;
  };
  const silent = { kind: "unresponsive", role: "standby", since: now - 300 } as const;
  assert.deepEqual([within({}), within({ peers: { b: { server: standby() }, c: { server: silent } } })], [5000, 1200]);
});

test("switchover: the epoch is handed over once the target has flushed the whole log", () => {
  const decision = move(stoppedNow, { server: ended });
  assert.equal(says(decision), "record hand-over: switchover-hand-over");
  const [action] = decision?.actions ?? [];
  const written = action?.kind === "record" ? action.txn.write : [];
  const reign = written.find(({ key }) => key === "reign")?.value;
  assert.ok(reign && "holder" in reign && reign.holder === "b" && reign.epoch === 4 && reign.timeline === 3);
  assert.deepEqual(written.find(({ key }) => key === "rule")?.value, {
    epoch: 4,
    rule: ruleOf(1, "a", "c"),
    previous: [{ voters: [voter("a"), voter("b")], acks: 2 }],
  });
});

test("switchover: the target lacks the end of the log: it is waited for, then the old primary starts again (I7)", () => {
  const peers = { b: { server: standby({ flushed: toLsn(900n) }) } };
  const waits = move(stoppedNow, { server: ended, peers });
  assert.deepEqual(waits?.because, { code: "switchover-wait", to: "b", bytesLeft: 100 });
  const late = move({ ...prepared, stoppedAt: now - 5000 }, { server: ended, peers });
  assert.equal(says(late), "record intent: switchover-given-up");
  const [action] = late?.actions ?? [];
  assert.equal(action?.kind === "record" && action.outcome?.state, "failed");
});

test("switchover: a whole segment more than the target has, written by the stop itself: it is waited for", () => {
  const far = stopped({ clean: true, end: toLsn(end + 17n * 1024n * 1024n) });
  const waits = move(stoppedNow, { server: far });
  assert.equal(says(waits), "nothing: switchover-wait");
});

test("switchover: a log of another timeline is not the end of this one", () => {
  const peers = { b: { server: standby({ timeline: 1 }) } };
  assert.equal(says(move(stoppedNow, { server: ended, peers })), "nothing: switchover-wait");
});

test("switchover: the target dies while the primary stops: given up", () => {
  const peers = { b: { server: stopped() } };
  assert.equal(says(move(stoppedNow, { server: ended, peers })), "record intent: switchover-given-up");
});

test("switchover: a target that does not answer while the primary stops has a second to do so", () => {
  const peers = { b: { server: { kind: "unresponsive", role: "standby", since: now } }, c: undefined } as const;
  const view = { server: ended, peers };
  const waits = move(stoppedNow, view);
  assert.equal(says(waits), "nothing: switchover-refused");
  assert.ok((waits?.recheckAt ?? Infinity) < now + 1000, "it is looked at again within that second");
  const longAgo = { ...stoppedNow, stoppedAt: now - 1000 };
  assert.equal(says(move(longAgo, view)), "record intent: switchover-given-up");
});

test("switchover: a primary that did not stop in order is a matter of recovery", () =>
  assert.equal(move(stoppedNow, { server: stopped() }), undefined));

test("switchover: no fit target: it may become fit for a while, then it is given up", () => {
  const peers = { b: { server: stopped() } };
  const refused = move({}, { peers });
  assert.equal(says(refused), "nothing: switchover-refused");
  assert.deepEqual(
    refused?.because.code === "switchover-refused" && refused.because.rejections.map((why) => why.code),
    ["is-primary", "not-running"],
  );
  assert.equal(says(move({ startedAt: now - 3000 }, { peers })), "record intent: switchover-given-up");
});

test("switchover: nothing to say of another epoch's, to another member, before the barrier", () => {
  assert.equal(move({}, { intent: { ...toB, epoch: 2 } }), undefined);
  assert.equal(movePrimary(viewOf("b", { intent: toB, memory: progress() })), undefined);
  assert.equal(move({}, { reign: { phase: "taken" } }), undefined);
  assert.equal(movePrimary(viewOf("a")), undefined);
});

test("leave: a holder that is being removed hands over by itself, and serves on while nobody is fit", () => {
  const leaving = { spec: { members: ["b", "c"] }, records: { a: {} } };
  const view = (change: ViewChange = {}) => viewOf("a", { ...leaving, memory: progress(), ...change });
  assert.equal(says(movePrimary(view())), "checkpoint: switchover-checkpoint");
  assert.equal(movePrimary(view({ peers: { b: undefined, c: undefined } })), undefined);
});

const restart = (...pending: readonly string[]): Intent => ({ kind: "restart", pending, ...base });

test("restart: the primary comes last, and its role moves", () => {
  assert.equal(move({}, { intent: restart("a", "c") }), undefined);
  assert.equal(says(move({}, { intent: restart("a") })), "checkpoint: switchover-checkpoint");
});

test("restart: with nobody to move to, the primary stops and starts in place", () => {
  const alone = { intent: restart("a"), spec: { members: ["a"] }, rule: ruleOf(0) } as const;
  assert.equal(says(move({}, alone)), "checkpoint: restart-turn");
  assert.equal(says(move({ checkpointed: true }, alone)), "hold-clients: restart-turn");
  assert.equal(says(move({ checkpointed: true, held: true }, alone)), "record intent, stop: restart-turn");
  assert.equal(
    says(move({}, { intent: { kind: "restart", pending: ["a"], inPlace: true, ...base } })),
    "checkpoint: restart-turn",
  );
});

test("restart: with somebody who could take over but cannot now, the primary waits for it, and then is left alone", () => {
  const away = { intent: restart("a"), peers: { b: undefined, c: undefined } };
  assert.equal(says(move({}, away)), "nothing: restart-waits");
  assert.equal(says(move({ startedAt: now - 31_000 }, away)), "record intent: restart-stopped");
});

test("restart: a primary that was stopped for it, and is primary again, has had its turn", () =>
  assert.equal(
    says(move({ stoppedAt: now - 500, held: true }, { intent: restart("a") })),
    "record intent: restart-turn",
  ));
