/** A store that is known to be away is not asked; one that is there is. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { refuseWhileAway } from "./known-away.ts";
import { MemoryStore } from "./memory.ts";

test("while it is away nothing is asked of it, and both say since when", async () => {
  const store = new MemoryStore();
  const seen: { reachable: boolean; awaySince: number | undefined } = { reachable: true, awaySince: undefined };
  const quick = refuseWhileAway(store, seen);
  await quick.commit({ require: [], put: [{ key: "a", value: 1 }] });
  seen.reachable = false;
  seen.awaySince = 0;
  const refused = { code: "store-unavailable", detail: /since 1970-01-01/ };
  await assert.rejects(quick.read("a"), refused);
  await assert.rejects(quick.commit({ require: [], put: [{ key: "b", value: 1 }] }), refused);
  seen.reachable = true;
  assert.deepEqual(
    (await quick.read("")).entries.map(({ key }) => key),
    ["a"],
  );
});
