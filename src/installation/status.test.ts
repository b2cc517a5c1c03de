/** A cluster as the API tells it, where what is seen and what the records say differ. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterRuntime, MemberRuntime } from "../agent/runtime.ts";
import { clusterOf, primary, standby } from "../core/testing.ts";
import type { Server } from "../domain/server.ts";
import { clusterStatus, type StatusContext } from "./status.ts";

const context: StatusContext = {
  endpointHost: "10.0.0.1",
  hostName: "h",
  statusUrl: () => undefined,
  version: "18.4",
  newestVersion: undefined,
  operation: undefined,
  wallNow: 0,
};

function rolesOf(servers: Readonly<Record<string, Server>>): Readonly<Record<string, string>> {
  const members = new Map(
    Object.entries(servers).map(([id, server]) => [id, { id, server, busy: [] } as unknown as MemberRuntime]),
  );
  const cluster: ClusterRuntime = { name: "t", record: clusterOf({}), storeReachable: true, members };
  return Object.fromEntries(clusterStatus(cluster, context).members.map(({ id, role }) => [id, role]));
}

const silent = (role: "primary" | "standby"): Server => ({ kind: "unresponsive", role, since: 0 });

test("status: a former primary whose host is silent is not told as a second primary", () => {
  assert.deepEqual(rolesOf({ a: primary(), b: silent("primary"), c: standby() }), {
    a: "primary",
    b: "standby",
    c: "standby",
  });
});

test("status: the primary stays one while nothing is heard of it and nobody has taken over", () => {
  assert.deepEqual(rolesOf({ a: silent("primary"), b: standby() }), { a: "primary", b: "standby" });
});
