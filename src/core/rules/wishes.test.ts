/** Pause, stop, leave, give up; and the settling of records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { now, ruleOf, says, stopped, viewOf, type ViewChange } from "../testing.ts";
import { isSettling, settleRecords } from "./settling.ts";
import { giveUpByWish, holdWhilePaused, leaveByWish, stopByWish } from "./wishes.ts";

test("pause: everybody rests until the stated time, then the holder ends it", () => {
  const paused = viewOf("b", { pausedUntil: now + 500 });
  assert.deepEqual(holdWhilePaused(paused)?.because, { code: "paused", leftMs: 500, by: "ann" });
  assert.equal(holdWhilePaused(paused)?.recheckAt, now + 500);
  assert.equal(says(holdWhilePaused(viewOf("a", { pausedUntil: now }))), "record pause: pause-over");
  assert.equal(holdWhilePaused(viewOf("b", { pausedUntil: now })), undefined);
  assert.equal(holdWhilePaused(viewOf("a")), undefined);
});

test("stop: the primary first, its standbys after it", () => {
  const spec = { wish: "stopped" } as const;
  assert.equal(says(stopByWish(viewOf("a", { spec }))), "stop: stopping-by-wish");
  assert.equal(says(stopByWish(viewOf("b", { spec }))), "nothing: waits-for-primary-to-stop");
  assert.equal(says(stopByWish(viewOf("b", { spec, peers: { a: { server: stopped() } } }))), "stop: stopping-by-wish");
  assert.equal(says(stopByWish(viewOf("b", { spec, server: stopped() }))), "nothing: stopped-by-wish");
  assert.equal(stopByWish(viewOf("a")), undefined);
});

test("leave: a member that should not exist goes once it is no voter: server, directory, record", () => {
  const leave = (change: ViewChange = {}) =>
    says(
      leaveByWish(viewOf("c", { spec: { members: ["a", "b"] }, records: { c: {} }, rule: ruleOf(1, "b"), ...change })),
    );
  assert.equal(leave({ rule: ruleOf(1, "b", "c") }), undefined);
  assert.equal(leave(), "fence: being-removed");
  assert.equal(leave({ server: stopped() }), "remove-member: being-removed");
  assert.equal(leave({ server: { kind: "absent" } }), "record member: being-removed");
  assert.equal(leave({ reign: { holder: "c" } }), undefined);
  assert.equal(leaveByWish(viewOf("b")), undefined);
});

test("give up: the operator's failover ends the primary of the epoch that was meant, once", () => {
  const intent = {
    kind: "failover",
    to: null,
    epoch: 3,
    acceptDataLoss: false,
    id: "1",
    requestedAt: 0,
    by: "ann",
  } as const;
  assert.equal(says(giveUpByWish(viewOf("a", { intent }))), "fence: given-up-by-operator");
  assert.equal(giveUpByWish(viewOf("a", { intent, server: stopped() })), undefined);
  assert.equal(giveUpByWish(viewOf("a", { intent, reign: { phase: "released" } })), undefined);
  assert.equal(giveUpByWish(viewOf("b", { intent })), undefined);
  assert.equal(giveUpByWish(viewOf("a", { intent: { ...intent, epoch: 2 } })), undefined);
});

test("settle: an agent that has just started, or does not know, writes its own record anew before anything else", () => {
  const decision = settleRecords(viewOf("b", { memory: { settled: false } }));
  assert.equal(says(decision), "record member: settling");
  const [action] = decision?.actions ?? [];
  assert.ok(action?.kind === "record" && isSettling(action));
  assert.deepEqual(action.txn.require, [{ key: "member/b", revision: 1 }]);
  assert.equal(settleRecords(viewOf("b")), undefined);
  assert.equal(settleRecords(viewOf("d", { memory: { settled: false } })), undefined);
});

test("asleep: as stopped, for everybody, until the record is gone; a doze stops nobody", () => {
  const sleep = { phase: "asleep", epoch: 3, since: 0 } as const;
  assert.equal(says(stopByWish(viewOf("a", { sleep }))), "stop: falls-asleep");
  assert.equal(says(stopByWish(viewOf("b", { sleep }))), "nothing: waits-for-primary-to-stop");
  assert.equal(says(stopByWish(viewOf("b", { sleep, server: stopped() }))), "nothing: asleep");
  assert.equal(stopByWish(viewOf("a", { sleep: { ...sleep, phase: "dozing" } })), undefined);
});
