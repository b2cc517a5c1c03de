/** Placement: the shapes that people have, and what holds for every installation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostRecord } from "../domain/host.ts";
import { placeMembers, type PlacementHost, type PlacementWish } from "./placement.ts";

function record(name: string, change: Partial<HostRecord> = {}): HostRecord {
  return {
    name,
    address: "10.0.0.1",
    basePort: 7400,
    region: "eu",
    zone: "a",
    labels: {},
    version: "1",
    state: "active",
    runsStore: false,
    engines: { embedded: [], system: [15] },
    keyFingerprint: "",
    signs: false,
    joinedAt: 0,
    ...change,
  };
}

function host(name: string, change: Partial<HostRecord> = {}, more: Partial<PlacementHost> = {}): PlacementHost {
  return { record: record(name, change), isHeard: true, ownMembers: 0, members: 0, ...more };
}

const wish: PlacementWish = { count: 3, engine: "system", major: 15 };

function names(hosts: readonly PlacementHost[], change: Partial<PlacementWish> = {}): readonly string[] | undefined {
  return placeMembers(hosts, { ...wish, ...change }).hosts?.map(({ name }) => name);
}

test("three zones of two hosts: one member in each zone, the first near", () => {
  const hosts = ["1", "2", "3", "4", "5", "6"].map((id, at) => host(`h${id}`, { zone: "abc"[at % 3] ?? "" }));
  assert.deepEqual(names(hosts, { nearHost: "h5" }), ["h5", "h1", "h3"]);
});

test("two zones: never two members on a host while another is free, though its zone is fuller", () => {
  const hosts = [host("h1", { zone: "a" }), host("h2", { zone: "b" }), host("h3", { zone: "b" })];
  assert.deepEqual(names(hosts), ["h1", "h2", "h3"]);
});

test("a cluster of two grows: away from the hosts and the zones that it has", () => {
  const hosts = [
    host("h1", { zone: "a" }, { ownMembers: 1, members: 1 }),
    host("h2", { zone: "b" }, { ownMembers: 1, members: 1 }),
    host("h3", { zone: "a" }),
    host("h4", { zone: "c" }, { members: 5 }),
  ];
  assert.deepEqual(names(hosts, { count: 1 }), ["h4"]);
});

test("among equals the host with the fewest members", () => {
  assert.deepEqual(names([host("h1", {}, { members: 2 }), host("h2")], { count: 1 }), ["h2"]);
});

test("fewer hosts than members: the members share, and it says where", () => {
  const placement = placeMembers([host("h1"), host("h2")], wish);
  assert.deepEqual(
    placement.hosts?.map(({ name }) => name),
    ["h1", "h2", "h1"],
  );
  assert.deepEqual(placement.shared, ["h1"]);
});

test("every host that cannot is rejected with its reason", () => {
  const hosts = [
    host("far", { region: "us" }),
    host("zone", { zone: "b" }),
    host("draining", { state: "draining" }),
    host("silent", {}, { isHeard: false }),
    host("bare", { engines: { embedded: [], system: [14] } }),
    host("lost"),
  ];
  const placement = placeMembers(hosts, { ...wish, region: "eu", zone: "a", exceptHosts: ["lost"] });
  assert.equal(placement.hosts, undefined);
  assert.deepEqual(
    placement.verdicts.map(({ rejection }) => rejection),
    ["other-region", "other-zone", "draining", "silent", "no-engine", "excluded"],
  );
});

test("a host that was named, and no other", () => {
  assert.deepEqual(names([host("h1"), host("h2")], { count: 1, host: "h2" }), ["h2"]);
  assert.equal(names([host("h1"), host("h2", { state: "draining" })], { count: 1, host: "h2" }), undefined);
});

/** mulberry32, so that a failure can be run again */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

test("whatever the installation: only hosts that can, as many as asked for, apart as far as they go", () => {
  for (let seed = 1; seed <= 2000; seed += 1) {
    const next = chance(seed);
    const hosts = Array.from({ length: 1 + Math.floor(next() * 8) }, (_, at) =>
      host(
        `h${at}`,
        {
          region: next() < 0.7 ? "eu" : "us",
          zone: "abc"[Math.floor(next() * 3)] ?? "a",
          state: next() < 0.9 ? "active" : "draining",
          engines: { embedded: [], system: next() < 0.9 ? [15] : [14] },
        },
        { isHeard: next() < 0.9, ownMembers: next() < 0.2 ? 1 : 0, members: Math.floor(next() * 4) },
      ),
    );
    const count = 1 + Math.floor(next() * 5);
    const region = next() < 0.5 ? "eu" : undefined;
    const placement = placeMembers(hosts, { ...wish, count, region });
    const fit = hosts.filter((_, at) => placement.verdicts[at]?.rejection === undefined);
    if (!placement.hosts) {
      assert.equal(fit.length, 0, `seed ${seed}`);
      continue;
    }
    assert.equal(placement.hosts.length, count, `seed ${seed}`);
    const on = ({ record: { name }, ownMembers }: PlacementHost): number =>
      ownMembers + (placement.hosts ?? []).filter((chosen) => chosen.name === name).length;
    for (const chosen of placement.hosts) {
      assert.ok(
        fit.some(({ record: { name } }) => name === chosen.name),
        `seed ${seed}: ${chosen.name} is not fit`,
      );
      assert.ok(region === undefined || chosen.region === region, `seed ${seed}`);
    }
    const isFree = fit.some((candidate) => on(candidate) === 0);
    const shares = fit.some((candidate) => on(candidate) > 1 && on(candidate) > candidate.ownMembers);
    assert.ok(!isFree || !shares, `seed ${seed}: two on a host while another is free`);
    assert.equal(placement.shared.length > 0, shares, `seed ${seed}`);
    const free = fit.filter(({ ownMembers }) => ownMembers === 0);
    const zones = new Set(free.map(({ record: of }) => `${of.region}/${of.zone}`));
    const used = new Set(placement.hosts.map((of) => `${of.region}/${of.zone}`));
    const taken = hosts.some(({ ownMembers }) => ownMembers > 0);
    if (!taken) assert.ok(used.size >= Math.min(zones.size, count), `seed ${seed}: not over all zones`);
  }
});
