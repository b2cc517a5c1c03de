/** The judge of reads must find what is stale, and only that. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { findStaleReads, type Beat, type Read } from "./reads.ts";

const beats: readonly Beat[] = [1, 2, 3, 4].map((value) => ({ value, endedAt: value * 10 }));
const read = (startedAt: number, value: number, via = "a"): Read => ({ startedAt, endedAt: startedAt + 2, value, via });

describe("stale reads", () => {
  test("a read that knows all that was acknowledged before it began is none", () => {
    assert.deepEqual(findStaleReads(beats, [read(25, 2), read(40, 3), read(41, 4), read(5, 0)]), []);
  });
  test("a write acknowledged while the read ran may be missed, and may be seen before its acknowledgement", () => {
    assert.deepEqual(findStaleReads(beats, [read(29, 2), read(29, 3)]), []);
  });
  test("a read of an old state is stale since the first write that it missed", () => {
    const [stale] = findStaleReads(beats, [read(45, 1)]);
    assert.equal(stale?.lateMs, 25);
    assert.equal(stale?.missed.value, 2);
  });
  test("the worst of each endpoint is told, the worst first", () => {
    const found = findStaleReads(beats, [read(45, 3, "a"), read(45, 1, "b"), read(32, 2, "b")]);
    assert.deepEqual(
      found.map(({ read: { via }, lateMs }) => [via, lateMs]),
      [
        ["b", 25],
        ["a", 5],
      ],
    );
  });
  test("values that were never acknowledged are skipped", () => {
    assert.deepEqual(
      findStaleReads(
        [
          { value: 1, endedAt: 10 },
          { value: 5, endedAt: 20 },
        ],
        [read(30, 5), read(15, 1)],
      ),
      [],
    );
  });
  test("any read of the newest acknowledged value passes, any of an older one does not", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), (count, behind) => {
        const many = Array.from({ length: count }, (_, n) => ({ value: n + 1, endedAt: n * 7 }));
        const at = count * 7;
        assert.equal(findStaleReads(many, [read(at, count)]).length, 0);
        assert.equal(findStaleReads(many, [read(at, Math.max(0, count - behind))]).length, 1);
      }),
    );
  });
});
