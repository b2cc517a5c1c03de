/** Connections as they are printed: one host, all hosts, odd names. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { multiHostUri, withAuthority } from "../contract/connection-uri.ts";
import type { HostRecord } from "../domain/host.ts";
import { clusterOf } from "../core/testing.ts";
import { connectionTo } from "./connection.ts";
import type { Hosts } from "./parts.ts";

const spec = clusterOf({ spec: { ports: { primary: 5432, read: 5433 } } }).spec.value;

function hostsAt(...addresses: readonly string[]): Hosts {
  const records = addresses.map((address, at) => hostAt(`h${at + 1}`, address));
  return { self: records[1], all: () => records, isHeard: () => true, heardAt: () => 0, call: async () => undefined };
}

function hostAt(name: string, address: string): HostRecord {
  return {
    name,
    address,
    basePort: 7400,
    region: "local",
    zone: "z",
    labels: {},
    version: "1",
    state: "active",
    runsStore: true,
    engines: { embedded: [18], system: [] },
    keyFingerprint: "0".repeat(64),
    signs: true,
    joinedAt: 0,
  };
}

const alone: Hosts = { ...hostsAt(), self: undefined };

test("one machine: by the name in the certificate", () => {
  const connection = connectionTo({ hosts: alone, caFile: "/home of it/ca.crt" }, spec, { role: "primary" });
  assert.equal(
    connection.uri,
    "postgresql://postgres@localhost:5432/postgres?sslmode=verify-full&sslrootcert=/home%20of%20it/ca.crt",
  );
  assert.deepEqual(connection.hosts, [{ host: "localhost", port: 5432 }]);
});

test("several hosts: that which was asked first, and all of them for drivers that know it", () => {
  const hosts = hostsAt("10.0.0.1", "10.0.0.2", "fd00::3");
  const connection = connectionTo({ hosts, caFile: "/ca.crt" }, spec, {
    role: "primary",
    user: "a b",
    password: "p@:/",
  });
  assert.match(connection.uri, /^postgresql:\/\/a%20b:p%40%3A%2F@10\.0\.0\.2:5432\/postgres\?sslmode/);
  assert.equal(
    multiHostUri(connection, "primary"),
    "postgresql://a%20b:p%40%3A%2F@10.0.0.2:5432,10.0.0.1:5432,[fd00::3]:5432/postgres?target_session_attrs=read-write&sslmode=verify-full&sslrootcert=/ca.crt",
  );
  assert.ok(!multiHostUri(connection, "read").includes("target_session_attrs"));
});

test("on another machine: with that one's file of the authority", () => {
  const there = connectionTo({ hosts: hostsAt("10.0.0.1", "10.0.0.2"), caFile: "/there.crt" }, spec, { role: "read" });
  const here = withAuthority(there, "/here.crt");
  assert.equal(here.uri, "postgresql://postgres@10.0.0.2:5433/postgres?sslmode=verify-full&sslrootcert=/here.crt");
});
