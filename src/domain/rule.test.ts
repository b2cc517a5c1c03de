/** Acknowledging and electing sets, by listing them all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  canElect,
  formatSyncNames,
  noVoters,
  parseVoterName,
  usualAcks,
  voterName,
  votesNeeded,
  type CommitRule,
  type Voter,
} from "./rule.ts";

const all: readonly Voter[] = ["b", "c", "d", "e", "f"].map((member) => ({ member, incarnation: 1 }));

function subsets(voters: readonly Voter[]): readonly (readonly Voter[])[] {
  return voters.reduce<readonly (readonly Voter[])[]>(
    (sets, voter) => [...sets, ...sets.map((set) => [...set, voter])],
    [[]],
  );
}

test("every electing set meets every acknowledging set, up to five voters", () => {
  for (let count = 1; count <= all.length; count += 1)
    for (let acks = 1; acks <= count; acks += 1) {
      const rule: CommitRule = { voters: all.slice(0, count), acks };
      const sets = subsets(rule.voters);
      const electing = sets.filter((set) => canElect(rule, set));
      const acknowledging = sets.filter((set) => set.length >= acks);
      assert.ok(electing.length > 0);
      for (const votes of electing)
        for (const acked of acknowledging) assert.ok(votes.some((voter) => acked.includes(voter)));
    }
});

test("usualAcks: as many voters can be lost as acknowledge, or one less", () => {
  for (let count = 1; count <= 5; count += 1) {
    const rule = { voters: all.slice(0, count), acks: usualAcks(count) };
    assert.ok(votesNeeded(rule)! <= count - usualAcks(count) + 1);
  }
});

test("without voters nobody is elected", () => {
  assert.equal(canElect(noVoters, all), false);
  assert.equal(formatSyncNames(noVoters), "");
});

test("names of voters in Postgres parse back", () => {
  const voter = { member: "shop-2", incarnation: 12 };
  assert.deepEqual(parseVoterName(voterName(voter)), voter);
  assert.equal(parseVoterName("walreceiver"), undefined);
  assert.equal(formatSyncNames({ voters: [voter], acks: 1 }), 'ANY 1 ("shop-2.12")');
});
