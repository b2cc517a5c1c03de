/** As pgBackRest 2.45 lists a path: directories, histories and segments, each with its time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newestSegmentAt } from "./listing.ts";

const hash = "0123456789".repeat(4);

test("the newest segment counts, and nothing else that lies there", () => {
  const listed = {
    ".": { type: "path" },
    "00000002.history": { type: "file", size: 41, time: 1795240900 },
    "0000000100000000": { type: "path" },
    [`0000000100000000/000000010000000000000002-${hash}.gz`]: { type: "file", size: 9, time: 1795240800 },
    [`0000000100000000/000000010000000000000001-${hash}.gz`]: { type: "file", size: 9, time: 1795240700 },
  };
  assert.equal(newestSegmentAt(JSON.stringify(listed)), 1_795_240_800_000);
  assert.equal(newestSegmentAt('{".":{"type":"path"}}'), undefined);
});
