/** Histories grow as elections make them; positions are compared as elections do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toLsn } from "./lsn.ts";
import {
  canFollow,
  comparePositions,
  forkPoint,
  mayHoldLost,
  parseHistoryFile,
  type Timeline,
  type WalPosition,
} from "./timeline.ts";

/** Each timeline leaves an earlier one at some point; epochs rise with ids. */
const histories = fc.array(fc.tuple(fc.nat(100), fc.nat(1000)), { maxLength: 6 }).map((forks) =>
  forks.reduce<readonly Timeline[]>(
    (known, [from, at], index) => {
      const parent = known[from % known.length]!;
      const forkedAt = toLsn(parent.forkedAt + BigInt(at));
      return [...known, { id: index + 2, parent: parent.id, forkedAt, epoch: 2 * index + 3 }];
    },
    [{ id: 1, parent: null, forkedAt: toLsn(0n), epoch: 1 }],
  ),
);

function positionsIn(history: readonly Timeline[]): fc.Arbitrary<WalPosition> {
  return fc.record({
    timeline: fc.constantFrom(...history.map((timeline) => timeline.id)),
    lsn: fc.nat(4000).map((bytes) => toLsn(BigInt(bytes))),
  });
}

test("comparePositions: a total preorder on every history", () => {
  fc.assert(
    fc.property(
      histories.chain((history) =>
        fc.tuple(fc.constant(history), fc.array(positionsIn(history), { minLength: 3, maxLength: 3 })),
      ),
      ([history, [a, b, c]]) => {
        const compare = (x: WalPosition, y: WalPosition): number => Math.sign(comparePositions(history, x, y));
        assert.equal(compare(a!, a!), 0);
        assert.equal(compare(a!, b!) + compare(b!, a!), 0);
        if (compare(a!, b!) <= 0 && compare(b!, c!) <= 0) assert.ok(compare(a!, c!) <= 0);
      },
    ),
  );
});

test("comparePositions: log past the fork of a newer timeline does not count", () => {
  const history: readonly Timeline[] = [
    { id: 1, parent: null, forkedAt: toLsn(0n), epoch: 1 },
    { id: 2, parent: 1, forkedAt: toLsn(50n), epoch: 2 },
  ];
  assert.ok(comparePositions(history, { timeline: 1, lsn: toLsn(100n) }, { timeline: 2, lsn: toLsn(60n) }) < 0);
  assert.ok(comparePositions(history, { timeline: 2, lsn: toLsn(40n) }, { timeline: 1, lsn: toLsn(45n) }) < 0);
});

test("mayHoldLost: past the fork of a forced epoch, on whatever branch; not past another's", () => {
  const begun = (id: number, parent: number | null, forkedAt: bigint, isForced?: true): Timeline => ({
    id,
    parent,
    forkedAt: toLsn(forkedAt),
    epoch: id,
    ...(isForced && { isForced }),
  });
  const history = [begun(1, null, 0n), begun(2, 1, 100n), begun(3, 1, 50n, true), begun(4, 3, 200n), begun(5, 2, 150n)];
  const holds = (timeline: number, lsn: bigint | undefined, tip: number): boolean =>
    mayHoldLost(history, { timeline, lsn: lsn === undefined ? undefined : toLsn(lsn) }, tip);
  assert.equal(holds(1, 51n, 3), true);
  assert.equal(holds(1, 50n, 3), false);
  assert.equal(holds(1, undefined, 3), true);
  assert.equal(holds(1, 60n, 4), true, "also when others followed the forced one");
  assert.equal(holds(2, 120n, 3), true, "a branch that the forced one knew nothing of");
  assert.equal(holds(5, 170n, 4), true);
  assert.equal(holds(3, 300n, 4), false, "what it has past an ordinary fork was acknowledged by nobody");
  assert.equal(holds(1, 120n, 2), false);
  assert.equal(holds(1, undefined, 2), false);
  assert.equal(holds(4, 300n, 4), false);
});

test("canFollow: up to the fork, and not past it", () => {
  fc.assert(
    fc.property(histories, fc.nat(4000), (history, bytes) => {
      const tip = history.at(-1)!;
      if (tip.parent === null) return;
      const lsn = toLsn(BigInt(bytes));
      assert.equal(canFollow(history, { timeline: tip.parent, lsn }, tip.id), lsn <= tip.forkedAt);
      assert.equal(canFollow(history, { timeline: tip.id, lsn }, tip.parent), false);
      assert.equal(forkPoint(history, tip.parent, tip.id), tip.forkedAt);
    }),
  );
});

test("parseHistoryFile: rows as Postgres writes them", () => {
  const text = "1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t1/A0000000\tbefore 2026\n";
  assert.deepEqual(parseHistoryFile(text), [
    { parent: 1, forkedAt: toLsn(0x3000148n) },
    { parent: 2, forkedAt: toLsn(0x1a0000000n) },
  ]);
});
