/**
 * From every rule to every health of the standbys: each change is small, and at each step between store and Postgres
 * every electing set meets every set that can acknowledge (I8), in the order that the way of the change asks for (P3).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Durability } from "../domain/cluster.ts";
import { noVoters, sameRule, usualAcks, type CommitRule, type Voter } from "../domain/rule.ts";
import type { RunningServer } from "../domain/server.ts";
import { i8SetsMeet } from "./invariants.ts";
import { nextRuleChange } from "./rule-change.ts";
import { primary, streamOf, viewOf } from "./testing.ts";
import type { View } from "./view.ts";

const holder: Voter = { member: "a", incarnation: 1 };
const standbys: readonly Voter[] = ["b", "c", "d", "e"].map((member) => ({ member, incarnation: 1 }));

function subsets<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.reduce<readonly (readonly T[])[]>((sets, item) => [...sets, ...sets.map((set) => [...set, item])], [[]]);
}

function serving(streaming: readonly Voter[]): RunningServer {
  return primary({ standbys: streaming.map((voter) => streamOf(voter.member)) });
}

function viewWith(rule: CommitRule, streaming: readonly Voter[], durability: Durability): View {
  const silent = standbys.filter((voter) => !streaming.includes(voter)).map((voter) => [voter.member, -1e6]);
  return viewOf("a", {
    rule,
    spec: { members: [holder, ...standbys].map((voter) => voter.member), durability },
    server: serving(streaming),
    memory: { silentSince: Object.fromEntries(silent) },
  });
}

const rules: readonly CommitRule[] = subsets(standbys).flatMap((voters) =>
  voters.length === 0 ? [noVoters] : voters.map((_, index) => ({ voters, acks: index + 1 })),
);

for (const durability of ["quorum", "strict", "async"] as const)
  test(`rule changes: from every rule, with any standbys streaming, to rest (${durability})`, () => {
    for (const first of rules)
      for (const streaming of subsets(standbys)) {
        let rule = first;
        let steps = 0;
        for (;;) {
          const change = nextRuleChange(viewWith(rule, streaming, durability), serving(streaming));
          if (!change) break;
          assertSafe(rule, change.rule, change.way);
          rule = change.rule;
          assert.ok((steps += 1) < 20, "no rest");
        }
        if (durability === "quorum") {
          const expected = { voters: streaming, acks: usualAcks(streaming.length) };
          assert.ok(
            sameRule(rule, expected),
            `${JSON.stringify(first)} with ${streaming.length} came to ${JSON.stringify(rule)}`,
          );
        }
      }
  });

/** The store and Postgres differ for a while: both pairs that then stand side by side must be safe. */
function assertSafe(from: CommitRule, to: CommitRule, way: "stricter" | "laxer"): void {
  const record = (rule: CommitRule) => ({ epoch: 1, rule, previous: [] });
  const [store, postgres] = way === "stricter" ? [to, from] : [from, to];
  assert.equal(
    i8SetsMeet(record(store), [postgres], holder),
    undefined,
    `${way}: ${JSON.stringify(from)} to ${JSON.stringify(to)}`,
  );
  assert.equal(i8SetsMeet(record(to), [to], holder), undefined);
}
