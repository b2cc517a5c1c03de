import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultTimings, type Vote } from "../domain/cluster.ts";
import { zeroLsn } from "../domain/lsn.ts";
import { cluster, versioned } from "./testing.ts";
import { Voters } from "./voters.ts";

const { promiseMs, marginMs } = defaultTimings;

test("a promise frees its voter only after its time, and the holder counts less than that", () => {
  const voters = started();
  voters.exchange(cluster({}), 1000);
  assert.equal(voters.view("b").given?.until, 1000 + promiseMs);
  assert.deepEqual(
    voters.view("a").held.map((held) => held.safeUntil),
    [1000 + promiseMs - marginMs, 1000 + promiseMs - marginMs],
  );
});

test("a voter that votes promises nothing more to the holder, from before its vote is written", () => {
  const voters = started();
  voters.setVote("b", 2);
  voters.exchange(cluster({}), 1000);
  assert.equal(voters.view("b").given, undefined);
  assert.equal(voters.view("a").held.length, 1);
});

test("a vote in the store binds a voter after a restart of the agent", () => {
  const voters = started(cluster({ votes: { b: vote("b", 1) } }));
  voters.exchange(cluster({ votes: { b: vote("b", 1) } }), 1000);
  assert.equal(voters.view("b").given, undefined);
});

test("a directory that was copied anew has not voted: it promises again", () => {
  const voters = started();
  voters.setVote("b", 2);
  const rebuilt = cluster({ incarnations: { b: 2 } });
  voters.learn(rebuilt, 500);
  voters.exchange(rebuilt, 1000);
  assert.equal(voters.view("b").given?.holder, "a");
});

test("time that was given back binds nobody", () => {
  const voters = started();
  voters.exchange(cluster({}), 1000);
  void voters.release(1);
  assert.equal(voters.view("b").given?.until, -Infinity);
  assert.deepEqual(voters.view("a").held, []);
});

test("a new epoch begins without promises and with time for its holder to be heard", () => {
  const voters = started();
  voters.exchange(cluster({}), 1000);
  voters.learn(cluster({ epoch: 2, holder: "b" }), 2000);
  assert.deepEqual(voters.view("b").held, []);
  assert.equal(voters.view("c").epochSeenAt, 2000);
  assert.equal(voters.view("c").heardHolderAt, undefined);
});

function started(record = cluster({})): Voters {
  const voters = new Voters(defaultTimings, 0);
  voters.learn(record, 0);
  return voters;
}

function vote(member: string, incarnation: number) {
  const value: Vote = { epoch: 2, voter: { member, incarnation }, position: { timeline: 1, lsn: zeroLsn } };
  return versioned(value);
}
