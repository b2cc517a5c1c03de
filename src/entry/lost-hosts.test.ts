import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, mock, test } from "node:test";
import type { HostRecord } from "../domain/host.ts";
import { openEventFile } from "../events/event-file.ts";
import type { Parts } from "../installation/parts.ts";
import { silentMs } from "../installation/placement/hosts.ts";
import { watchHosts } from "./lost-hosts.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-lost-"));
after(() => rmSync(directory, { recursive: true }));

const startedAt = 1_000_000;

function host(name: string, joinedAt: number): HostRecord {
  const place = { address: "127.0.0.1", basePort: 7400, region: "local", zone: name, labels: {} };
  const store = { runsStore: true, signs: true, keyFingerprint: "" };
  return { name, ...place, ...store, version: "1", state: "active", engines: { embedded: [], system: [] }, joinedAt };
}

test("a host that joins in the place of a lost one is not taken for silent for as long as that one was", () => {
  mock.timers.enable({ apis: ["setInterval", "Date"], now: startedAt });
  const clock = { now: () => Date.now() - startedAt, wallNow: () => Date.now() };
  const heard = new Map<string, number>();
  let all = [host("a", 0), host("b", 0)];
  const hosts = {
    self: all[0],
    all: () => all,
    isHeard: (name: string) => name === "a" || clock.now() - (heard.get(name) ?? -Infinity) < 1500,
    heardAt: (name: string) => heard.get(name),
    call: async () => undefined,
  } satisfies Parts["hosts"];
  const file = openEventFile(join(directory, "events.sqlite"), { host: "a", now: () => Date.now() });
  const watch = watchHosts({ self: "a", hosts, clock, events: file.events, cut: async () => undefined });
  const told = () => file.events.list({ limit: 100 }).map(({ type }) => type);
  const pass = (ms: number, isHeard: boolean) => {
    for (let passed = 0; passed < ms; passed += 500) {
      if (isHeard) heard.set("b", clock.now());
      mock.timers.tick(500);
    }
  };
  pass(60_000, true);
  assert.deepEqual(told(), []);
  pass(60_000, false);
  assert.deepEqual(told(), ["host.lost"]);
  all = [host("a", 0)];
  heard.clear();
  pass(3_600_000, false);
  all = [host("a", 0), host("b", Date.now())];
  assert.equal(silentMs({ hosts, clock, startedAt }, "b"), 0);
  pass(2000, false);
  assert.equal(silentMs({ hosts, clock, startedAt }, "b"), 2000);
  pass(10_000, true);
  assert.deepEqual(told(), ["host.lost"], "neither lost nor back");
  pass(10_000, false);
  assert.equal(told().filter((type) => type === "host.lost").length, 2);
  watch.close();
  file.close();
  mock.timers.reset();
});
