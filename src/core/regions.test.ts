/** Read replicas take no part in rules and elections; a change of the primary region moves both. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeMove, judgeSwitchover, tally } from "./candidates.ts";
import { decide } from "./decide.ts";
import { mayBeVoter, mayVote, votersInFull } from "./regions.ts";
import { nextRuleChange } from "./rule-change.ts";
import { clusterOf, primary, ruleOf, says, streamOf, viewOf, voteOf, type ClusterChange } from "./testing.ts";

const far = { region: "us" };
/** c is a read replica */
const withReplica: ClusterChange = {
  spec: { primaryRegion: "local", members: ["a", "b", "c"] },
  records: { c: far },
  rule: ruleOf(1, "b"),
};
const moved: ClusterChange = { ...withReplica, spec: { primaryRegion: "us", members: ["a", "b", "c"] } };

test("a read replica: no voter, no vote, not counted in full strength", () => {
  const cluster = clusterOf(withReplica);
  assert.deepEqual(
    ["a", "b", "c"].map((member) => mayVote(cluster, member)),
    [true, true, false],
  );
  assert.equal(votersInFull(cluster), 1);
});

test("a named voter has its say wherever the primary belongs", () => {
  const cluster = clusterOf({ ...withReplica, rule: ruleOf(1, "b", "c") });
  assert.equal(mayVote(cluster, "c"), true);
  assert.equal(mayBeVoter(cluster, "c"), false);
});

test("the primary region has changed and the holder has not moved: both regions' members may be voters", () => {
  const cluster = clusterOf(moved);
  assert.deepEqual(
    ["a", "b", "c"].map((member) => mayBeVoter(cluster, member)),
    [true, true, true],
  );
  const change = nextRuleChange(viewOf("a", moved), primary());
  assert.deepEqual(change?.because, { code: "voter-joins", member: "c" });
});

test("a read replica that has caught up is not admitted; one that was a voter is dropped", () => {
  const server = primary({ standbys: [streamOf("b"), streamOf("c")] });
  assert.equal(nextRuleChange(viewOf("a", withReplica), server), undefined);
  const change = nextRuleChange(viewOf("a", { ...withReplica, rule: ruleOf(1, "b", "c") }), server);
  assert.deepEqual(change?.because, { code: "voter-leaves", member: "c", isWanted: false });
});

test("the holder is gone: voters vote, the read replica waits; a vote of it from before does not count", () => {
  const gone: ClusterChange = { ...withReplica, reign: { phase: "released" } };
  assert.match(says(decide(viewOf("b", gone))) ?? "", /stop-receiver/);
  assert.doesNotMatch(says(decide(viewOf("c", gone))) ?? "", /stop-receiver|vote/);
  const votes = tally(clusterOf({ ...gone, votes: [voteOf("c")] }));
  assert.deepEqual(votes.votes, []);
});

test("no switchover to another region, but a move there once it is the primary one", () => {
  const view = viewOf("a", withReplica);
  const verdict = judgeSwitchover(view, "c").find(({ member }) => member === "c");
  assert.equal(verdict?.rejection?.code, "other-region");
  const best = judgeMove(view, "us").find(({ rejection }) => rejection === undefined);
  assert.equal(best?.member, "c");
});
