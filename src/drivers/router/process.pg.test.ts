/** The router's life: started, adopted, killed, replaced; and what clients notice of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { signalAll } from "../../../tests/faults/processes.ts";
import { freePort } from "../../../tests/fixtures/ports.ts";
import { startPostgres, testPassword, type TestPostgres } from "../../../tests/fixtures/postgres.ts";
import type { Target } from "../../router/wire.ts";
import { ensureServerCertificate } from "../certificates/ca.ts";
import { ask, clientOf, startRouter, type Certificates } from "./fixture.ts";
import type { Restart } from "../process/port.ts";

let postgres: TestPostgres;
let directory: string;
let tls: Certificates;
let target: Target;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "router-life-"));
  tls = await ensureServerCertificate(directory, ["localhost", "127.0.0.1"], Date.now());
  postgres = await startPostgres();
  target = { member: "shop-1", host: "127.0.0.1", port: postgres.port };
});
after(async () => {
  await postgres.remove();
  await rm(directory, { recursive: true, force: true });
});

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await condition()); await sleep(10)) {
    assert.ok(performance.now() < deadline, `never came: ${what}`);
  }
}

test("killed: back at once with its endpoints and routes", async (t) => {
  const port = await freePort();
  const router = await startRouter(port, tls);
  try {
    await router.route("open", [target]);
    const restarted = new Promise<Restart>((resolve) => router.driver.onRestart(resolve));
    const oldPid = router.driver.pid ?? 0;
    process.kill(oldPid, "SIGKILL");
    const restart = await restarted;
    assert.equal(restart.oldPid, oldPid);
    assert.notEqual(router.driver.pid, oldPid);
    assert.equal(await ask(port, testPassword, "select 1"), 1);
    t.diagnostic(`killed to accepting again: ${restart.tookMs.toFixed(0)} ms`);
  } finally {
    await router.remove();
  }
});

test("another agent adopts it, sessions do not notice, old epochs are refused", async () => {
  const port = await freePort();
  const router = await startRouter(port, tls);
  try {
    await router.route("open", [target], { epoch: 7 });
    const client = clientOf(port, testPassword);
    await client.connect();
    await router.driver.close();
    assert.equal((await client.query("select 1")).rowCount, 1);
    const second = router.again();
    assert.equal(await second.ensure(), "adopted");
    await second.configure([router.endpoint]);
    assert.equal((await client.query("select 1")).rowCount, 1);
    const old = { cluster: "shop", kind: "primary" as const, epoch: 6, state: "hold" as const, targets: [], cut: true };
    await assert.rejects(second.route([old]), { code: "old-epoch" });
    assert.equal((await second.status()).endpoints[0]?.state, "open");
    await client.end();
    await second.stop();
  } finally {
    await router.remove();
  }
});

test("a port in use is refused, and the other endpoints are served", async () => {
  const port = await freePort();
  const router = await startRouter(port, tls);
  try {
    const taken = { ...router.endpoint, kind: "read" as const, listenPort: postgres.port };
    await assert.rejects(router.driver.configure([router.endpoint, taken]), { code: "port-in-use" });
    await router.route("open", [target]);
    assert.equal(await ask(port, testPassword, "select 1"), 1);
  } finally {
    await router.remove();
  }
});

test("a port in use is tried again by itself, and its route is taken meanwhile", async () => {
  const port = await freePort();
  const router = await startRouter(port, tls);
  const stranger = createServer();
  try {
    const readPort = await freePort();
    stranger.listen(readPort, "127.0.0.1");
    await once(stranger, "listening");
    const read = { ...router.endpoint, kind: "read" as const, listenPort: readPort };
    await assert.rejects(router.driver.configure([router.endpoint, read]), { code: "port-in-use" });
    const route = { cluster: "shop", epoch: 1, state: "open" as const, targets: [target], cut: true };
    await router.driver.route([
      { ...route, kind: "primary" },
      { ...route, kind: "read" },
    ]);
    assert.equal(await ask(port, testPassword, "select 1"), 1);
    stranger.close();
    await until("the port is open", () => answers(readPort));
  } finally {
    stranger.close();
    await router.remove();
  }
});

async function answers(port: number): Promise<boolean> {
  const answer = await ask(port, testPassword, "select 1").catch(() => undefined);
  return answer === 1;
}

test("frozen: another takes its place", { timeout: 90_000 }, async (t) => {
  const port = await freePort();
  const router = await startRouter(port, tls);
  try {
    await router.route("open", [target]);
    const restarted = new Promise<Restart>((resolve) => router.driver.onRestart(resolve));
    const since = performance.now();
    signalAll([router.driver.pid ?? 0], "SIGSTOP");
    await restarted;
    assert.equal(await ask(port, testPassword, "select 1"), 1);
    t.diagnostic(`frozen to accepting again: ${(performance.now() - since).toFixed(0)} ms`);
  } finally {
    await router.remove();
  }
});

test("a router of another version takes over: no connection refused, sessions go on and can still be cut", async () => {
  const port = await freePort();
  const router = await startRouter(port, tls);
  const second = router.again("2");
  try {
    await router.route("open", [target], { epoch: 1 });
    const session = clientOf(port, testPassword);
    await session.connect();
    const oldPid = (await router.driver.status()).pid;
    await router.driver.close();
    const stop = new AbortController();
    const closing = { isUnderWay: false, resets: 0 };
    const visits = [{ count: 0 }, { count: 0 }];
    const visitors = visits.map((own) => visit(port, stop.signal, closing, own));
    assert.equal(await second.ensure(), "replaced");
    await second.configure([router.endpoint]);
    const route = { cluster: "shop", kind: "primary" as const, epoch: 1, state: "open" as const, cut: true };
    closing.isUnderWay = true;
    await second.route([{ ...route, targets: [target] }]);
    closing.isUnderWay = false;
    assert.notEqual((await second.status()).pid, oldPid);
    const before = (await second.status()).endpoints[0]?.accepted ?? 0;
    await until("new connections of everyone reach the new one", async () => {
      const accepted = ((await second.status()).endpoints[0]?.accepted ?? 0) - before;
      return accepted > 5 && visits.every(({ count }) => count > 5);
    });
    stop.abort();
    await Promise.all(visitors);

    assert.equal((await session.query("select 1")).rowCount, 1);
    const ended = once(session, "error");
    await second.route([{ ...route, epoch: 2, state: "hold", targets: [] }]);
    assert.equal((await ended)[0].code, "57P01");
    await until("the old one ends with its last session", async () => !isAlive(oldPid));
  } finally {
    await second.stop();
    await router.remove();
  }
});

/**
 * Connects again and again; any failure is the test's, but for one reset while the old router closes its sockets: the
 * kernel resets what arrives between its last look at a queue and the end of the socket (docs/endpoints.md).
 */
