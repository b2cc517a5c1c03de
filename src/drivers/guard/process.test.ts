/** Real guards on addresses of this machine: killed, frozen, replaced and left alone; and what they do to servers. */
import assert from "node:assert/strict";
import { existsSync, readlinkSync, readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { feedOf } from "../../guard/testing.ts";
import type { MemberFeed } from "../../guard/wire.ts";
import { now, patient, startHosts, startServer, until, usual, type TestHost, type TestHosts } from "./testing.ts";

let all: TestHosts;
let a: TestHost;
let b: TestHost;
let c: TestHost;
let pids: number[] = [];

async function start(timings = patient): Promise<void> {
  all = await startHosts(["a", "b", "c"], timings);
  [a, b, c] = [all.hosts[0]!, all.hosts[1]!, all.hosts[2]!];
}
afterEach(async () => {
  for (const pid of pids) signal(-pid, "SIGKILL");
  pids = [];
  for (const { driver } of all.hosts) if (driver.pid !== undefined) signal(driver.pid, "SIGCONT");
  await all.remove();
});

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // gone
  }
}

async function server(deaf = false) {
  const started = await startServer(join(all.directory, "data"), deaf);
  pids.push(started.pid);
  return started;
}

/** a holds the epoch and serves with `server`, b and c vote. */
async function serving(found: { readonly pid: number; readonly directory: string }): Promise<Partial<MemberFeed>> {
  const postmaster = { pid: found.pid, isPrimary: true, dataDirectory: found.directory };
  await b.feed(feedOf("b", { postmaster: null }));
  await c.feed(feedOf("c", { postmaster: null }));
  await a.feed(feedOf("a", { postmaster, open: false }));
  await until("promises", () => a.report?.members[0]?.held.length === 2);
  await a.feed(feedOf("a", { postmaster }));
  return { postmaster };
}

function worksIn(directory: string): number {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === directory;
    } catch {
      return false;
    }
  }).length;
}

async function staysAlive(pid: number, ms: number): Promise<void> {
  for (const end = now() + ms; now() < end; await sleep(50))
    assert.ok(existsSync(`/proc/${pid}`), "the server was ended");
}

test("promises come within milliseconds and go on", async (t) => {
  await start();
  await b.feed(feedOf("b", { postmaster: null }));
  await c.feed(feedOf("c", { postmaster: null }));
  await until("links", () => Object.keys(a.report?.heard ?? {}).length === 2);
  const tookMs = await a
    .feed(feedOf("a", { postmaster: null, open: false }))
    .then(() => until("promises", () => a.report?.members[0]?.held.length === 2));
  t.diagnostic(`feed to two promises reported: ${tookMs.toFixed(1)} ms`);
  assert.equal(b.member().given?.holder, "shop-a");
  const before = a.member().held[0]?.safeUntil ?? 0;
  await until("renewal", () => (a.member().held[0]?.safeUntil ?? 0) > before + usual.heartbeatMs / 2);
});

test("a primary whose voters are frozen is ended before they are free, with all of its processes", async () => {
  await start(usual);
  const found = await server(true);
  await serving(found);
  await Promise.all([b, c].map((host) => host.driver.close()));
  for (const host of [b, c]) process.kill(host.pid, "SIGSTOP");
  const stoppedAt = now();
  await until("no process of the server", () => worksIn(found.directory) === 0);
  for (const host of [b, c]) process.kill(host.pid, "SIGKILL");
  await until("told", () => a.member().fenced?.because === "promises-ended");
  const tookMs = (a.member().fenced?.at ?? Infinity) - stoppedAt;
  // How exact it is, is shown on the virtual clock (guard/core.test.ts); here the machine may be slow.
  assert.ok(tookMs < 4 * usual.promiseMs, `after ${tookMs} ms`);
});

test("one voter frozen is not noticed where one of two must promise", async () => {
  await start();
  const found = await server();
  await serving(found);
  await b.driver.close();
  process.kill(b.pid, "SIGSTOP");
  await staysAlive(found.pid, 2500);
  process.kill(b.pid, "SIGKILL");
});

test("a stopped server is ended as well, and at once when it has no right to be a primary", async () => {
  await start();
  const found = await server();
  const { postmaster = null } = await serving(found);
  signal(-found.pid, "SIGSTOP");
  const since = now();
  await a.feed(feedOf("a", { epoch: 2, holds: false, postmaster }));
  await until("no process of the server", () => worksIn(found.directory) === 0);
  await until("told", () => a.member().fenced?.because === "not-holder");
  assert.ok((a.member().fenced?.at ?? Infinity) - since < 5000);
});

test("another process that was given the postmaster's pid is left alone, and so are other directories", async () => {
  await start();
  const found = await server();
  const other = join(all.directory, "other");
  const postmaster = { pid: found.pid, isPrimary: true, dataDirectory: other };
  await a.feed(feedOf("a", { epoch: 2, holds: false, postmaster }));
  await staysAlive(found.pid, 500);
  assert.equal(a.member().fenced, null);
});

