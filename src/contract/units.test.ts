/** Durations and sizes, both ways. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

test("durations are read with their units, and nothing else is", () => {
  const read = ["90s", "1h30m", "1.5h", "15min", "250ms", "2d"].map(parseDuration);
  assert.deepEqual(read, [90_000, 5_400_000, 5_400_000, 900_000, 250, 172_800_000]);
  for (const text of ["", "10", "h", "1 h", "-1h", "1y", "1h!"]) assert.equal(parseDuration(text), undefined, text);
});

test("durations are written with two units at most", () => {
  const written = [0, 212.4, 1400, 59_400, 61_000, 3_600_000, 3_660_000, 90_000_000].map(formatDuration);
  assert.deepEqual(written, ["0 ms", "212 ms", "1.4 s", "59 s", "1 min 1 s", "1 h", "1 h 1 min", "1 d 1 h"]);
});

test("sizes are in units of 1024, as in Postgres", () => {
  assert.deepEqual(["512MB", "2gb", "1.5 GB", "64kB", "10B"].map(parseSize), [
    2 ** 29,
    2 ** 31,
    1.5 * 2 ** 30,
    65_536,
    10,
  ]);
  for (const text of ["", "12", "MB", "1XB", "-1GB"]) assert.equal(parseSize(text), undefined, text);
  assert.deepEqual([0, 1023, 1536, 36_700_160].map(formatSize), ["0 B", "1023 B", "1.5 kB", "35 MB"]);
});
