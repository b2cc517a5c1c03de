/** Names of files of the log, and which of them a line of descent reads, against what Postgres itself says of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLsn } from "./lsn.ts";
import {
  gapAt,
  historyFileName,
  isOnLine,
  isWalName,
  parseHistoryName,
  parseSegmentName,
  reachOf,
  segmentFileName,
  segmentsBetween,
  timelineAt,
  type WalLine,
} from "./wal-file.ts";

const bytes = 16 * 2 ** 20;
// As pg_walfile_name('FF/FF000028') and its neighbour say.
const last = "0000000A000000FF000000FF";
const next = "0000000A0000010000000000";

test("a name tells its timeline and place, and back; the second word counts on where the third one ends", () => {
  const { segment = 0, timeline } = parseSegmentName(last, bytes) ?? {};
  assert.equal(timeline, 10);
  assert.equal(segmentFileName(10, segment, bytes), last);
  assert.equal(segmentFileName(10, segment + 1, bytes), next);
  assert.equal(parseSegmentName(`${next}.partial`, bytes)?.isPartial, true);
  assert.equal(parseSegmentName("00000002.history", bytes), undefined);
  assert.equal(parseHistoryName(historyFileName(10)), 10);
  for (const name of ["", "..", "../x", `${last}/`, `${last}.part`, last.toLowerCase(), ".x"])
    assert.equal(isWalName(name), false, name);
  for (const name of [last, `${last}.partial`, "00000002.history"]) assert.equal(isWalName(name), true, name);
});

/** Timeline 2 left 1 within segment 3; 3 left 2 at the very beginning of segment 5. */
const line: WalLine = {
  before: [
    { parent: 1, forkedAt: parseLsn("0/3000100") },
    { parent: 2, forkedAt: parseLsn("0/5000000") },
  ],
  timeline: 3,
};

test("a segment in which a timeline begins is read on that timeline", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((segment) => timelineAt(line, segment, bytes)),
    [1, 1, 2, 2, 3, 3],
  );
  assert.deepEqual(segmentsBetween(line, parseLsn("0/2FFFFFF"), parseLsn("0/5000001"), bytes), [
    "000000010000000000000002",
    "000000020000000000000003",
    "000000020000000000000004",
    "000000030000000000000005",
  ]);
});

test("a log is read as far as no file of the line is missing, whatever the left branches have", () => {
  const there = new Set(["000000010000000000000002", "000000010000000000000003", "000000020000000000000004"]);
  assert.equal(
    reachOf(line, parseLsn("0/2000028"), (name) => there.has(name), bytes),
    parseLsn("0/3000000"),
  );
  there.add("000000020000000000000003");
  assert.equal(
    reachOf(line, parseLsn("0/2000028"), (name) => there.has(name), bytes),
    parseLsn("0/5000000"),
  );
});

test("a file of the line that is missing before others is a gap; one that only the left branch has behind it is none", () => {
  const reached = parseLsn("0/3000000");
  const missing = (...names: readonly string[]) => gapAt(line, reached, names, bytes);
  assert.equal(missing("000000010000000000000002", "000000020000000000000004"), "000000020000000000000003");
  assert.equal(missing("000000010000000000000002", "000000030000000000000007.gz"), undefined);
  assert.equal(missing("000000010000000000000002", "000000030000000000000007"), "000000020000000000000003");
  assert.equal(missing("000000010000000000000002", "000000010000000000000004", "00000002.history"), undefined);
  assert.equal(missing("000000010000000000000002", "000000020000000000000004.partial"), undefined);
});

test("past the fork a log is on the branch that was left", () => {
  assert.equal(isOnLine(line, { timeline: 1, lsn: parseLsn("0/3000100") }), true);
  assert.equal(isOnLine(line, { timeline: 1, lsn: parseLsn("0/3000101") }), false);
  assert.equal(isOnLine(line, { timeline: 4, lsn: parseLsn("0/1") }), false);
});