test("an agent that stands still: heartbeats end with the time of its last feed, and the server with them", async () => {
  await start(usual);
  const found = await server();
  const { postmaster = null } = await serving(found);
  a.standStill();
  const spokeMs = 9800;
  await a.driver.feed([feedOf("a", { postmaster })], now() - spokeMs);
  const since = now();
  await until("no process of the server", () => worksIn(found.directory) === 0);
  const tookMs = now() - since;
  assert.ok(tookMs > usual.promiseMs - usual.marginMs - 200 && tookMs < 8000, `after ${tookMs} ms`);
});

test("killed: another is there at once, goes on with the promises, and the server does not notice", async (t) => {
  await start();
  const found = await server();
  await serving(found);
  for (const host of [a, b, a]) {
    const restarted = new Promise<number>((resolve) => host.driver.onRestart(({ tookMs }) => resolve(tookMs)));
    process.kill(host.pid, "SIGKILL");
    t.diagnostic(`${host.name} back after ${(await restarted).toFixed(0)} ms`);
    await staysAlive(found.pid, 1500);
  }
  await until("promises again", () => a.member().held.every(({ safeUntil }) => safeUntil > now()));
});

test("frozen: replaced before its promises end", async (t) => {
  await start();
  const found = await server();
  await serving(found);
  const restarted = new Promise<number>((resolve) => a.driver.onRestart(() => resolve(now())));
  const since = now();
  process.kill(a.pid, "SIGSTOP");
  t.diagnostic(`another one after ${((await restarted) - since).toFixed(0)} ms`);
  await staysAlive(found.pid, 2000);
});

test("frozen with its agent and thawed after its time: the server is ended before anything is said", async () => {
  await start(usual);
  const found = await server();
  await serving(found);
  a.standStill();
  const { pid } = a;
  await a.driver.close();
  process.kill(pid, "SIGSTOP");
  await sleep(3000);
  assert.ok(existsSync(`/proc/${found.pid}`));
  const thawedAt = now();
  process.kill(pid, "SIGCONT");
  await until("no process of the server", () => worksIn(found.directory) === 0);
  assert.ok(now() - thawedAt < 10_000);
  await a.again("1").ensure();
});

test("a guard that is started, and no agent comes: primaries that were known are ended", async () => {
  await start();
  const found = await server();
  await serving(found);
  await until("file of known servers", () => existsSync(join(a.home, "guard.servers")));
  a.standStill();
  await a.driver.stop();
  assert.ok(existsSync(`/proc/${found.pid}`));
  await a.again("1").ensure();
  await until("no process of the server", () => worksIn(found.directory) === 0);
  await a.feed(feedOf("a", { postmaster: null }));
  await until("told", () => a.member().fenced?.because === "no-agent");
});

test("a new agent adopts it, one of a new version replaces it, and the server does not notice", async () => {
  await start();
  const found = await server();
  const { postmaster = null } = await serving(found);
  const feed = feedOf("a", { postmaster });
  const { pid } = a;
  a.standStill();
  await a.driver.close();
  assert.equal(await a.again("1").ensure(), "adopted");
  assert.equal(a.pid, pid);
  await a.feed(feed);
  await staysAlive(found.pid, 1000);
  a.standStill();
  await a.driver.close();
  assert.equal(await a.again("2").ensure(), "replaced");
  await a.driver.hosts(all.addresses, patient);
  await a.feed(feed);
  await staysAlive(found.pid, 2000);
  assert.notEqual(a.pid, pid);
});

test("release frees the voters within milliseconds", async (t) => {
  await start();
  await serving(await server());
  a.standStill();
  const since = now();
  await a.driver.release("shop", 1);
  await until("free", () => b.member().given === null && c.member().given === null);
  t.diagnostic(`release to both voters' agents: ${(now() - since).toFixed(1)} ms`);
});

test("SIGTERM ends it; what it writes is for its owner alone; nonsense from an agent is refused", async () => {
  await start();
  await a.feed(feedOf("a", { postmaster: null }));
  await until("file of known servers", () => existsSync(join(a.home, "guard.servers")));
  for (const name of ["guard.sock", "guard.log", "guard.servers"])
    assert.equal((await stat(join(a.home, name))).mode & 0o777, 0o600);
  for (const nonsense of [{ epoch: -1 }, { postmaster: { pid: 1, isPrimary: true, dataDirectory: "/" } }])
    await assert.rejects(a.feed(feedOf("a", nonsense)), { code: "bad-value" });
  const { pid } = a;
  await a.driver.close();
  process.kill(pid, "SIGTERM");
  await until("the end", () => !existsSync(`/proc/${pid}`));
  await a.again("1").ensure();
});
