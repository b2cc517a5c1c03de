/** The checker must reject what is wrong: a checker that accepts everything proves nothing. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { assertKept, checkHistory, type History, type Write } from "./history.ts";

const one = { instance: "one", timeline: 1 };
const two = { instance: "two", timeline: 2 };

/** `acks("a", one, 10, 20)`: sent at 10, acknowledged at 20 */
function acks(id: string, server: Write["server"], sentAt: number, endedAt: number): Write {
  return { id, sentAt, endedAt, outcome: "acknowledged", server, error: undefined };
}
function fails(id: string, outcome: "refused" | "unknown", sentAt: number, endedAt: number): Write {
  return { id, sentAt, endedAt, outcome, server: undefined, error: "no" };
}

const failover: History = [
  acks("a", one, 0, 10),
  acks("b", one, 10, 20),
  fails("c", "unknown", 20, 300),
  fails("d", "refused", 21, 30),
  acks("e", two, 310, 320),
  acks("f", two, 320, 330),
];

function rejects(history: History, rows: readonly string[], said: RegExp): void {
  assert.throws(() => assertKept(checkHistory(history, rows)), said);
}

describe("history checker", () => {
  test("accepts a failover in which the write without an answer was not committed", () => {
    const verdict = checkHistory(failover, ["a", "b", "e", "f"]);
    assertKept(verdict);
    assert.deepEqual(verdict.gap, { from: 20, to: 320, ms: 300 });
    assert.deepEqual([verdict.acknowledged, verdict.refused, verdict.unknown, verdict.unknownCommitted], [4, 1, 1, 0]);
  });

  test("accepts one in which it was", () => {
    const verdict = checkHistory(failover, ["f", "c", "b", "a", "e"]);
    assertKept(verdict);
    assert.equal(verdict.unknownCommitted, 1);
  });

  test("rejects a lost acknowledged write", () =>
    rejects(failover, ["a", "e", "f"], /acknowledged writes are lost: b/));
  test("rejects a write that is there twice", () => rejects(failover, ["a", "b", "b", "e", "f"], /there twice: b/));
  test("rejects a refused write that is there", () =>
    rejects(failover, ["a", "b", "d", "e", "f"], /refused writes are there: d/));
  test("rejects a row that nobody wrote", () => rejects(failover, ["a", "b", "e", "f", "z"], /nobody wrote: z/));
  test("rejects a history that proves nothing", () => {
    rejects([], [], /proves nothing/);
    rejects([fails("a", "unknown", 0, 1)], ["a"], /proves nothing/);
  });

  test("rejects a former primary that acknowledges after the new one did", () => {
    const history = [...failover, acks("g", one, 321, 325)];
    rejects(
      history,
      history.map((w) => w.id).filter((id) => id !== "d"),
      /older timeline acknowledged later.*g by one/,
    );
  });

  test("rejects two primaries at once, also on the same timeline", () => {
    const other = { instance: "two", timeline: 1 };
    const history = [acks("a", one, 0, 10), acks("b", other, 12, 18), acks("c", one, 20, 30)];
    rejects(history, ["a", "b", "c"], /two servers acknowledged at once: c by one/);
  });

  test("accepts what could have been one after the other: a late answer from the old primary", () => {
    const history = [acks("a", one, 0, 10), acks("late", one, 11, 400), acks("b", two, 310, 320)];
    assertKept(checkHistory(history, ["a", "late", "b"]));
  });

  test("accepts a primary that was restarted in place and a switch back to the first member", () => {
    const again = { instance: "one, started again", timeline: 3 };
    const history = [acks("a", one, 0, 10), acks("b", two, 20, 30), acks("c", again, 40, 50)];
    assertKept(checkHistory(history, ["a", "b", "c"]));
  });

  test("a gap counts to the end of the writing, so that a cluster that never came back shows it", () => {
    const history = [acks("a", one, 0, 10), fails("b", "unknown", 10, 5000)];
    assert.equal(checkHistory(history, ["a"]).gap?.ms, 4990);
  });

  test("finds every single loss in any history", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(), (count, which) => {
        const history = Array.from({ length: count }, (_, n) => acks(`w${n}`, one, n * 10, n * 10 + 9));
        const lost = which % count;
        const verdict = checkHistory(
          history,
          history.map((write) => write.id).filter((_, n) => n !== lost),
        );
        assert.deepEqual(verdict.lost, [`w${lost}`]);
      }),
    );
  });

  test("finds one write of another server in the middle of any server's reign", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), (count, which) => {
        const reign = Array.from({ length: count }, (_, n) => acks(`w${n}`, one, n * 10, n * 10 + 4));
        const at = (which % (count - 1)) * 10 + 5;
        const history = [...reign, acks("intruder", { instance: "two", timeline: 1 }, at, at + 4)];
        assert.equal(
          checkHistory(
            history,
            history.map((w) => w.id),
          ).overlaps.length,
          1,
        );
      }),
    );
  });
});
