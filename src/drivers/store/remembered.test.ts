import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { OpError } from "../../errors/op-error.ts";
import { MemoryStore } from "./memory.ts";
import type { Store } from "./port.ts";
import { rememberStore } from "./remembered.ts";

test("a start without the store goes on from what was read last; what has been read since is not taken from the file", async () =>
  inDirectory(async (directory) => {
    const file = join(directory, "remembered.json");
    const real = new MemoryStore();
    const before = rememberStore(real, file);
    await real.commit({ require: [], put: [{ key: "cluster/shop/spec", value: { a: 1 } }] });
    await real.commit({ require: [], put: [{ key: "token/x", value: "secret" }] });
    const seen = await before.read("cluster/");
    await before.read("token/");
    await before.close();
    assert.equal((await stat(file)).mode & 0o777, 0o600);

    const after = rememberStore(away, file);
    assert.deepEqual(await after.read("cluster/shop/"), { ...seen, revision: seen.revision });
    assert.deepEqual((await after.read("host/")).entries, []);
    await assert.rejects(after.read("join-token/"), { code: "store-unavailable" });
  }));

test("a store that is away is asked once, and again after a while, not for every record", async (t) =>
  inDirectory(async (directory) => {
    const real = new MemoryStore();
    const file = join(directory, "remembered.json");
    await real.commit({ require: [], put: [{ key: "cluster/shop/spec", value: 1 }] });
    const before = rememberStore(real, file);
    await before.read("cluster/");
    await before.close();
    let asked = 0;
    let now = 1000;
    t.mock.method(performance, "now", () => now);
    const counted: Store = { ...away, read: (prefix) => ((asked += 1), away.read(prefix)) };
    const after = rememberStore(counted, file);
    for (const prefix of ["host/", "cluster/", "cluster/shop/", "token/"]) await after.read(prefix);
    assert.equal(asked, 1);
    await assert.rejects(after.read("join-token/"), { code: "store-unavailable" });
    now += 10_000;
    await after.read("cluster/");
    assert.equal(asked, 3);
  }));

test("a start with another etcd in the store's place goes on from what was read last, too", async () =>
  inDirectory(async (directory) => {
    const file = join(directory, "remembered.json");
    const real = new MemoryStore();
    const before = rememberStore(real, file);
    await real.commit({ require: [], put: [{ key: "cluster/shop/spec", value: { a: 1 } }] });
    const seen = await before.read("cluster/");
    await before.close();
    const replaced = () => Promise.reject(new OpError("store-replaced", { message: "another" }));
    assert.deepEqual(await rememberStore({ ...away, read: replaced }, file).read("cluster/"), seen);
  }));

test("once the store was read, its absence is told", async () =>
  inDirectory(async (directory) => {
    const real = new MemoryStore();
    let gone = false;
    const store = rememberStore({ ...away, read: (prefix) => (gone ? away : real).read(prefix) }, join(directory, "r"));
    await real.commit({ require: [], put: [{ key: "cluster/shop/spec", value: 1 }] });
    await store.read("cluster/");
    gone = true;
    await assert.rejects(store.read("cluster/"), { code: "store-unavailable" });
  }));

test("a damaged file is no file", async () =>
  inDirectory(async (directory) => {
    const file = join(directory, "r");
    await writeFile(file, "{ not json");
    await assert.rejects(rememberStore(away, file).read("cluster/"), { code: "store-unavailable" });
  }));

const away: Store = {
  read: async () => {
    throw new OpError("store-unavailable", { message: "away" });
  },
  commit: async () => {
    throw new OpError("store-unavailable", { message: "away" });
  },
  watch: () => undefined,
  close: async () => undefined,
};

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "remembered-"));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
