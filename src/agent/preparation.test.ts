/** Postgres for the first member of a cluster on a host that had none of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../core/testing.ts";
import { Preparation } from "./preparation.ts";

test("preparation: begun once, however often it is asked for; then whoever waits is told", async () => {
  const calls: string[] = [];
  let fetched: () => void = () => undefined;
  const engines = {
    has: () => calls.includes("fetched"),
    prepare: () => {
      calls.push("prepare");
      return new Promise<void>((resolve) => (fetched = resolve));
    },
    missing: () => void calls.push("missing"),
  };
  const ready = new Promise<void>((resolve) => {
    const preparation = new Preparation(engines, () => resolve(), new AbortController().signal);
    assert.equal(preparation.isDone(clusterOf({}), []), false);
    assert.equal(preparation.isDone(clusterOf({}), []), false);
  });
  calls.push("fetched");
  fetched();
  await ready;
  assert.deepEqual(calls, ["prepare", "fetched"]);
});

test("preparation: what cannot be had is told, and nothing is begun for an agent that ends", async () => {
  const ended = new AbortController();
  const told = Promise.withResolvers<unknown>();
  const engines = {
    has: () => false,
    prepare: () => Promise.reject(new Error("no such package")),
    missing: (cluster: string, error: unknown) => told.resolve([cluster, String(error)]),
  };
  const never = () => assert.fail("nobody is to be told that it is ready");
  const preparation = new Preparation(engines, never, ended.signal);
  assert.equal(preparation.isDone(clusterOf({}), []), false);
  assert.deepEqual(await told.promise, ["shop", "Error: no such package"]);
  ended.abort();
  assert.equal(preparation.isDone(clusterOf({}), []), false);
});
