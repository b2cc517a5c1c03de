/** Endpoints whose members are on other hosts: a real router, real relays over TLS, a real Postgres with passwords. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { freePort } from "../../../tests/fixtures/ports.ts";
import { startPostgres, testPassword, type TestPostgres } from "../../../tests/fixtures/postgres.ts";
import { formatCancel, keyOf } from "../../router/packets.ts";
import type { EndpointConfig, Target } from "../../router/wire.ts";
import { TestHosts, until, type TestHost } from "../relay/testing.ts";
import { ask, clientOf, startRouter, type TestRouter } from "./fixture.ts";

const holdMs = 8000;
let hosts: TestHosts;
/** where the server is */
let a: TestHost;
/** where the client is */
let b: TestHost;
let postgres: TestPostgres;
let router: TestRouter;
let endpoint: EndpointConfig;
let port: number;
let far: Target;

before(async () => {
  postgres = await startPostgres(["max_connections = 200"]);
  hosts = await TestHosts.create();
  [a, b] = [await hosts.add("a", "127.0.0.2"), await hosts.add("b", "127.0.0.3")];
  port = await freePort();
  router = await startRouter(port, b.tls, { holdMs });
  endpoint = { ...router.endpoint, listenHosts: ["127.0.0.1", "127.0.0.3"], hostTls: b.tls };
  await router.driver.configure([endpoint]);
  far = targetAt("shop-1");
});
after(async () => {
  await router.remove();
  await hosts.remove();
  await postgres.remove();
});

function targetAt(member: string): Target {
  const relay = { host: "a", address: a.address.address, port: a.address.basePort + 2 };
  return { member, host: "127.0.0.1", port: postgres.port, relay };
}

const serve = (...members: readonly string[]) =>
  a.driver.configure(
    members.map((member) => ({ member, socketDirectory: postgres.directory, port: postgres.port })),
    [],
  );

async function codeOf(attempt: Promise<unknown>): Promise<unknown> {
  const error: unknown = await attempt.then(
    () => assert.fail("it went through"),
    (reason: unknown) => reason,
  );
  return error instanceof Error ? Reflect.get(error, "code") : undefined;
}

test("sessions with a password, with and without TLS to the endpoint, at every address", async () => {
  await serve("shop-1");
  await router.route("open", [far]);
  const big = "select md5(string_agg(i::text, ',')) from generate_series(1, 300000) i";
  const direct = await ask(postgres.port, testPassword, big);
  for (const host of ["127.0.0.1", "127.0.0.3"]) {
    for (const ssl of [false, { rejectUnauthorized: false }]) {
      assert.equal(await ask(port, testPassword, big, { host, ssl }), direct);
    }
  }
  assert.equal(await codeOf(ask(port, "wrong", "select 1")), "28P01");
});

test("many at once, over all threads: every one is a session of its own, and large values pass both ways", async () => {
  await router.route("open", [far]);
  const text = "ä0123456789".repeat(100_000);
  const clients = Array.from({ length: 60 }, () => clientOf(port, testPassword));
  await Promise.all(clients.map((client) => client.connect()));
  const answers = await Promise.all(
    clients.map(async (client, turn) => {
      const { rows } = await client.query("select pg_backend_pid() as pid, $1::text as text", [text + turn]);
      assert.ok(rows[0]?.text === text + turn);
      return Number(rows[0].pid);
    }),
  );
  assert.equal(new Set(answers).size, 60);
  await Promise.all(clients.map((client) => client.end()));
});

test("a cancel request reaches the server of the other host", async () => {
  await router.route("open", [far]);
  const client = clientOf(port, testPassword);
  await client.connect();
  const cancelled = codeOf(client.query("select pg_sleep(60)"));
  const sleeping = "select count(*)::int from pg_stat_activity where query like 'select pg_sleep%'";
  await until("the query runs", async () => (await ask(port, testPassword, sleeping)) === 1);
  const key = Buffer.alloc(8);
  key.writeInt32BE(Number(Reflect.get(client, "processID")), 0);
  key.writeInt32BE(Number(Reflect.get(client, "secretKey")), 4);
  const canceller = connect(port, "127.0.0.1");
  canceller.end(formatCancel(keyOf(key)));
  await once(canceller.resume(), "close");
  assert.equal(await cancelled, "57014");
  await client.end();
});

