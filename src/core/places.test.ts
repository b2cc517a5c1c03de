/** Who takes a free place among the first hosts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostRecord } from "../domain/host.ts";
import { placesFor, queueForPlace } from "./places.ts";

const host = (name: string, has: Partial<HostRecord> = {}): HostRecord => ({
  name,
  address: "10.0.0.1",
  basePort: 7400,
  region: "eu",
  zone: name,
  labels: {},
  version: "1",
  state: "active",
  runsStore: false,
  engines: { embedded: [], system: [] },
  keyFingerprint: "",
  signs: false,
  joinedAt: name.charCodeAt(0),
  ...has,
});
const first = (name: string, has: Partial<HostRecord> = {}): HostRecord =>
  host(name, { runsStore: true, signs: true, ...has });

test("places: the first three hosts have them, and keep them", () => {
  const full = [first("a"), first("b"), first("c")];
  assert.deepEqual(placesFor(host("d"), full, true), { signs: false, runsStore: false });
  assert.deepEqual(placesFor(first("c"), full.slice(0, 2), true), { signs: true, runsStore: true });
  assert.deepEqual(queueForPlace([...full, host("d")], true), []);
});

test("places: one is free once its host is removed; the key alone where the store is the user's", () => {
  const left = [first("a"), first("b")];
  assert.deepEqual(placesFor(host("d"), left, true), { signs: true, runsStore: true });
  assert.deepEqual(placesFor(host("d"), left, false), { signs: true, runsStore: false });
  assert.deepEqual(queueForPlace([...left, host("d")], true), ["d"]);
});

test("places: away from the zones of the others first, then the oldest; not one that is being emptied", () => {
  const left = [first("a"), first("b")];
  const waiting = [host("f"), host("e"), host("c", { zone: "a" }), host("d", { state: "draining" })];
  assert.deepEqual(queueForPlace([...left, ...waiting], true), ["e", "f", "c"]);
});

test("places: a host that has the one and not the other takes what it lacks", () => {
  const hosts = [first("a"), first("b"), host("c", { signs: true })];
  assert.deepEqual(queueForPlace(hosts, true), ["c"]);
  assert.deepEqual(queueForPlace(hosts, false), []);
});
