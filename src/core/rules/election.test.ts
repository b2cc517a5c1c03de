/** From losing the holder to taking the next epoch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toLsn } from "../../domain/lsn.ts";
import { end, now, ruleOf, says, standby, viewOf, voteOf, type ViewChange } from "../testing.ts";
import { castVote, takeEpoch, unknownMember, withdrawVote } from "./election.ts";

const silent = standby({ upstream: null, receiving: false, streaming: false, notStreamingSince: now - 2000 });
const lost = standby({ streaming: false, notStreamingSince: now - 2000 });
const promised = (forMs: number) => ({ given: { epoch: 3, holder: "a", until: now + forMs } });
const released = { phase: "released" } as const;
const bothVotes = [voteOf("b"), voteOf("c")];
const voted = (self: string, change: ViewChange = {}) =>
  viewOf(self, { reign: released, server: silent, votes: bothVotes, ...change });

test("vote: holder lost, promise still running: it waits, and says for how long", () => {
  const decision = castVote(viewOf("b", { server: lost, lease: promised(400) }));
  assert.deepEqual(decision?.because, { code: "promised", holder: "a", freeInMs: 400 });
  assert.deepEqual([decision?.actions.length, decision?.recheckAt], [0, now + 400]);
});

test("vote: holder lost, guard just started: it may have promised in the life before", () => {
  const decision = castVote(viewOf("b", { server: lost, lease: { startedAt: now - 1000 } }));
  assert.deepEqual(decision?.because, { code: "just-started", freeInMs: 500 });
});

test("vote: a holder that has just taken its epoch is given one promise's time to be heard", () => {
  const decision = castVote(viewOf("b", { server: lost, lease: { epochSeenAt: now - 1000 } }));
  assert.equal(decision?.because.code, "just-started");
});

test("vote: promise over: the WAL receiver is stopped first, then the vote is written", () => {
  const free = promised(-1);
  assert.equal(says(castVote(viewOf("b", { server: lost, lease: free }))), "stop-receiver: stops-listening");
  const pointed = standby({ receiving: false, streaming: false, notStreamingSince: now - 2000 });
  assert.equal(says(castVote(viewOf("b", { server: pointed, lease: free }))), "stop-receiver: stops-listening");
  assert.equal(says(castVote(viewOf("b", { server: silent, lease: free }))), "record vote: votes");
});

test("vote: it says how far the log is on disk, not how far it was replayed", () => {
  const server = { ...silent, replayed: toLsn(700n) };
  const [action] = castVote(viewOf("b", { server }))?.actions ?? [];
  const [written] = action?.kind === "record" ? action.txn.write : [];
  assert.deepEqual(written, { key: "vote/b", value: voteOf("b", end) });
});

test("vote: the holder gave its time back: no promise binds", () =>
  assert.equal(
    says(castVote(viewOf("b", { server: silent, reign: released, lease: promised(1400) }))),
    "record vote: votes",
  ));

test("vote: none against a holder that is heard, none twice, none by the holder or by a stopped server", () => {
  assert.equal(castVote(viewOf("b", { lease: { heardHolderAt: now - 100 } })), undefined);
  assert.equal(castVote(viewOf("b", { server: silent, votes: [voteOf("b")] })), undefined);
  assert.equal(castVote(viewOf("a")), undefined);
  assert.equal(castVote(viewOf("b", { server: { kind: "absent" } })), undefined);
});

test("vote: the vote of a directory that was copied anew since is none", () =>
  assert.equal(
    says(castVote(viewOf("b", { server: silent, votes: [voteOf("b")], records: { b: { incarnation: 2 } } }))),
    "record vote: votes",
  ));

test("withdraw: a false alarm, the holder is heard again", () => {
  const heard = { heardHolderAt: now - 100 };
  assert.equal(
    says(withdrawVote(viewOf("b", { votes: [voteOf("b")], server: silent, lease: heard }))),
    "record withdraw-vote: holder-heard-again",
  );
});

test("withdraw: not while the holder is silent, and not once the votes suffice", () => {
  const lease = { heardHolderAt: now - 100 };
  assert.equal(withdrawVote(viewOf("b", { votes: [voteOf("b")], server: silent })), undefined);
  assert.equal(withdrawVote(viewOf("b", { votes: bothVotes, server: silent, lease })), undefined);
  assert.equal(withdrawVote(viewOf("b", { votes: [voteOf("b")], server: silent, lease, reign: released })), undefined);
  assert.equal(withdrawVote(viewOf("b", { lease })), undefined);
});

test("elect: both voters voted, logs alike: the first by id takes the epoch, the other leaves it the turn", () => {
  assert.equal(says(takeEpoch(voted("b"))), "record take-epoch: wins-election");
  const second = takeEpoch(voted("c"));
  assert.deepEqual(second?.because, { code: "leaves-turn", to: "b", inMs: 150 });
  const later = { electableSince: now - 150 };
  assert.equal(says(takeEpoch(voted("c", { memory: later }))), "record take-epoch: wins-election");
});

test("elect: the transaction requires the reign, the rule, the pause and each counted vote", () => {
  const [action] = takeEpoch(voted("b"))?.actions ?? [];
  const required = action?.kind === "record" ? action.txn.require.map(({ key }) => key) : [];
  for (const key of ["reign", "rule", "timelines", "pause", "vote/b", "vote/c"] as const)
    assert.ok(required.includes(key), key);
});

test("elect: the survivors are the voters, and the rule before stands until the barrier", () => {
  const [action] = takeEpoch(voted("b"))?.actions ?? [];
  const written = action?.kind === "record" ? action.txn.write : [];
  assert.deepEqual(written.find(({ key }) => key === "rule")?.value, {
    epoch: 4,
    rule: ruleOf(1, "c"),
    previous: [ruleOf(1, "b", "c")],
  });
});

test("elect: the member whose log is ahead wins, never the other", () => {
  const votes = [voteOf("b", toLsn(900n)), voteOf("c")];
  assert.deepEqual(takeEpoch(voted("b", { votes }))?.because, { code: "behind", better: "c", bytes: 100 });
  assert.equal(says(takeEpoch(voted("c", { votes }))), "record take-epoch: wins-election");
});

test("elect: one vote of two is missing (3 members)", () => {
  const decision = takeEpoch(voted("b", { votes: [voteOf("b")] }));
  assert.deepEqual(decision?.because, { code: "votes-missing", from: ["c"], needed: 2, have: 1 });
  assert.equal(decision?.actions.length, 0);
});

test("elect: a member that could not serve stands back", () => {
  const failedReigns = [{ epoch: 3, at: now - 500 }];
  const decision = takeEpoch(voted("b", { memory: { failedReigns } }));
  assert.deepEqual(decision?.because, {
    code: "not-eligible",
    rejection: { member: "b", code: "stands-back", forMs: 1500 },
  });
});

test("elect: durability async bounds what an automatic failover may lose", () => {
  const behind = { votes: [voteOf("b", toLsn(800n))], spec: { durability: "async" }, rule: ruleOf(1, "b") } as const;
  const decision = takeEpoch(voted("b", behind));
  assert.equal(decision?.because.code === "not-eligible" && decision.because.rejection.code, "loses-too-much");
});

test("elect: nothing to say without an own vote, or while a WAL receiver runs", () => {
  assert.equal(takeEpoch(viewOf("b", { reign: released, server: silent, votes: [voteOf("c")] })), undefined);
  assert.equal(takeEpoch(voted("b", { server: lost })), undefined);
});

const forced = {
  kind: "failover",
  to: null,
  epoch: 3,
  acceptDataLoss: true,
  id: "1",
  requestedAt: 0,
  by: "ann",
} as const;
const asked = (sinceMs: number) => ({
  intent: { id: "1", startedAt: now - sinceMs, checkpointed: false, held: false, stoppedAt: undefined },
});

test("force: a vote is missing for ever, the operator accepts the loss: the best log that is left, after a wait", () => {
  const alone = { votes: [voteOf("b")], intent: forced };
  assert.equal(says(takeEpoch(voted("b", { ...alone, memory: asked(100) }))), "nothing: leaves-turn");
  const decision = takeEpoch(voted("b", { ...alone, memory: asked(1500) }));
  assert.deepEqual(decision?.because, { code: "forced-by-operator", by: "ann", missing: ["c"] });
  const [action] = decision?.actions ?? [];
  const rule = action?.kind === "record" ? action.txn.write.find(({ key }) => key === "rule")?.value : undefined;
  assert.deepEqual(rule, { epoch: 4, rule: ruleOf(0), previous: [] });
});

test("force: not without acceptance, and not for an epoch that has passed", () => {
  const memory = asked(1500);
  const votes = [voteOf("b")];
  assert.equal(
    says(takeEpoch(voted("b", { votes, memory, intent: { ...forced, acceptDataLoss: false } }))),
    "nothing: votes-missing",
  );
  assert.equal(
    says(takeEpoch(voted("b", { votes, memory, intent: { ...forced, epoch: 2 } }))),
    "nothing: votes-missing",
  );
});

test("reclaim: a holder that gave its time back and whom nobody can replace takes the next epoch", () => {
  const alone = { votes: [voteOf("a")], peers: { c: undefined }, server: silent, reign: released };
  assert.equal(says(takeEpoch(viewOf("a", alone))), "record take-epoch: wins-election");
  assert.equal(says(takeEpoch(viewOf("a", { ...alone, peers: {} }))), "nothing: votes-missing");
});

test("unknown: a member without a record and without a directory takes no part", () => {
  const known = viewOf("b");
  const view = viewOf("d", { server: { kind: "absent" } });
  assert.equal(says(unknownMember(view)), "nothing: being-removed");
  assert.equal(unknownMember(known), undefined);
});
