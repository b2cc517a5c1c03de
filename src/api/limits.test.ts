/** How much each caller may ask: a bucket of its own for each token and address, and for strangers by address. */
import assert from "node:assert/strict";
import { test } from "node:test";

import type { Caller } from "./access/caller.ts";
import { FloodBook, RateLimiter, usualLimits } from "./limits.ts";

const token = (by: string, address = "10.0.0.1"): Caller => ({ by, role: "viewer", via: "token", address });
const limits = { ...usualLimits, known: { burst: 3, perSecond: 1 }, stranger: { burst: 2, perSecond: 1 } };

test("a flood with one token holds back that token, from that address, and nobody else", () => {
  const limiter = new RateLimiter(limits, () => 0);
  const let3 = (caller: Caller): readonly boolean[] =>
    [1, 2, 3, 4].map(() => limiter.take(caller, caller.address) === 0);
  assert.deepEqual(let3(token("ci")), [true, true, true, false]);
  for (const other of [token("web"), token("ci", "10.0.0.2"), { ...token("ci"), via: "certificate" } as const])
    assert.deepEqual(let3(other), [true, true, true, false], JSON.stringify(other));
  assert.deepEqual([limiter.take(undefined, "10.0.0.1"), limiter.take(undefined, "10.0.0.1")], [0, 0]);
  assert.ok(limiter.take(undefined, "10.0.0.1") > 0);
  assert.equal(limiter.take(undefined, "10.0.0.9"), 0);
});

test("many tokens that come and go do not grow it without bound, and time lets everybody in again", () => {
  let now = 0;
  const limiter = new RateLimiter(limits, () => now);
  for (let i = 0; i < 30_000; i += 1) assert.equal(limiter.take(token(`t${i}`), "10.0.0.1"), 0);
  for (let i = 0; i < 4; i += 1) limiter.take(token("ci"), "10.0.0.1");
  assert.equal(limiter.take(token("ci"), "10.0.0.1"), 1);
  now += 1000;
  assert.equal(limiter.take(token("ci"), "10.0.0.1"), 0);
});

test("of a flood one entry a minute is written down, for each caller", () => {
  const book = new FloodBook();
  const noted = [0, 10, 59_999, 60_000].map((at) => book.note(token("ci"), at));
  assert.deepEqual(noted, [true, false, false, true]);
  assert.equal(book.note(token("web"), 10), true);
});