test("a server or a member that is not there yet: new connections wait for it", async () => {
  await serve();
  await router.route("open", [far]);
  const early = ask(port, testPassword, "select 'early'");
  await until("it waits", async () => (await router.driver.status()).endpoints[0]?.waiting === 1);
  await serve("shop-1");
  assert.equal(await early, "early");
  await postgres.kill();
  const waiting = [1, 2, 3].map(() => ask(port, testPassword, "select 'later'"));
  await until("they wait", async () => ((await router.driver.status()).endpoints[0]?.waiting ?? 0) > 0);
  await postgres.start();
  assert.deepEqual(await Promise.all(waiting), ["later", "later", "later"]);
});

test("cut: the session ends at once, for the client and on the other host", async () => {
  await router.route("open", [far]);
  const client = clientOf(port, testPassword);
  await client.connect();
  await client.query("select 1");
  await until("it is there", async () => (await a.driver.status()).connections === 1);
  const told = once(client, "error");
  await router.route("hold", []);
  const [error] = await told;
  assert.equal(error.code, "57P01");
  await until("gone there as well", async () => (await a.driver.status()).connections === 0);
});

test("read: the nearest that takes sessions, then the next", async () => {
  await serve("far-1", "far-2");
  const readPort = await freePort();
  const read: EndpointConfig = { ...endpoint, kind: "read", listenPort: readPort };
  await router.driver.configure([endpoint, read]);
  const near: Target = { member: "near", host: "127.0.0.1", port: postgres.port, distance: 0 };
  const others = ["far-1", "far-2"].map((member): Target => ({ ...targetAt(member), distance: 2 }));
  const gone: Target = { ...targetAt("far-9"), distance: 1 };
  let epoch = 0;
  const members = async (targets: readonly Target[]) => {
    epoch += 1;
    await router.driver.route([{ cluster: "shop", kind: "read", epoch, state: "open", targets, cut: true }]);
    const clients = Array.from({ length: 4 }, () => clientOf(readPort, testPassword));
    for (const client of clients) await client.connect();
    const status = (await router.driver.status()).endpoints.find(({ kind }) => kind === "read");
    await Promise.all(clients.map((client) => client.end()));
    await until("they have left", async () => {
      const left = (await router.driver.status()).endpoints.find(({ kind }) => kind === "read");
      return left?.sessions === 0;
    });
    return status?.sessionsByMember;
  };
  assert.deepEqual(await members([...others, near]), { near: 4 });
  assert.deepEqual(await members(others), { "far-1": 2, "far-2": 2 });
  assert.deepEqual(await members([gone, ...others]), { "far-1": 2, "far-2": 2 });
});

test("an address that cannot be had: the others are served, and it is tried again", async () => {
  const ownPort = await freePort();
  const own = { ...endpoint, listenHosts: ["127.0.0.1", "192.0.2.1"], listenPort: ownPort };
  await assert.rejects(router.driver.configure([own]), /192\.0\.2\.1/);
  await serve("shop-1");
  await router.route("open", [far]);
  assert.equal(await ask(ownPort, testPassword, "select 1"), 1);
  await router.driver.configure([{ ...own, listenHosts: ["127.0.0.1", "127.0.0.5"] }]);
  assert.equal(await ask(ownPort, testPassword, "select 1", { host: "127.0.0.5" }), 1);
});

test("an endpoint without a certificate for other hosts refuses to lead there", async () => {
  const { hostTls: _, ...without } = endpoint;
  await router.driver.configure([without]);
  await assert.rejects(router.route("open", [far]), /no certificate to reach other hosts/);
});
