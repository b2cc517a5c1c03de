import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesBetween, compareLsn, formatLsn, parseLsn, toLsn } from "./lsn.ts";

const lsns = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(toLsn);

test("lsn: what is formatted parses back", () => {
  fc.assert(fc.property(lsns, (lsn) => assert.equal(parseLsn(formatLsn(lsn)), lsn)));
  assert.equal(formatLsn(parseLsn("16/b374d848")), "16/B374D848");
});

test("lsn: other text is refused", () => {
  for (const text of ["", "0", "1/2/3", "x/1", "123456789/0", "-1/0"]) assert.throws(() => parseLsn(text), RangeError);
});

test("lsn: order and distance agree", () => {
  fc.assert(
    fc.property(lsns, lsns, (a, b) => {
      assert.equal(compareLsn(a, b) < 0, bytesBetween(a, b) > 0);
      assert.equal(Math.min(bytesBetween(a, b), bytesBetween(b, a)), 0);
    }),
  );
});
