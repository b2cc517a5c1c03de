/** What must hold although sessions are spread over several threads of the router. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { freePort } from "../../../tests/fixtures/ports.ts";
import { startPostgres, testPassword, type TestPostgres } from "../../../tests/fixtures/postgres.ts";
import { formatCancel, keyOf } from "../../router/packets.ts";
import type { Target } from "../../router/wire.ts";
import { ensureServerCertificate } from "../certificates/ca.ts";
import { ask, clientOf, startRouter, type TestRouter } from "./fixture.ts";

/** So many connections never end up in one thread: the kernel would have to toss the same side 23 times. */
const many = 24;

let postgres: TestPostgres;
let directory: string;
let router: TestRouter;
let port: number;
let target: Target;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "threads-"));
  const tls = await ensureServerCertificate(directory, ["localhost", "127.0.0.1"], Date.now());
  postgres = await startPostgres();
  target = { member: "shop-1", host: "127.0.0.1", port: postgres.port };
  port = await freePort();
  router = await startRouter(port, tls, { threads: 2 });
  await router.route("open", [target]);
  await startSecondThread();
});
after(async () => {
  await router.remove();
  await postgres.remove();
  await rm(directory, { recursive: true, force: true });
});

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await condition()); await sleep(10)) {
    assert.ok(performance.now() < deadline, `never came: ${what}`);
  }
}

/** It comes with the second connection. */
async function startSecondThread(): Promise<void> {
  const clients = await sessions(2);
  await until("there is a second thread", async () => ((await router.driver.status()).threads ?? 1) > 1);
  await Promise.all(clients.map((client) => client.end()));
}

async function sessions(count: number): Promise<readonly pg.Client[]> {
  const clients = Array.from({ length: count }, () => clientOf(port, testPassword));
  await Promise.all(clients.map((client) => client.connect()));
  return clients;
}

const endpointStatus = async () => (await router.driver.status()).endpoints[0] ?? assert.fail("no endpoint");

test("a route is in force in all threads when it is answered", async () => {
  await router.route("open", [target]);
  const clients = await sessions(many);
  assert.equal((await endpointStatus()).sessionsByMember["shop-1"], many);
  const told = clients.map((client) => once(client, "error"));
  await router.route("hold", []);
  assert.equal((await endpointStatus()).sessions, 0);
  for (const [error] of await Promise.all(told)) assert.equal(error.code, "57P01");
  // Those that come now wait, whichever thread they come to.
  const waiting = Promise.all(Array.from({ length: many }, () => ask(port, testPassword, "select 'held'")));
  await until("they wait", async () => (await endpointStatus()).waiting === many);
  await router.route("open", [target]);
  assert.deepEqual(
    await waiting,
    Array.from({ length: many }, () => "held"),
  );
});

test("a cancel request that comes to another thread reaches its server", async () => {
  await router.route("open", [target]);
  const clients = await sessions(many);
  const ended = clients.map((client) => codeOf(client.query("select pg_sleep(60)")));
  const sleeping = "select count(*)::int from pg_stat_activity where wait_event = 'PgSleep'";
  await until("all queries run", async () => (await ask(port, testPassword, sleeping)) === many);
  for (const client of clients) await cancel(client);
  assert.deepEqual(new Set(await Promise.all(ended)), new Set(["57014"]));
  await Promise.all(clients.map((client) => client.end()));
});

async function codeOf(failing: Promise<unknown>): Promise<unknown> {
  try {
    return await failing;
  } catch (error) {
    return error instanceof pg.DatabaseError ? error.code : error;
  }
}

async function cancel(client: pg.Client): Promise<void> {
  const key = Buffer.alloc(8);
  key.writeInt32BE(Number(Reflect.get(client, "processID")), 0);
  key.writeInt32BE(Number(Reflect.get(client, "secretKey")), 4);
  const socket = connect(port, "127.0.0.1");
  socket.end(formatCancel(keyOf(key)));
  socket.resume();
  await once(socket, "close");
}

test("threads take turns at targets together: sessions are shared evenly", async () => {
  const readPort = await freePort();
  await router.driver.configure([router.endpoint, { ...router.endpoint, kind: "read" as const, listenPort: readPort }]);
  const targets = [target, { ...target, member: "shop-2" }];
  await router.driver.route([{ cluster: "shop", kind: "read", epoch: 1, state: "open", targets, cut: true }]);
  const clients = Array.from({ length: many }, () => clientOf(readPort, testPassword));
  for (const client of clients) await client.connect();
  const status = (await router.driver.status()).endpoints.find(({ kind }) => kind === "read");
  assert.deepEqual(status?.sessionsByMember, { "shop-1": many / 2, "shop-2": many / 2 });
  await Promise.all(clients.map((client) => client.end()));
});

const noIpv6 = !Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

test("localhost is ::1 as well", { skip: noIpv6 }, async () => {
  await router.route("open", [target]);
  assert.equal(await ask(port, testPassword, "select 1", { host: "::1" }), 1);
});
