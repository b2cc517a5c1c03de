/** Restore points that are made at the same time. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { keepPoint, pointsHere } from "./points-file.ts";

test("of many at once none is lost", async () => {
  const home = await mkdtemp(join(tmpdir(), "matriarch-points-"));
  try {
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    const point = (name: string) => ({ name, at: 1, by: "ada", lsn: "0/1", timeline: 1, systemIdentifier: "7" });
    await Promise.all(names.map((name) => keepPoint({ home }, "shop", point(name))));
    const kept = (await pointsHere({ home }, "shop")).map(({ name }) => name);
    assert.deepEqual(kept, names);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
