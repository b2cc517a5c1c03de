/** The kept history of volumes: what it says of a day, what it forgets, and that damage does not stop anybody. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { growthOf, UsageHistory } from "./history.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

test("growth is what a day brought, of the last week, and unknown before an hour has passed", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-history-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "usage.sqlite");
  const now = 100 * dayMs;
  const history = new UsageHistory(path);
  history.add("shop-1", { at: now - 10 * dayMs, bytes: 5_000_000 });
  history.add("shop-1", { at: now - 2 * dayMs, bytes: 1000 });
  history.add("shop-1", { at: now, bytes: 3000 });
  history.add("shop-2", { at: now - hourMs / 2, bytes: 1 });
  history.add("shop-2", { at: now, bytes: 9 });
  assert.equal(history.growthPerDay("shop-1", now), 1000);
  assert.equal(history.growthPerDay("shop-2", now), undefined);
  assert.equal(history.growthPerDay("shop-3", now), undefined);
  history.close();
  const again = new UsageHistory(path);
  assert.equal(again.growthPerDay("shop-1", now), 1000);
  again.close();
});

test("a volume that shrank has grown by less than nothing", () => {
  assert.equal(
    growthOf([
      { at: 0, bytes: 4000 },
      { at: 2 * dayMs, bytes: 2000 },
    ]),
    -1000,
  );
});

test("a damaged file is begun anew", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-history-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "usage.sqlite");
  await writeFile(path, "x".repeat(4096));
  const history = new UsageHistory(path);
  history.add("shop-1", { at: 1, bytes: 1 });
  history.close();
});
