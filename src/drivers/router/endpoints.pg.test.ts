/** What clients of an endpoint see, with a real router process, real clients and a real Postgres. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { signalAll } from "../../../tests/faults/processes.ts";
import { freePort } from "../../../tests/fixtures/ports.ts";
import { startPostgres, testPassword, type TestPostgres } from "../../../tests/fixtures/postgres.ts";
import { formatCancel, keyOf } from "../../router/packets.ts";
import type { Target } from "../../router/wire.ts";
import { ensureServerCertificate } from "../certificates/ca.ts";
import { ask, clientOf, psql, startRouter, type Certificates, type TestRouter } from "./fixture.ts";

let postgres: TestPostgres;
let directory: string;
let tls: Certificates;
let router: TestRouter;
let port: number;
let target: Target;
const holdMs = 2500;
const elsewhere: Target = { member: "shop-9", host: "127.0.0.1", port: 1 };

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "endpoints-"));
  tls = await ensureServerCertificate(directory, ["localhost", "127.0.0.1"], Date.now());
  postgres = await startPostgres(["max_connections = 1100", "shared_buffers = 64MB"]);
  target = { member: "shop-1", host: "127.0.0.1", port: postgres.port };
  port = await freePort();
  router = await startRouter(port, tls, { holdMs, greetingMs: 500 });
});
after(async () => {
  await router.remove();
  await postgres.remove();
  await rm(directory, { recursive: true, force: true });
});

const select = (sql = "select 1") => ask(port, testPassword, sql);

async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await condition()); await sleep(10)) {
    assert.ok(performance.now() < deadline, `never came: ${what}`);
  }
}

async function refusal(attempt: Promise<unknown>): Promise<{ code: string; message: string; hint: string }> {
  const error: unknown = await attempt.then(
    () => assert.fail("it went through"),
    (reason: unknown) => reason,
  );
  const field = (name: string) => (error instanceof Error ? String(Reflect.get(error, name)) : "");
  return { code: field("code"), message: field("message"), hint: field("hint") };
}

const endpointStatus = async () => (await router.driver.status()).endpoints[0] ?? assert.fail("no endpoint");

test("sessions without TLS, with TLS, and verified against the installation's authority", async () => {
  await router.route("open", [target]);
  const uri = (host: string, more: string) => `postgresql://postgres:correct%20horse@${host}:${port}/postgres?${more}`;
  const big = "select length(repeat('x', 1000000)), md5(string_agg(i::text, ',')) from generate_series(1, 100000) i";
  const direct = await psql(
    `postgresql://postgres@${encodeURIComponent(postgres.directory)}:${postgres.port}/postgres`,
    big,
  );
  assert.equal(await psql(uri("127.0.0.1", "sslmode=disable"), big), direct);
  assert.equal(await psql(uri("127.0.0.1", "sslmode=require"), big), direct);
  assert.equal(await psql(uri("localhost", `sslmode=verify-full&sslrootcert=${tls.caFile}`), big), direct);
  await assert.rejects(psql(uri("127.0.0.1", "sslmode=verify-full&sslrootcert=/dev/null"), "select 1"));
});

test("large results and large statements pass unchanged, both ways", async () => {
  await router.route("open", [target]);
  const text = "ä0123456789".repeat(400_000);
  for (const ssl of [false, { rejectUnauthorized: false }]) {
    const client = clientOf(port, testPassword, { ssl });
    await client.connect();
    const { rows } = await client.query("select $1::text as text", [text]);
    assert.ok(rows[0]?.text === text);
    await client.end();
  }
});

test("TLS without an SSLRequest, as Postgres 17's clients do it", async () => {
  await router.route("open", [target]);
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["postgresql"] });
  await once(socket, "secureConnect");
  assert.equal(socket.alpnProtocol, "postgresql");
  socket.write(Buffer.concat([Buffer.from([0, 0, 0, 23, 0, 3, 0, 0]), Buffer.from("user\0postgres\0\0")]));
  const [answer] = await once(socket, "data");
  assert.equal(answer[0], "R".charCodeAt(0));
  socket.destroy();
});

test("hold: a new connection waits and goes through when the hold ends", async () => {
  await router.route("hold", []);
  const waiting = select("select 'held'");
  await until("it waits", async () => (await endpointStatus()).waiting === 1);
  await router.route("open", [target]);
  assert.equal(await waiting, "held");
});

test("hold: a connection that waits too long is told so", async () => {
  await router.route("hold", [], { message: "the primary is being replaced" });
  const since = performance.now();
  const { code, message, hint } = await refusal(select());
  assert.equal(code, "57P03");
  assert.equal(message, "the primary is being replaced");
  assert.match(hint, /matriarch explain shop/);
  assert.ok(performance.now() - since >= holdMs - 50);
});

test("closed: refused at once", async () => {
  await router.route("closed", []);
  const { code, message } = await refusal(select());
  assert.equal(code, "57P03");
  assert.equal(message, 'cluster "shop" takes no connections');
});

test("cut: an idle session is told why, a busy one is ended, both at once", async () => {
  await router.route("open", [target]);
  const idle = clientOf(port, testPassword, { ssl: { rejectUnauthorized: false } });
  const busy = clientOf(port, testPassword);
  await Promise.all([idle.connect(), busy.connect()]);
  await idle.query("select 1");
  const told = once(idle, "error");
  const sending = refusal(busy.query("copy (select repeat('x', 1000) from generate_series(1, 100000000)) to stdout"));
  const since = performance.now();
  await router.route("hold", []);
  const [error] = await told;
  assert.equal(error.code, "57P01");
  assert.match(error.message, /the primary has moved/);
  await sending;
  assert.ok(performance.now() - since < 20_000);
  assert.equal((await endpointStatus()).sessions, 0);
});

test("a route without cut lets sessions go on", async () => {
  await router.route("open", [target]);
  const client = clientOf(port, testPassword);
  await client.connect();
  await router.route("hold", [], { cut: false });
  assert.equal((await client.query("select 1")).rowCount, 1);
  await client.end();
});

test("who may stay does: a session at a member that is no target any more goes on, new ones go elsewhere", async () => {
  await router.route("open", [target]);
  const client = clientOf(port, testPassword);
  await client.connect();
  await router.route("hold", [], { keep: [target] });
  assert.equal((await client.query("select 1")).rowCount, 1);
  await router.route("hold", []);
  await assert.rejects(client.query("select 1"));
  await client.end().catch(() => undefined);
});

test("a server that is gone for a moment: new connections wait for it", async () => {
  await router.route("open", [target]);
  await postgres.kill();
  const waiting = [select(), select(), select()];
  await until("they wait", async () => (await endpointStatus()).waiting > 0);
  await postgres.start();
  assert.deepEqual(await Promise.all(waiting), [1, 1, 1]);
});

test("a frozen server: a connection that it has not answered goes to the next one", async () => {
  await router.route("open", [target]);
  signalAll([postgres.pid], "SIGSTOP");
  try {
    const waiting = select("select 'moved'");
    await until("it is sent there", async () => (await endpointStatus()).sessions === 1);
    await router.route("open", [{ ...target, member: "shop-2" }]);
    process.kill(postgres.pid, "SIGCONT");
    assert.equal(await waiting, "moved");
  } finally {
    process.kill(postgres.pid, "SIGCONT");
  }
});

test("roles of the installation do not come in", async () => {
  await router.route("open", [target]);
  for (const user of ["matriarch", "matriarch_replication"]) {
    const { code } = await refusal(ask(port, testPassword, "select 1", { user }));
    assert.equal(code, "28000");
  }
});

test("cancel: psql's ^C ends its query, and a request within TLS does as well", async () => {
  await router.route("open", [target]);
  const env = { ...process.env, PGPASSWORD: testPassword, PGSSLMODE: "require" };
  const args = ["-X", "-h", "127.0.0.1", "-p", String(port), "-U", "postgres", "-c", "select pg_sleep(60)"];
  const child = spawn("psql", args, { env, stdio: ["ignore", "ignore", "pipe"] });
  const said: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const sleeping = "select count(*)::int from pg_stat_activity where query like 'select pg_sleep%'";
  await until("the query runs", async () => (await select(sleeping)) === 1);
  child.kill("SIGINT");
  await once(child, "exit");
  assert.match(said.join(""), /canceling statement due to user request/);

  const client = clientOf(port, testPassword);
  await client.connect();
  const cancelled = refusal(client.query("select pg_sleep(61)"));
  await until("the query runs", async () => (await select(sleeping)) === 1);
  await cancelWithinTls(Number(Reflect.get(client, "processID")), Number(Reflect.get(client, "secretKey")));
  assert.equal((await cancelled).code, "57014");
  await client.end();
});

async function cancelWithinTls(pid: number, secret: number): Promise<void> {
  const raw = connect(port, "127.0.0.1");
  raw.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  assert.equal(String((await once(raw, "data"))[0]), "S");
  const socket = connectTls({ socket: raw, rejectUnauthorized: false });
  const key = Buffer.alloc(8);
  key.writeInt32BE(pid, 0);
  key.writeInt32BE(secret, 4);
  socket.end(formatCancel(keyOf(key)));
  socket.resume();
  await once(socket, "close");
}

test("read: sessions are shared among the targets", async () => {
  const readPort = await freePort();
  const read = { ...router.endpoint, kind: "read" as const, listenPort: readPort };
  await router.driver.configure([router.endpoint, read]);
  const targets = [target, { ...target, member: "shop-2" }, elsewhere];
  await router.driver.route([{ cluster: "shop", kind: "read", epoch: 1, state: "open", targets, cut: true }]);
  const clients = Array.from({ length: 8 }, () => clientOf(readPort, testPassword));
  for (const client of clients) await client.connect();
  const status = (await router.driver.status()).endpoints.find(({ kind }) => kind === "read");
  assert.deepEqual(status?.sessionsByMember, { "shop-1": 4, "shop-2": 4 });
  await Promise.all(clients.map((client) => client.end()));
});

test("start-up garbage, silence and resets: no harm to anybody else", async () => {
  await router.route("open", [target]);
  const pid = router.driver.pid;
  const attempts = Array.from({ length: 300 }, (_, turn) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    const bytes = Buffer.from(
      Array.from({ length: turn }, (_unused, at) => (turn * 31 + at * 17 + ((turn * at) % 7)) & 255),
    );
    if (turn % 3 === 0) bytes.set([0, 0, 0, 8, 4, 210, 22, 47].slice(0, turn));
    if (turn % 5 === 0) bytes.set([0x16, 3, 1].slice(0, turn));
    socket.write(bytes);
    if (turn % 4 === 0) socket.once("connect", () => socket.resetAndDestroy());
    socket.resume();
    return once(socket, "close");
  });
  // The greeting's deadline ends those that stay silent.
  await Promise.all(attempts);
  assert.equal(await select(), 1);
  assert.equal(router.driver.pid, pid);
  assert.doesNotMatch(await readFile(join(router.directory, "router.log"), "utf8"), /"defect"/);
});

test("a client that does not read costs no memory", async () => {
  await router.route("open", [target]);
  const before = await residentBytes();
  const clients = Array.from({ length: 4 }, () => clientOf(port, testPassword));
  for (const client of clients) {
    await client.connect();
    const { stream } = Reflect.get(client, "connection");
    void client
      .query("copy (select repeat('x', 1000) from generate_series(1, 300000)) to stdout")
      .catch(() => undefined);
    stream.pause();
  }
  const stuck = "select count(*)::int from pg_stat_activity where wait_event = 'ClientWrite'";
  await until("the servers wait for their clients", async () => (await select(stuck)) === 4);
  assert.ok((await residentBytes()) - before < 30e6);
  await router.route("hold", []);
});

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${router.driver.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

test("1,000 connections at once, then idle", async () => {
  const hba = join(postgres.directory, "data/pg_hba.conf");
  await writeFile(hba, `host all idle 127.0.0.1/32 trust\n${await readFile(hba, "utf8")}`);
  process.kill(postgres.pid, "SIGHUP");
  await router.route("open", [target]);
  await select("create role idle login");
  // A router of its own, with the usual limits: so many new servers at once take longer than this test file's others wait.
  const ownPort = await freePort();
  const own = await startRouter(ownPort, tls);
  try {
    await own.route("open", [target]);
    const clients = Array.from({ length: 1000 }, () => clientOf(ownPort, testPassword, { user: "idle" }));
    await Promise.all(clients.map((client) => client.connect()));
    assert.equal((await own.driver.status()).endpoints[0]?.sessionsByMember["shop-1"], 1000);
    assert.equal((await clients[999]?.query("select 1"))?.rowCount, 1);
    await Promise.all(clients.map((client) => client.end()));
  } finally {
    await own.remove();
  }
});

test("more connections than allowed are refused in Postgres' words", async () => {
  const smallPort = await freePort();
  const small = await startRouter(smallPort, tls, { connections: 2 });
  try {
    await small.route("open", [target]);
    const clients = [clientOf(smallPort, testPassword), clientOf(smallPort, testPassword)];
    for (const client of clients) await client.connect();
    assert.equal((await refusal(ask(smallPort, testPassword, "select 1"))).code, "53300");
    await Promise.all(clients.map((client) => client.end()));
  } finally {
    await small.remove();
  }
});
