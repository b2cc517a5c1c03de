/** A host's poolers as the agent keeps them, with a pooler that is a list of what it was told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterRecord } from "../domain/cluster.ts";
import { defaultPool, type PoolSpec } from "../domain/pool.ts";
import type { PauseOutcome, PoolerDriver } from "../drivers/pgbouncer/port.ts";
import { OpError } from "../errors/op-error.ts";
import { Pools } from "./pools.ts";
import { cluster } from "./testing.ts";

function withPool(pool: Partial<PoolSpec>): ClusterRecord {
  const record = cluster({});
  const value = { ...record.spec.value, pool: { ...defaultPool, isOn: true, ...pool } };
  return { ...record, spec: { ...record.spec, value } };
}

/** What is read in turn of who may log in; undefined: as before. */
type Logins = readonly (readonly { readonly name: string; readonly verifier: string }[] | Error | undefined)[];
const adaThenBob: Logins = [[{ name: "ada", verifier: "v" }], undefined, [{ name: "bob", verifier: "v" }]];

function made(outcome: PauseOutcome = { kind: "paused" }, read: Logins = adaThenBob) {
  const said: string[] = [];
  let starts: "works" | Error = "works";
  let port: number | undefined;
  const driver: PoolerDriver = {
    pid: 1,
    get port() {
      return port;
    },
    ensure: async () => {
      said.push("ensure");
      if (starts !== "works") throw starts;
      port = 4000;
      return "started";
    },
    configure: async ({ pool }) => void said.push(`size ${pool.size}`),
    setUsers: async (users) => void said.push(`users ${users.map(({ name }) => name).join()}`),
    pause: async () => {
      said.push("pause");
      return outcome;
    },
    resume: async () => void said.push("resume"),
    figures: () => Promise.reject(new Error("none")),
    clients: async () => 0,
    onRestart: () => undefined,
    onFailure: () => undefined,
    close: async () => undefined,
    stop: async () => {
      port = undefined;
      said.push("stop");
    },
  };
  const logins = [...read];
  const nextLogins = async () => {
    const next = logins.shift();
    if (next instanceof Error) throw next;
    return next;
  };
  const pools = new Pools({
    make: () => driver,
    makeReader: () => ({ read: nextLogins, forget: () => undefined, close: () => undefined }),
    hosts: () => 1,
    maxConnections: () => 100,
    changed: () => undefined,
    tell: {
      restarted: () => undefined,
      failed: (_, error) => void said.push(`failed: ${error instanceof Error ? error.message : ""}`),
      late: (_, open) => void said.push(`late: ${open}`),
    },
  });
  const name = cluster({}).spec.value.name;
  pools.listensFor([name]);
  return { said, pools, name, begin: (way: typeof starts) => (starts = way) };
}

test("it is started, knows who may log in before anybody is let in, and follows the spec", async () => {
  const { said, pools, name } = made();
  assert.equal(pools.isKnown(name), true, "nothing to wait for");
  pools.learn(withPool({}));
  assert.equal(pools.isKnown(name), false);
  assert.deepEqual(pools.seen(name), { port: undefined, trouble: undefined });
  await pools.settled(name);
  assert.deepEqual(said, ["ensure", "users ada"]);
  assert.equal(pools.seen(name)?.port, 4000);
  pools.learn(withPool({}));
  pools.learn(withPool({ size: 7 }));
  await pools.settled(name);
  await pools.usersChanged(name);
  await pools.usersChanged(name);
  assert.deepEqual(said, ["ensure", "users ada", "size 7", "users bob"], "the same is not told twice");
  pools.learn(withPool({ isOn: false }));
  await pools.settled(name);
  assert.equal(said.at(-1), "stop");
  assert.equal(pools.seen(name), undefined);
  await pools.stop();
});

test("nobody says yet who may log in: its clients wait, and are not refused with their right passwords", async () => {
  const { said, pools, name } = made({ kind: "paused" }, [new Error("busy"), [{ name: "ada", verifier: "v" }]]);
  pools.learn(withPool({}));
  await pools.settled(name);
  assert.deepEqual(said, ["ensure"]);
  assert.deepEqual(pools.seen(name), { port: undefined, trouble: undefined });
  assert.equal(await pools.figures(name), undefined, "it is starting");
  await pools.usersChanged(name);
  assert.deepEqual(said, ["ensure", "users ada"]);
  assert.equal(pools.seen(name)?.port, 4000);
  await pools.stop();
});

test("one that cannot be started is told once and tried on; the endpoint says why", async () => {
  const { said, pools, name, begin } = made();
  begin(new OpError("pooler-missing", { message: "PgBouncer is not installed" }));
  pools.learn(withPool({}));
  await assert.rejects(pools.settled(name), /not installed/);
  assert.deepEqual(pools.seen(name), { port: undefined, trouble: "PgBouncer is not installed" });
  pools.learn(withPool({}));
  await assert.rejects(pools.settled(name), /not installed/);
  assert.deepEqual(said, ["ensure", "failed: PgBouncer is not installed", "ensure"]);
  begin("works");
  pools.learn(withPool({}));
  await pools.settled(name);
  assert.equal(pools.seen(name)?.port, 4000);
  await pools.stop();
});

test("a hold that is late says how many are open; sessions that keep their servers are not held", async () => {
  const { said, pools, name } = made({ kind: "late", open: 2 });
  pools.learn(withPool({}));
  await pools.settled(name);
  await pools.hold(name, true);
  await pools.release(name);
  assert.deepEqual(said.slice(2), ["pause", "late: 2", "resume"]);
  pools.learn(withPool({ mode: "session" }));
  await pools.settled(name);
  await pools.hold(name, true);
  assert.equal(said.filter((word) => word === "pause").length, 1);
  await pools.stop();
});

test("the router is told no route of an endpoint that it does not know", async () => {
  const { pools, name } = made();
  pools.learn(withPool({}));
  await pools.settled(name);
  pools.forgetEndpoint(name);
  assert.equal(pools.seen(name), undefined);
  await pools.stop();
});
