/** An etcd is known again after a restart; another one in its place is refused. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startEtcd } from "../../../../tests/fixtures/etcd.ts";
import { noLog } from "../../../log/log.ts";
import { KnownEtcd, readKnownEtcd } from "./known.ts";
import { openEtcdStore } from "./store.ts";

test("known etcd: another one at the same place, after a restart of ours, is not believed", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "known-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, "known.json");
  const [ours, other] = [await startEtcd(t), await startEtcd(t)];
  const open = (endpoints: readonly string[]) => {
    const known = readKnownEtcd(file);
    const store = openEtcdStore({ endpoints, prefix: "/our/", tls: undefined, ...(known && { known }), log: noLog });
    const kept = new KnownEtcd(file, () => store.identity);
    return { store, close: async () => (await kept.close(), store.close()) };
  };

  const first = open(ours.endpoints);
  await first.store.commit({ require: [], put: [{ key: "a", value: 1 }] });
  await first.close();
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  const again = open(ours.endpoints);
  assert.equal((await again.store.read("")).entries.length, 1);
  await again.close();

  const wrong = open(other.endpoints);
  await assert.rejects(wrong.store.read(""), { code: "store-replaced" });
  await wrong.close();
  // What was found there has not become what is known.
  const right = open(ours.endpoints);
  assert.equal((await right.store.read("")).entries.length, 1);
  await right.close();

  await writeFile(file, "{");
  assert.equal(readKnownEtcd(file), undefined);
});
