import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLsn } from "./lsn.ts";
import { formatSegmentName, parseSegmentName, walChain } from "./recovery.ts";
import type { TimelineHistory } from "./timeline.ts";

const mib16 = 16 << 20;

test("names of segments: there and back, beyond 4 GiB", () => {
  for (const name of ["000000010000000000000001", "0000000A00000003000000FF"]) {
    const segment = parseSegmentName(name, mib16);
    assert.ok(segment);
    assert.equal(formatSegmentName(segment, mib16), name);
  }
  assert.equal(parseSegmentName("00000001000000010000003F", 64 << 20)?.number, 127n);
  assert.equal(parseSegmentName("00000002.history", mib16), undefined);
});

const history: TimelineHistory = [
  { id: 1, parent: null, forkedAt: parseLsn("0/0"), epoch: 1 },
  { id: 2, parent: 1, forkedAt: parseLsn("0/3000100"), epoch: 2 },
  { id: 3, parent: 1, forkedAt: parseLsn("0/3000200"), epoch: 3 },
];

test("the chain takes the fork's segment from the child, and none of a branch that lost", () => {
  const there = new Set([
    "000000010000000000000002",
    "000000010000000000000003",
    "000000010000000000000004",
    "000000020000000000000003",
    "000000030000000000000003",
  ]);
  const request = { history, from: parseLsn("0/2000028"), segmentBytes: mib16, isThere: (n: string) => there.has(n) };
  assert.deepEqual(walChain({ ...request, tip: 3 }), {
    segments: ["000000010000000000000002", "000000030000000000000003"],
    end: parseLsn("0/4000000"),
    missing: "000000030000000000000004",
  });
  assert.deepEqual(walChain({ ...request, tip: 1 }).segments.length, 3);
  const nothing = walChain({ ...request, tip: 3, from: parseLsn("0/1000028") });
  assert.deepEqual([nothing.segments, nothing.end], [[], parseLsn("0/1000028")]);
});
