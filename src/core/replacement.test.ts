/** When a lost host's member is replaced, when it goes, and when nothing is done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { replacementDue, type ReplacementView } from "./replacement.ts";
import { clusterOf, ruleOf, type ClusterChange } from "./testing.ts";

const minutes = 60_000;

/** Members a (the holder), b, c on hosts of the same names, and a spare host d; c's has been silent for `silentMs`. */
function viewOf(silentMs: number, change: ClusterChange = {}, more: Partial<ReplacementView> = {}): ReplacementView {
  const hosts = ["a", "b", "c", "d"].map((name) => ({ name, silentMs: name === "c" ? silentMs : 0 }));
  return {
    cluster: clusterOf(change),
    storeReachable: true,
    self: "a",
    hosts,
    streaming: new Set(["b", "d"]),
    replaceAfterMs: 10 * minutes,
    ...more,
  };
}

function says(view: ReplacementView): string | undefined {
  const step = replacementDue(view);
  return step && `${step.kind} ${step.kind === "forget" ? step.member.id : step.lost.id}`;
}

const withNew: ClusterChange = {
  spec: { members: ["a", "b", "c", "d"] },
  records: { d: { host: "d", replaces: "c" } },
};

test("a host that was not heard for ten minutes: its member is replaced, not before", () => {
  assert.equal(says(viewOf(9 * minutes)), undefined);
  assert.equal(says(viewOf(10 * minutes)), "add c");
});

test("one at a time: while a copy is under way no other begins", () => {
  const view = viewOf(20 * minutes, withNew, { streaming: new Set(["b"]) });
  assert.equal(says(view), undefined);
});

test("the lost one goes when the new one is a voter, also when it is back by then", () => {
  assert.equal(says(viewOf(20 * minutes, withNew)), undefined);
  const asVoter: ClusterChange = { ...withNew, rule: ruleOf(1, "b", "d") };
  assert.equal(says(viewOf(20 * minutes, asVoter)), "drop c");
  assert.equal(says(viewOf(0, asVoter)), "drop c");
  assert.equal(says(viewOf(20 * minutes, asVoter, { streaming: new Set(["b"]) })), undefined);
});

test("a read replica is replaced by one that streams; it never becomes a voter", () => {
  const far = { region: "us" };
  const replica: ClusterChange = {
    spec: { members: ["a", "b", "c", "d"] },
    records: { c: far, d: { ...far, host: "d", replaces: "c" } },
    rule: ruleOf(1, "b"),
  };
  assert.equal(says(viewOf(20 * minutes, replica)), "drop c");
});

test("a record is forgotten only when the member is in no spec and in no rule, and its host is away", () => {
  const dropped: ClusterChange = { spec: { members: ["a", "b"] }, records: { c: {} }, rule: ruleOf(1, "b") };
  assert.equal(says(viewOf(20 * minutes, dropped)), "forget c");
  assert.equal(says(viewOf(0, dropped)), undefined);
  assert.equal(says(viewOf(20 * minutes, { ...dropped, rule: ruleOf(1, "b", "c") })), undefined);
  assert.equal(says(viewOf(20 * minutes, { ...dropped, previous: [ruleOf(1, "c")] })), undefined);
});

test("nothing is done in doubt: store away, most hosts silent, not open, not the holder's host, paused, a change under way", () => {
  const lost = 20 * minutes;
  assert.equal(says(viewOf(lost, {}, { storeReachable: false })), undefined);
  const silent = ["b", "c"].map((name) => ({ name, silentMs: lost }));
  const half = [...silent, { name: "a", silentMs: 0 }, { name: "d", silentMs: 0 }];
  assert.equal(says(viewOf(lost, {}, { hosts: half })), undefined);
  assert.equal(says(viewOf(lost, { reign: { phase: "taken" } })), undefined);
  assert.equal(says(viewOf(lost, {}, { self: "b" })), undefined);
  assert.equal(says(viewOf(lost, { pausedUntil: 1e9 })), undefined);
  assert.equal(says(viewOf(lost, { spec: { wish: "stopped" } })), undefined);
  const intent = { kind: "switchover", to: null, epoch: 3, id: "1", requestedAt: 0, by: "ann" } as const;
  assert.equal(says(viewOf(lost, { intent })), undefined);
});
