/** Who could take over, and what the standing votes amount to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toLsn } from "../domain/lsn.ts";
import { noVoters } from "../domain/rule.ts";
import { isTargetComing, judgeSwitchover, replayBytesMax, switchoverLagBytesMax, tally } from "./candidates.ts";
import {
  clusterOf,
  end,
  now,
  primary,
  ruleOf,
  standby,
  stopped,
  viewOf,
  voter,
  voteOf,
  type ViewChange,
} from "./testing.ts";

const ranked = (votes: ReturnType<typeof tally>) => votes.ranking.map((vote) => vote.voter.member);

test("tally: two votes of two voters, the longer log first (3 members)", () => {
  const votes = tally(clusterOf({ votes: [voteOf("b", toLsn(900n)), voteOf("c")] }));
  assert.deepEqual(ranked(votes), ["c", "b"]);
  assert.deepEqual([votes.epoch, votes.needed, votes.suffices, votes.missing], [4, 2, true, []]);
});

test("tally: a log of a later timeline is ahead of a longer one of an earlier", () => {
  const old = voteOf("b", toLsn(5000n), { position: { timeline: 1, lsn: toLsn(5000n) } });
  assert.deepEqual(ranked(tally(clusterOf({ votes: [old, voteOf("c", toLsn(600n))] }))), ["c", "b"]);
});

test("tally: one vote of two does not do, and the other is missing", () => {
  const votes = tally(clusterOf({ votes: [voteOf("c")] }));
  assert.deepEqual([votes.suffices, votes.missing], [false, ["b"]]);
});

test("tally: votes for the epoch that stands, or of a directory that was copied anew, do not count", () => {
  const past = [voteOf("b", end, { epoch: 3 }), voteOf("c")];
  assert.deepEqual(tally(clusterOf({ votes: past })).missing, ["b"]);
  const votes = [voteOf("b"), voteOf("c")];
  assert.deepEqual(tally(clusterOf({ votes, records: { b: { incarnation: 2 } } })).missing, ["b"]);
});

test("tally: a vote of a member that is no voter takes part in the ranking and proves nothing", () => {
  const rule = { voters: [voter("b")], acks: 1 };
  const votes = tally(clusterOf({ rule, votes: [voteOf("c")] }));
  assert.deepEqual([votes.suffices, votes.missing, ranked(votes)], [false, ["b"], ["c"]]);
});

test("tally: before the barrier the rule before must be satisfied as well", () => {
  const votes = [voteOf("b"), voteOf("c")];
  const records = { d: {} };
  assert.equal(tally(clusterOf({ votes, records, previous: [ruleOf(1, "c", "d")] })).suffices, false);
  assert.deepEqual(tally(clusterOf({ votes, records, previous: [ruleOf(1, "c", "d")] })).missing, ["d"]);
  assert.equal(tally(clusterOf({ votes, records, previous: [ruleOf(2, "c", "d")] })).suffices, true);
});

test("tally: without voters nobody can be elected", () => {
  const votes = tally(clusterOf({ rule: noVoters, votes: [voteOf("b"), voteOf("c")] }));
  assert.deepEqual([votes.suffices, votes.needed], [false, Infinity]);
});

test("tally: among equals one that stays, then the one that was asked for, then the lower id", () => {
  const votes = [voteOf("b"), voteOf("c")];
  assert.deepEqual(ranked(tally(clusterOf({ votes }))), ["b", "c"]);
  const intent = {
    kind: "failover",
    to: "c",
    epoch: 3,
    acceptDataLoss: false,
    id: "1",
    requestedAt: 0,
    by: "ann",
  } as const;
  assert.deepEqual(ranked(tally(clusterOf({ votes, intent }))), ["c", "b"]);
  assert.deepEqual(ranked(tally(clusterOf({ votes, spec: { members: ["a", "c"] }, records: { b: {} } }))), ["c", "b"]);
});

const judged = (change: ViewChange = {}, asked: string | null = null) =>
  Object.fromEntries(
    judgeSwitchover(viewOf("a", change), asked).map(({ member, rejection }) => [member, rejection?.code ?? "fit"]),
  );
const withB = (server: ViewChange["server"]) => judged({ peers: { b: server && { server } } })["b"];

test("switchover: a voter that is not seen to run yet is a target that comes; one that is fit, or no voter, is not waited for", () => {
  const unseen = { server: stopped({}) };
  const isComing = (change: ViewChange, asked: string | null = null): boolean =>
    isTargetComing(viewOf("a", change), asked);
  assert.equal(isComing({ peers: { b: unseen, c: unseen } }), true);
  assert.equal(isComing({ peers: { b: undefined, c: undefined } }), true);
  assert.equal(isComing({ peers: { b: unseen } }), false);
  assert.equal(isComing({ peers: { b: unseen } }, "b"), true);
  assert.equal(isComing({ peers: { b: unseen, c: unseen }, rule: ruleOf(1, "c") }, "b"), false);
  const behind = { server: standby({ flushed: toLsn(0n), replayed: toLsn(0n) }) };
  const ahead = primary({ flushed: toLsn(BigInt(switchoverLagBytesMax) + 1n) });
  assert.equal(isComing({ server: ahead, peers: { b: behind, c: behind } }), true);
});

test("switchover: a verdict on every member, the fit ones first, the nearest of them before the others", () => {
  const behind = { b: { server: standby({ flushed: toLsn(900n), replayed: toLsn(900n) }) } };
  const verdicts = judgeSwitchover(viewOf("a", { peers: behind }), null);
  assert.deepEqual(
    verdicts.map(({ member, lagBytes, rejection }) => [member, lagBytes, rejection?.code]),
    [
      ["c", 0, undefined],
      ["b", 100, undefined],
      ["a", 0, "is-primary"],
    ],
  );
});

test("switchover: why a member is refused", () => {
  assert.deepEqual(judged(), { a: "is-primary", b: "fit", c: "fit" });
  assert.equal(withB(undefined), "not-heard");
  assert.equal(withB(stopped()), "not-running");
  assert.equal(withB(primary()), "not-running");
  assert.equal(withB(standby({ streaming: false, notStreamingSince: now })), "not-streaming");
  assert.equal(judged({ rule: ruleOf(1, "c") })["b"], "not-a-voter");
  assert.equal(judged({ records: { b: { incarnation: 2 } } })["b"], "not-a-voter");
  assert.equal(judged({ records: { b: { wish: "reclone" } } })["b"], "being-removed");
  assert.equal(judged({}, "c")["b"], "not-asked-for");
});

test("switchover: how far behind is allowed, and how much to replay", () => {
  const far = toLsn(BigInt(switchoverLagBytesMax) + 2000n);
  const lag = (flushed: bigint) =>
    judged({
      server: primary({ flushed: far }),
      peers: { b: { server: standby({ flushed: toLsn(flushed), replayed: toLsn(flushed) }) } },
    })["b"];
  assert.equal(lag(2000n), "fit");
  assert.equal(lag(1999n), "too-far-behind");
  const replay = (left: number) => withB(standby({ flushed: toLsn(BigInt(left)), replayed: toLsn(0n) }));
  assert.equal(replay(replayBytesMax), "fit");
  assert.equal(replay(replayBytesMax + 1), "much-to-replay");
});

test("switchover: once the primary has been stopped for it, nobody streams and the target is still fit", () => {
  const silent = { b: { server: standby({ streaming: false, notStreamingSince: now }) } };
  const intent = { id: "1", startedAt: now, checkpointed: true, held: true, stoppedAt: now };
  assert.equal(judged({ server: stopped({ clean: true, end }), peers: silent, memory: { intent } })["b"], "fit");
});
