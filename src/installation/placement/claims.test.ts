/** Room on other hosts: one version of Postgres within a cluster, the members that are there included. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostRecord } from "../../domain/host.ts";
import type { Parts } from "../parts.ts";
import { claimPlaces } from "./claims.ts";
import type { SeveralHosts } from "./hosts.ts";

const host = (name: string): HostRecord => ({
  name,
  address: "10.0.0.1",
  basePort: 7400,
  region: "local",
  zone: name,
  labels: {},
  version: "1",
  state: "active",
  runsStore: false,
  engines: { embedded: [], system: [15] },
  keyFingerprint: "",
  signs: false,
  joinedAt: 0,
});

/** Hosts whose Postgres is of these versions; this one is none of them. @param silent does not answer */
function world(versions: Readonly<Record<string, string>>, silent = "") {
  const asked: string[] = [];
  const hosts: SeveralHosts = {
    self: host("self"),
    all: () => Object.keys(versions).map(host),
    isHeard: (name) => name !== silent,
    heardAt: () => 0,
    call: async (name) => {
      asked.push(name);
      return { ports: [16_000], clusters_directory: "/clusters", engine_version: versions[name] ?? null };
    },
  };
  const claim = (engine: "system" | "embedded" = "system") =>
    claimPlaces({} as Parts, hosts, {
      cluster: "shop",
      members: ["shop-4"],
      where: [host("d")],
      engine: { engine, major: 15 },
      beside: ["b", "c"],
    });
  return { asked, claim };
}

test("a new member: of the version that the members beside it have, and of no other", async () => {
  const same = world({ b: "15.14", c: "15.14", d: "15.14" });
  assert.deepEqual(
    (await same.claim()).map(({ dataDirectory }) => dataDirectory),
    ["/clusters/shop/shop-4/data"],
  );
  await assert.rejects(world({ b: "15.14", c: "15.14", d: "15.13" }).claim(), {
    code: "bad-value",
    detail: '"d" has 15.13, "b" has 15.14, "c" has 15.14.',
    hint: 'On "d": apt-get update && apt-get install postgresql-15',
  });
});

test("a new member: hosts that do not answer are not asked, nor any for the packaged binaries", async () => {
  const lost = world({ b: "15.13", c: "15.14", d: "15.14" }, "b");
  await lost.claim();
  assert.deepEqual(lost.asked, ["d", "c"]);
  const embedded = world({ b: "15.13", c: "15.14", d: "15.14" });
  await embedded.claim("embedded");
  assert.deepEqual(embedded.asked, ["d"]);
});
