/** The arithmetic of promises: both sides count from the moment that is worse for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { timingsFor } from "./cluster.ts";
import { hearHeartbeat, leaseEnd, recordPromise, type HeldPromise, type VoterState } from "./lease.ts";
import { noVoters, votesNeeded, type Voter } from "./rule.ts";

const voters: readonly Voter[] = ["b", "c", "d", "e"].map((member) => ({ member, incarnation: 1 }));
const answer = (voter: Voter, sentAt: number) => ({ cluster: "shop", epoch: 1, voter, sentAt, promiseMs: 1500 });

test("leaseEnd: until then fewer voters are free than an election needs", () => {
  const cases = fc.record({
    count: fc.integer({ min: 1, max: 4 }),
    acks: fc.integer({ min: 1, max: 4 }),
    ends: fc.array(fc.option(fc.nat(100), { nil: undefined }), { minLength: 4, maxLength: 4 }),
  });
  fc.assert(
    fc.property(cases, ({ count, acks, ends }) => {
      const rule = { voters: voters.slice(0, count), acks: Math.min(acks, count) };
      const held: readonly HeldPromise[] = rule.voters.flatMap((voter, index) => {
        const safeUntil = ends[index];
        return safeUntil === undefined ? [] : [{ voter, safeUntil }];
      });
      const end = leaseEnd(rule, held);
      const freeAt = (now: number): number =>
        rule.voters.length - held.filter((promise) => promise.safeUntil > now).length;
      if (end === -Infinity) return assert.ok(freeAt(-1) >= votesNeeded(rule)!);
      assert.ok(freeAt(end - 1) < votesNeeded(rule)!, "electable before the end");
      assert.ok(freeAt(end) >= votesNeeded(rule)!, "ends too early");
    }),
  );
});

test("leaseEnd: without voters nobody else can be elected", () => assert.equal(leaseEnd(noVoters, []), Infinity));

test("leaseEnd: the promise of a directory that was rebuilt does not count", () => {
  const held = recordPromise([], answer({ member: "b", incarnation: 1 }, 0), 300);
  assert.equal(leaseEnd({ voters: [{ member: "b", incarnation: 2 }], acks: 1 }, held), -Infinity);
});

test("recordPromise: counted from before the heartbeat left, less the margin; never shortened by a late answer", () => {
  const [b] = voters as [Voter];
  const held = recordPromise([], answer(b, 1000), 300);
  assert.deepEqual(held, [{ voter: b, safeUntil: 2200 }]);
  assert.equal(recordPromise(held, answer(b, 900), 300), held);
});

test("hearHeartbeat: nothing is promised against a vote, nor for an epoch that has passed", () => {
  const states = fc.record({
    epoch: fc.nat(5),
    votedFor: fc.option(fc.nat(6), { nil: undefined }),
    heartbeat: fc.nat(6),
    now: fc.nat(10_000),
  });
  fc.assert(
    fc.property(states, ({ epoch, votedFor, heartbeat, now }) => {
      const state: VoterState = { voter: voters[0]!, epoch, votedFor, given: undefined, heardHolderAt: undefined };
      const sent = { cluster: "shop", epoch: heartbeat, holder: "a", sentAt: 5 };
      const heard = hearHeartbeat(state, sent, now, 1500);
      const allowed = heartbeat >= epoch && (votedFor === undefined || heartbeat >= votedFor);
      assert.equal(heard.answer !== undefined, allowed);
      assert.deepEqual(heard.state.given, allowed ? { epoch: heartbeat, holder: "a", until: now + 1500 } : undefined);
      assert.ok(heard.state.epoch >= epoch);
    }),
  );
});

test("a holder's server is ended before its voters are free, with clocks that run up to 15 % apart, however long a promise is", () => {
  const endingMs = 100;
  const cases = fc.record({
    promiseMs: fc.integer({ min: 1000, max: 60_000 }),
    slow: fc.double({ min: 0.93, max: 1, noNaN: true }),
    apart: fc.double({ min: 1, max: 1.15, noNaN: true }),
  });
  fc.assert(
    fc.property(cases, ({ promiseMs, slow, apart }) => {
      const { marginMs } = timingsFor(promiseMs);
      const endedAt = (promiseMs - marginMs) / slow + endingMs;
      const freeAt = promiseMs / (slow * apart);
      assert.ok(endedAt <= freeAt, `ended ${endedAt}, free ${freeAt}`);
    }),
  );
});
