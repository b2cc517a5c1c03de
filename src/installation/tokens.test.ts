/** Tokens on a store: what lets in, and for how long. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import type { Store } from "../drivers/store/port.ts";
import { MemoryStore } from "../drivers/store/memory.ts";
import { OpError } from "../errors/op-error.ts";
import { AccessTokens } from "./tokens.ts";

const asked = { by: "ada" };
let store: Store;
let now: number;
let ended: AbortController;
const troubles: unknown[] = [];

beforeEach(() => {
  store = new MemoryStore();
  now = 1_000_000;
  ended = new AbortController();
  troubles.length = 0;
});
afterEach(() => ended.abort());

async function tokensOn(on: Store): Promise<AccessTokens> {
  const tokens = new AccessTokens({ store: on, wallNow: () => now, trouble: (error) => void troubles.push(error) });
  await tokens.start(ended.signal);
  return tokens;
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, "did not come true in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("made on one host, good on another, until it is revoked there", async () => {
  const [here, there] = [await tokensOn(store), await tokensOn(store)];
  const { token, id } = await here.create({ name: "ci", role: "operator" }, asked);
  assert.deepEqual(here.ownerOf(token), { name: "ci", role: "operator" });
  await until(() => there.ownerOf(token) !== undefined);
  await there.revoke(id);
  assert.equal(there.ownerOf(token), undefined);
  await until(() => here.ownerOf(token) === undefined);
});

test("an expired one lets nobody in, and is listed as expired", async () => {
  const tokens = await tokensOn(store);
  const { token } = await tokens.create({ name: "ci", role: "admin", expires_ms: 1000 }, asked);
  now += 999;
  assert.equal(tokens.ownerOf(token)?.role, "admin");
  now += 1;
  assert.equal(tokens.ownerOf(token), undefined);
  assert.deepEqual(
    (await tokens.list()).map(({ name, expired }) => [name, expired]),
    [["ci", true]],
  );
});

test("neither the list nor the store holds the secret", async () => {
  const tokens = await tokensOn(store);
  const { token } = await tokens.create({ name: "ci", role: "viewer" }, asked);
  const secret = token.split("_").slice(2).join("_");
  assert.equal(secret.length, 43);
  assert.ok(!JSON.stringify(await tokens.list()).includes(secret));
  assert.ok(!JSON.stringify(await store.read("")).includes(secret));
});

test("another secret, another id, no form at all: nobody", async () => {
  const tokens = await tokensOn(store);
  const { token } = await tokens.create({ name: "ci", role: "viewer" }, asked);
  const last = token.at(-1) === "A" ? "B" : "A";
  for (const wrong of [
    `${token.slice(0, -1)}${last}`,
    token.slice(0, -1),
    `${token}x`,
    "",
    "mtr_",
    token.toUpperCase(),
  ]) {
    assert.equal(tokens.ownerOf(wrong), undefined, wrong);
  }
  assert.ok(tokens.ownerOf(token));
});

test("what is damaged in the store lets nobody in and keeps nobody out", async () => {
  const tokens = await tokensOn(store);
  const { token } = await tokens.create({ name: "ci", role: "viewer" }, asked);
  await store.commit({ require: [], put: [{ key: "token/ffffffffffff", value: { role: "admin" } }] });
  const later = await tokensOn(store);
  assert.equal(later.ownerOf(token)?.name, "ci");
  assert.equal((await later.list()).length, 1);
});

test("the store is away: those who are known still come in, and a new one is refused", async () => {
  const away = new OpError("store-unavailable", { message: "the store does not answer" });
  let isAway = false;
  const flaky: Store = {
    read: (prefix, signal) => (isAway ? Promise.reject(away) : store.read(prefix, signal)),
    commit: (txn, signal) => (isAway ? Promise.reject(away) : store.commit(txn, signal)),
    watch: (prefix, changed, signal) => store.watch(prefix, changed, signal),
    close: () => store.close(),
  };
  const tokens = await tokensOn(flaky);
  const { token, id } = await tokens.create({ name: "ci", role: "admin" }, asked);
  isAway = true;
  await store.commit({ require: [], put: [{ key: "token/x", value: 1 }] });
  await until(() => troubles.length > 0);
  assert.equal(tokens.ownerOf(token)?.role, "admin");
  await assert.rejects(tokens.create({ name: "new", role: "admin" }, asked), { code: "store-unavailable" });
  await assert.rejects(tokens.revoke(id), { code: "store-unavailable" });
});

test("revoking what does not exist says so", async () => {
  await assert.rejects((await tokensOn(store)).revoke("nothing"), { code: "token-not-found" });
});