async function visit(
  port: number,
  signal: AbortSignal,
  closing: { readonly isUnderWay: boolean; resets: number },
  own: { count: number },
): Promise<void> {
  for (; !signal.aborted; own.count += 1) {
    const mayBeReset = closing.isUnderWay;
    const answer = await ask(port, testPassword, "select 1").catch((error: NodeJS.ErrnoException) => {
      const isKnown = error.code === "ECONNRESET" && (mayBeReset || closing.isUnderWay);
      if (!isKnown || (closing.resets += 1) > 1) throw error;
      return 1;
    });
    assert.equal(answer, 1);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test("a renewed certificate is shown to new connections, old sessions go on", async () => {
  const own = await mkdtemp(join(tmpdir(), "renewal-"));
  const files = await ensureServerCertificate(own, ["localhost", "127.0.0.1"], Date.now());
  const port = await freePort();
  const router = await startRouter(port, files);
  try {
    await router.route("open", [target]);
    const client = clientOf(port, testPassword, { ssl: { rejectUnauthorized: false } });
    await client.connect();
    const first = await shownSerial(port);
    const renewed = await ensureServerCertificate(own, ["localhost", "127.0.0.1", "db.example.org"], Date.now());
    assert.ok(renewed.isNew);
    await until("the new certificate is shown", async () => (await shownSerial(port)) !== first);
    assert.equal((await client.query("select 1")).rowCount, 1);
    await client.end();
  } finally {
    await router.remove();
    await rm(own, { recursive: true, force: true });
  }
});

async function shownSerial(port: number): Promise<string> {
  const raw = connect(port, "127.0.0.1");
  raw.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  await once(raw, "data");
  const socket = connectTls({ socket: raw, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test("its socket and its log are for their owner alone", async () => {
  const router = await startRouter(await freePort(), tls);
  try {
    for (const name of ["router.sock", "router.log"]) {
      assert.equal((await stat(join(router.directory, name))).mode & 0o777, 0o600);
    }
  } finally {
    await router.remove();
  }
});
