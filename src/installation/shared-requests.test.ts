/** Requests with a key that several hosts know, over one store. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { MemoryStore } from "../drivers/store/memory.ts";
import { SharedRequests } from "./shared-requests.ts";

let store: MemoryStore;
let now = 0;
const said: unknown[] = [];
const log = { warn: (message: string, fields: unknown) => void said.push([message, fields]) };
const on = (host: string) => new SharedRequests({ store, host, wallNow: () => now, log });
const keys = async (): Promise<number> => (await store.read("request/")).entries.length;

beforeEach(() => {
  store = new MemoryStore();
  now = 1_000_000;
  said.length = 0;
});

test("what one host has done the other answers, also when the first is gone", async () => {
  const a = on("a");
  assert.equal(await a.begin("k", "f"), undefined);
  await a.finish("k", Buffer.from("sealed"));
  const found = await on("b").begin("k", "f");
  assert.deepEqual([found?.fingerprint, Buffer.from(found?.sealed ?? []).toString()], ["f", "sealed"]);
});

test("two hosts at once: one does it, and the other waits for its end", async () => {
  const [a, b] = [on("a"), on("b")];
  const begun = await Promise.all([a.begin("k", "f"), Promise.resolve()]);
  assert.deepEqual(begun[0], undefined);
  const waiting = b.begin("k", "f");
  await a.finish("k", Buffer.from("done"));
  assert.equal(Buffer.from((await waiting)?.sealed ?? []).toString(), "done");
});

test("one that was refused there is done here", async () => {
  const [a, b] = [on("a"), on("b")];
  await a.begin("k", "f");
  const waiting = b.begin("k", "f");
  await a.forget("k");
  assert.equal(await waiting, undefined);
});

test("begun by this host's agent before, or never ended by another: it is known as begun", async () => {
  await on("a").begin("k", "f");
  assert.deepEqual(await on("a").begin("k", "f"), { fingerprint: "f", sealed: undefined });
  const waiting = on("b").begin("k", "f");
  now += 11_000;
  assert.deepEqual(await waiting, { fingerprint: "f", sealed: undefined });
});

test("after a day it is forgotten, whoever's it was; and each host keeps no more than its share", async () => {
  const a = on("a");
  for (let i = 0; i < 2100; i += 1) await a.begin(`k${i}`, "f");
  assert.equal(await keys(), 2000);
  assert.equal(await a.begin("k0", "f"), undefined);
  // The next agent knows which are its own.
  const next = on("a");
  await next.sweep();
  await next.begin("new", "f");
  assert.equal(await keys(), 2000);
  now += 25 * 3_600_000;
  assert.equal(await on("b").begin("new", "g"), undefined);
  await on("b").sweep();
  assert.equal(await keys(), 1);
  assert.deepEqual(said, []);
});
