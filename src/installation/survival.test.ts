/** What explain says that a cluster survives: hosts, zones, regions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf, ruleOf, type ClusterChange } from "../core/testing.ts";
import { survivalOf } from "./survival.ts";

function on(host: string, zone = "local", region = "local") {
  return { host, zone, region };
}

/** The lines that speak of a host, a zone, a region or a machine. */
function told(change: ClusterChange): { survives: string[]; doesNot: string[] } {
  const places = (line: string): boolean => /host|zone|region|machine/.test(line);
  const { survives, doesNot } = survivalOf(clusterOf(change));
  return { survives: survives.filter(places), doesNot: doesNot.filter(places) };
}

test("one host: everything is lost with it", () => {
  const here = on("h1");
  const { survives, doesNot } = told({ records: { a: here, b: here, c: here } });
  assert.deepEqual(survives, []);
  assert.deepEqual(doesNot, ["the loss of this machine or of its disk: all members are on it"]);
});

test("one member: said once, and nothing of standbys that were never wanted", () => {
  const alone = clusterOf({ spec: { members: ["a"] }, rule: ruleOf(0), records: { a: on("h1") } });
  assert.deepEqual(survivalOf(alone).doesNot, ["the loss of its machine, disk or data directory: there is one member"]);
});

test("three hosts in three zones: any one may be lost", () => {
  const { survives, doesNot } = told({ records: { a: on("h1", "z1"), b: on("h2", "z2"), c: on("h3", "z3") } });
  assert.deepEqual(survives, [
    "the loss of any one host: writes go on by themselves",
    "the loss of any one zone: writes go on by themselves",
  ]);
  assert.deepEqual(doesNot, []);
});

test("two zones: the one with the primary and a voter whose vote is needed", () => {
  const { doesNot } = told({ records: { a: on("h1", "z1"), b: on("h2", "z1"), c: on("h3", "z2") } });
  assert.deepEqual(doesNot, ['the loss of zone "local/z1"']);
});

test("one zone that has a name: its loss is told; where nobody named zones, hosts are what there is", () => {
  const together = told({ records: { a: on("h1", "z1"), b: on("h2", "z1"), c: on("h3", "z1") } });
  assert.deepEqual(together.doesNot, ['the loss of zone "z1": all members are in it']);
  assert.deepEqual(told({ records: { a: on("h1"), b: on("h2"), c: on("h3") } }).doesNot, []);
});

test("two hosts: the one with two members is named", () => {
  const { doesNot } = told({ records: { a: on("h1"), b: on("h2"), c: on("h1") } });
  assert.deepEqual(doesNot, ['the loss of host "h1"']);
});

test("no voters: the primary's host is named, others are not", () => {
  const { doesNot } = told({ records: { a: on("h1"), b: on("h2"), c: on("h3") }, rule: ruleOf(0) });
  assert.deepEqual(doesNot, ['the loss of host "h1"']);
});

test("read replicas elsewhere: the primary region is not survived without being asked", () => {
  const { doesNot } = told({
    spec: { members: ["a", "b", "c"], primaryRegion: "eu" },
    records: { a: on("h1", "z1", "eu"), b: on("h2", "z2", "eu"), c: on("h3", "z3", "us") },
    rule: ruleOf(1, "b"),
  });
  assert.match(doesNot[0] ?? "", /region "eu" by itself.*matriarch failover shop --primary-region us/);
});
