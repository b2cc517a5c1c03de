/** Scale to zero: what keeps a cluster awake, the two steps into sleep, and what takes the first one back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultTimings, type Sleep } from "../../domain/cluster.ts";
import type { RunningServer } from "../../domain/server.ts";
import { remember } from "../memory.ts";
import { now, primary, says, standby, stopped, viewOf, type ViewChange } from "../testing.ts";
import type { Memory, View } from "../view.ts";
import { fallAsleep } from "./sleep.ts";

const clients = { connected: 0, served: 7 };
const idleMs = 5000;
const dozing: Sleep = { phase: "dozing", epoch: 3, since: 0 };

/** A healthy cluster with autostop, and no client since `since`. */
function quiet(change: ViewChange = {}, with_: Partial<RunningServer> = {}): View {
  const peer = { server: standby({ clients }) };
  const view = viewOf("a", {
    spec: { autostopMs: idleMs, ...change.spec },
    server: primary({ clients, ...with_ }),
    peers: { b: peer, c: peer },
    ...Object.fromEntries(Object.entries(change).filter(([key]) => key !== "spec" && key !== "memory")),
  });
  const { idle } = remember(view);
  const memory: Memory = { ...view.memory, idle: idle && { ...idle, since: now - idleMs }, ...change.memory };
  return { ...view, memory };
}

test("autostop: after the time without a client the holder begins to doze; without autostop never", () => {
  assert.equal(says(fallAsleep(quiet())), "record sleep: dozes");
  const early = quiet();
  assert.equal(fallAsleep({ ...early, now: now - 1 }), undefined);
  assert.equal(remember(viewOf("a", { server: primary({ clients }) })).idle, undefined);
  assert.equal(fallAsleep(viewOf("b", { spec: { autostopMs: idleMs } })), undefined);
  assert.equal(fallAsleep(quiet({ reign: { phase: "taken" } })), undefined);
});

test("autostop: what keeps it awake", () => {
  const seen = (change: ViewChange): Memory["idle"] => remember(quiet(change)).idle;
  const peer = (server: Partial<RunningServer>) => ({ server: standby({ clients, ...server }) });
  const well = peer({});
  assert.ok(seen({}));
  const busy = { clients: { connected: 1, served: 7 } };
  assert.equal(seen({ server: primary(busy) }), undefined, "a client of the primary");
  assert.equal(seen({ peers: { b: peer(busy), c: well } }), undefined, "a client of a standby");
  assert.equal(seen({ peers: { b: undefined, c: well } }), undefined, "a member that was never heard");
  const silent = { ...well, heardAt: now - defaultTimings.promiseMs - 1 };
  assert.equal(seen({ peers: { b: silent, c: well } }), undefined, "a host that cannot be asked");
  assert.equal(seen({ peers: { b: { server: { kind: "absent" } }, c: well } }), undefined, "a copy is being made");
  assert.equal(seen({ isWorkedOn: true }), undefined, "an operation");
  assert.equal(seen({ pausedUntil: now + 1 }), undefined, "a pause");
  assert.equal(seen({ spec: { autostopMs: idleMs, members: ["a", "b"] }, records: { c: {} } }), undefined, "a leaver");
  assert.equal(seen({ records: { c: { wish: "reclone" } } }), undefined, "a wish");
  const intent = { kind: "restart", pending: ["a"], id: "1", requestedAt: 0, by: "ann" } as const;
  assert.equal(seen({ intent }), undefined, "a wish for all");
  assert.ok(seen({ peers: { b: { server: stopped() }, c: well } }), "a standby that is down has no clients");
});

test("autostop: a client that came and went between two looks is noticed by the server's own count", () => {
  const before = quiet();
  const kept = remember(before).idle;
  assert.equal(kept, before.memory.idle);
  const came = remember({ ...before, server: primary({ clients: { connected: 0, served: 8 } }) }).idle;
  assert.equal(came?.since, now);
});

test("doze: it goes on only when every endpoint has held for long enough, and nobody came", () => {
  const doze = { revision: 1, since: now - 3000, hushedAt: now - 1.5 * defaultTimings.tickMs };
  const slept = (change: ViewChange): string | undefined => says(fallAsleep(quiet({ sleep: dozing, ...change })));
  assert.equal(slept({ memory: { doze } }), "record sleep: falls-asleep");
  assert.equal(slept({ memory: { doze: { ...doze, hushedAt: now - 100 } } }), "nothing: dozes");
  assert.equal(slept({ memory: { doze: { ...doze, hushedAt: undefined } } }), "nothing: dozes");
  assert.equal(slept({ memory: { doze, idle: undefined } }), "record sleep: wakes");
  assert.equal(slept({ memory: { doze: { ...doze, since: now - 60_000 } } }), "record sleep: wakes");
  assert.equal(slept({ memory: { doze }, sleep: { ...dozing, epoch: 2 } }), "record sleep: wakes");
});

test("doze: endpoints that agree to it are remembered, to another one they are not; one that failed counts anew", () => {
  const seen = (change: ViewChange) => remember(quiet({ sleep: dozing, ...change })).doze;
  assert.deepEqual(seen({ hushed: 1 }), { revision: 1, since: now, hushedAt: now });
  assert.deepEqual(seen({ hushed: 9 }), { revision: 1, since: now, hushedAt: undefined });
  const doze = { revision: 1, since: now - 500, hushedAt: now - 400 };
  assert.deepEqual(seen({ hushed: 1, memory: { doze } }), doze);
  assert.deepEqual(seen({ memory: { doze } }), { ...doze, hushedAt: undefined });
  assert.equal(remember(quiet({ memory: { doze } })).idle?.since, now);
});
