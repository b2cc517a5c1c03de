/** What stops a primary from taking writes, and what does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { now, primary, ruleOf, says, standby, viewOf, voter } from "../testing.ts";
import { decide } from "../decide.ts";
import { fenceEndedLease, fenceFrozenPrimary, fenceSuperseded, fenceWrongTimeline } from "./fencing.ts";

const ended = (...members: readonly string[]) =>
  members.map((member) => ({ voter: voter(member), safeUntil: now - 100 }));
const lasting = (...members: readonly string[]) =>
  members.map((member) => ({ voter: voter(member), safeUntil: now + 100 }));

test("fence: a primary whose epoch another member holds", () => {
  assert.equal(says(fenceSuperseded(viewOf("b", { server: primary() }))), "fence: superseded");
  assert.equal(
    says(fenceSuperseded(viewOf("b", { server: { kind: "starting", asPrimary: true, since: now } }))),
    "fence: superseded",
  );
  assert.equal(fenceSuperseded(viewOf("a")), undefined);
  assert.equal(fenceSuperseded(viewOf("b")), undefined);
});

test("fence: a primary that took its epoch with a directory that has been replaced since", () =>
  assert.equal(says(fenceSuperseded(viewOf("a", { records: { a: { incarnation: 2 } } }))), "fence: superseded"));

test("fence: a primary that gave its time back", () =>
  assert.equal(says(fenceSuperseded(viewOf("a", { reign: { phase: "released" } }))), "fence: time-given-back"));

test("fence: lease ended, both promises over (3 members, one acknowledgement)", () => {
  assert.equal(says(fenceEndedLease(viewOf("a", { lease: { held: ended("b", "c") } }))), "fence: lease-ended");
  assert.equal(fenceEndedLease(viewOf("a", { lease: { held: [...ended("b"), ...lasting("c")] } })), undefined);
});

test("fence: lease ended, one promise of two lasts and both must acknowledge", () => {
  const view = viewOf("a", { rule: ruleOf(2, "b", "c"), lease: { held: [...ended("b"), ...lasting("c")] } });
  assert.equal(says(fenceEndedLease(view)), "fence: lease-ended");
});

test("fence: a promise of the directory before the copy keeps no lease", () => {
  const rule = { voters: [voter("b", 2)], acks: 1 };
  assert.equal(says(fenceEndedLease(viewOf("a", { rule, lease: { held: lasting("b") } }))), "fence: lease-ended");
});

test("fence: without voters nobody else can be elected, and time does not end", () =>
  assert.equal(fenceEndedLease(viewOf("a", { rule: ruleOf(0), lease: { held: [] } })), undefined));

test("fence: before it is open a primary waits for promises; not once it may have been opened", () => {
  const view = { reign: { phase: "taken" }, lease: { held: [] } } as const;
  assert.equal(fenceEndedLease(viewOf("a", view)), undefined);
  const asked = { epoch: 3, rule: undefined, opens: true, votes: false };
  assert.equal(says(fenceEndedLease(viewOf("a", { ...view, memory: { asked } }))), "fence: lease-ended");
  assert.equal(says(fenceEndedLease(viewOf("a", { ...view, memory: { unsure: [asked] } }))), "fence: lease-ended");
});

test("fence: the lease must last under a rule that is on its way to the store too", () => {
  const asked = { epoch: 3, rule: ruleOf(1, "c"), opens: false, votes: false };
  const lease = { held: [...lasting("b"), ...ended("c")] };
  assert.equal(says(fenceEndedLease(viewOf("a", { lease, memory: { asked } }))), "fence: lease-ended");
  assert.equal(fenceEndedLease(viewOf("a", { lease })), undefined);
});

test("fence: Postgres promoted on another timeline than the one reserved", () => {
  assert.equal(says(fenceWrongTimeline(viewOf("a", { server: primary({ timeline: 3 }) }))), "fence: wrong-timeline");
  assert.equal(fenceWrongTimeline(viewOf("a")), undefined);
  assert.equal(fenceWrongTimeline(viewOf("b", { server: standby({ timeline: 1 }) })), undefined);
});

test("fence: a frozen primary is suspected, then failed; a frozen standby is no matter of fencing", () => {
  const frozen = (role: "primary" | "standby", forMs: number) =>
    viewOf("a", { server: { kind: "unresponsive", role, since: now - forMs } });
  const suspected = fenceFrozenPrimary(frozen("primary", 300));
  assert.equal(says(suspected), "nothing: server-frozen");
  assert.equal(suspected?.recheckAt, now + 900);
  assert.equal(says(fenceFrozenPrimary(frozen("primary", 1200))), "fence: server-frozen");
  assert.equal(fenceFrozenPrimary(frozen("standby", 5000)), undefined);
});

test("fence: a primary that is being stopped in order answers nobody, and is left to its stop", () => {
  const server = { kind: "unresponsive", role: "primary", since: now - 4000 } as const;
  const stopping = { server, busy: [{ kind: "stop", since: now - 4000 }] } as const;
  assert.equal(fenceFrozenPrimary(viewOf("a", stopping)), undefined);
  assert.equal(says(decide(viewOf("a", stopping))), "nothing: under-way");
  const opening = { server, busy: [{ kind: "barrier", since: now - 4000 }] } as const;
  assert.equal(says(decide(viewOf("a", opening))), "fence: server-frozen");
});

test("fence: the log has not reached its disk for long", () => {
  const stuck = (forMs: number) => viewOf("a", { server: primary({ flushStuckSince: now - forMs }) });
  assert.equal(says(fenceFrozenPrimary(stuck(5000))), "fence: log-device-stuck");
  assert.equal(fenceFrozenPrimary(stuck(4900)), undefined);
  assert.equal(fenceFrozenPrimary(viewOf("a")), undefined);
});
