import assert from "node:assert/strict";
import { test } from "node:test";
import { toLsn, zeroLsn } from "../domain/lsn.ts";
import type { RunningServer, Server } from "../domain/server.ts";
import { routesOf, type MemberSeen } from "./endpoints.ts";
import type { PoolSeen } from "./pools.ts";
import { cluster, versioned } from "./testing.ts";

test("the primary endpoint leads to the open holder, the read endpoint to its standbys", () => {
  const [primary, read] = routesOf(
    cluster({}),
    seen({ a: running("primary"), b: running("standby"), c: running("standby") }),
  );
  assert.deepEqual([primary.state, members(primary)], ["open", ["a"]]);
  assert.deepEqual([read.state, members(read)], ["open", ["b", "c"]]);
});

test("before the barrier nobody is let in, and sessions elsewhere are cut", () => {
  const [primary] = routesOf(cluster({ phase: "taken", epoch: 2 }), seen({ a: running("primary") }));
  assert.deepEqual([primary.state, members(primary), primary.cut, primary.epoch], ["hold", [], true, 2]);
});

test("a planned hold keeps the sessions that there are; a fenced server keeps none", () => {
  const [planned] = routesOf(cluster({}), seen({ a: running("primary") }, "planned"));
  assert.deepEqual([planned.state, members(planned)], ["hold", ["a"]]);
  const [fenced] = routesOf(cluster({}), seen({ a: running("primary") }, "fenced"));
  assert.deepEqual([fenced.state, members(fenced)], ["hold", []]);
});

test("a primary that is only suspected keeps its clients", () => {
  const frozen: Server = { kind: "unresponsive", role: "primary", since: 0 };
  const [primary] = routesOf(cluster({}), seen({ a: frozen }));
  assert.deepEqual([primary.state, members(primary)], ["open", ["a"]]);
});

test("reads leave a standby that does not stream or lags, and go to the primary when none is left", () => {
  const late = { ...running("standby"), replayed: toLsn(0n), flushed: toLsn(5000n) };
  const cut = { ...running("standby"), streaming: false };
  const [, read] = routesOf(cluster({}), seen({ a: running("primary"), b: late, c: cut }));
  assert.deepEqual([read.kind, read.state, members(read)], ["read", "open", ["a"]]);
});

test("who reads from the primary for want of a standby stays there when one is back, and no longer than it serves", () => {
  const all = { a: running("primary"), b: running("standby") };
  const keptOf = (hold: MemberSeen["hold"]) => {
    const [, { keep = [], ...read }] = routesOf(cluster({}), seen(all, hold));
    return [members(read), members({ targets: keep })];
  };
  assert.deepEqual(keptOf("no"), [["b"], ["a"]]);
  assert.deepEqual(keptOf("fenced"), [["b"], []]);
});

test("nobody reads from a standby whose log went another way, though it seems to stream", () => {
  const forked = versioned([
    { id: 1, parent: null, forkedAt: zeroLsn, epoch: 1 },
    { id: 2, parent: 1, forkedAt: toLsn(90n), epoch: 2 },
  ]);
  const record = { ...cluster({ epoch: 2 }), timelines: forked };
  const after = { ...record, reign: versioned({ ...record.reign.value, timeline: 2 }) };
  const [, read] = routesOf(after, seen({ a: { ...running("primary"), timeline: 2 }, b: running("standby") }));
  assert.deepEqual(members(read), ["a"]);
});

test("a stopped cluster refuses with the command that starts it", () => {
  const [primary, read] = routesOf(cluster({ wish: "stopped" }), seen({}));
  assert.deepEqual([primary.state, read.state], ["closed", "closed"]);
  assert.match(primary.message ?? "", /matriarch start t/);
});

test("the pooled endpoint leads to this host's pooler, primary or not; without one it says why", () => {
  const pooled = (pool: PoolSeen | undefined, record = cluster({})) =>
    routesOf(record, seen({}), undefined, undefined, pool)[2];
  assert.equal(pooled(undefined), undefined);
  const open = pooled({ port: 4000, trouble: undefined });
  assert.deepEqual([open?.kind, open?.state, open?.targets[0]?.port], ["pooled", "open", 4000]);
  assert.equal(pooled({ port: undefined, trouble: undefined })?.state, "hold", "it is being started");
  const failed = pooled({ port: undefined, trouble: "PgBouncer is not installed" });
  assert.equal(failed?.state, "closed");
  assert.match(failed?.message ?? "", /does not serve on this host: PgBouncer is not installed/);
  assert.equal(pooled({ port: 4000, trouble: undefined }, cluster({ wish: "stopped" }))?.state, "closed");
});

function members(route: { readonly targets: readonly { readonly member: string }[] }): readonly string[] {
  return route.targets.map((target) => target.member);
}

function seen(
  servers: Readonly<Record<string, Server>>,
  hold: MemberSeen["hold"] = "no",
): ReadonlyMap<string, MemberSeen> {
  return new Map(Object.entries(servers).map(([id, server]) => [id, { server, hold }]));
}

function running(role: "primary" | "standby"): RunningServer {
  return {
    kind: "running",
    role,
    since: 0,
    timeline: 1,
    flushed: toLsn(100n),
    replayed: toLsn(100n),
    upstream: role === "standby" ? "a" : null,
    receiving: role === "standby",
    streaming: role === "standby",
    notStreamingSince: undefined,
    walMissing: false,
    syncNames: "",
    standbys: [],
    slots: [],
    flushStuckSince: undefined,
    pendingRestart: false,
    configured: 1,
  };
}
