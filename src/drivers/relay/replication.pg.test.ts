/** Streaming replication and copies between two hosts through their relays, with real processes, TLS and Postgres. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { after, before, test } from "node:test";
import type { Upstream } from "../postgres/port.ts";
import { ensureEmbeddedEngine } from "../postgres/engine/embedded.ts";
import { removeTemplates, ruleOf, TestCluster, Writers } from "../postgres/suite/cluster.ts";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { RelayDriver } from "./port.ts";
import { TestHosts, until, type TestHost } from "./testing.ts";

process.env["MATRIARCH_ENGINE_CACHE"] ||= join(tmpdir(), `matriarch-test-engines-${userInfo().uid}`);

const rule = ruleOf(1, 2);
let hosts: TestHosts;
let a: TestHost;
let b: TestHost;
let cluster: TestCluster;
/** t-1 on host a, as host b sees it */
let upstream: Upstream;
const successors: RelayDriver[] = [];

before(async () => {
  hosts = await TestHosts.create();
  [a, b] = [await hosts.add("a", "127.0.0.2"), await hosts.add("b", "127.0.0.3")];
  const engine = await ensureEmbeddedEngine(tmpdir(), 18, { signal: AbortSignal.timeout(120_000) });
  cluster = await TestCluster.create(engine, 2);
  const { member, port } = cluster.member(1).config;
  upstream = { member, socketDirectory: b.socketsOf(a), port, dataDirectory: undefined };
  await a.driver.configure(...settings(a));
  await b.driver.configure(...settings(b));
  await cluster.server(1).startPrimary(rule);
  await cluster.running(1);
  await cluster.server(1).setSlots(["t-2"]);
  await cluster.server(2).startStandby(upstream, rule);
  await cluster.streaming(2);
});
after(async () => {
  await cluster.end();
  for (const successor of successors) await successor.stop();
  await hosts.remove();
  await removeTemplates();
});

/** What host a has, and host b wants. */
function settings(host: TestHost): Parameters<RelayDriver["configure"]> {
  const { member, socketDirectory, port } = cluster.member(1).config;
  if (host === a) return [[{ member, socketDirectory, port }], []];
  return [[], [{ member, host: a.address, socketDirectory: b.socketsOf(a), port }]];
}

async function write(): Promise<Writers> {
  await cluster.sql(1, "drop table if exists public.w");
  return Writers.start(cluster, 1, 1);
}

function longestGap({ acknowledged }: Writers): number {
  return Math.max(...acknowledged.map(({ at }, i) => at - (acknowledged[i - 1]?.at ?? at)));
}

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

test("commits are acknowledged by a standby of another host, and what it has is the same", async () => {
  await cluster.sql(
    1,
    "create table public.big as select i, repeat(md5(i::text), 20) as t from generate_series(1, 100000) i",
  );
  const sum = "select md5(string_agg(md5(t), '' order by i)) as sum from public.big";
  const [primary] = await cluster.sql(1, sum);
  const [end] = await cluster.sql(1, "select pg_current_wal_flush_lsn()::text as lsn");
  await until("replayed", async () => {
    const [row] = await cluster.sql(2, "select pg_last_wal_replay_lsn() >= $1::pg_lsn as there", [
      String(end?.["lsn"]),
    ]);
    return row?.["there"] === "t";
  });
  assert.deepEqual(await cluster.sql(2, sum), [primary]);
});

test("the sockets are for the servers' user only", async () => {
  const directory = await stat(b.socketsOf(a));
  const socket = await stat(join(b.socketsOf(a), `.s.PGSQL.${upstream.port}`));
  assert.equal(directory.mode & 0o777, 0o700);
  assert.equal(socket.mode & 0o077, 0);
  assert.equal(socket.uid, directory.uid);
});

test("a relay that dies: another is there at once, and replication goes on", async (t) => {
  for (const host of [b, a]) {
    const writers = await write();
    try {
      await writers.more(20);
      const restarted = new Promise((resolve) => host.driver.onRestart(resolve));
      process.kill(host.driver.pid ?? 0, "SIGKILL");
      await restarted;
      await cluster.streaming(2);
      await writers.more(20);
    } finally {
      await writers.end();
    }
    const gap = longestGap(writers);
    t.diagnostic(`relay of host ${host.address.name} killed: ${Math.round(gap)} ms without an acknowledged commit`);
    assert.ok(gap < 5000);
  }
});

test("a relay of another version: the stream stays with the old one until it ends by itself", async () => {
  const receiver = async () => (await cluster.sql(2, "select pid::text as pid from pg_stat_wal_receiver"))[0]?.["pid"];
  for (const host of [b, a]) {
    const before = await receiver();
    const oldPid = host.driver.pid;
    await host.driver.close();
    const successor = host.again("2");
    successors.push(successor);
    assert.equal(await successor.ensure(), "replaced");
    await successor.configure(...settings(host));
    assert.notEqual(successor.pid, oldPid);
    const writers = await write();
    await writers.more(20);
    await writers.end();
    assert.equal(await receiver(), before);
    // Another stream goes the new way, and the old relay ends with its last connection.
    await cluster.sql(1, "select pg_terminate_backend(pid) from pg_stat_replication");
    await until("the stream is another", async () => ![before, undefined].includes(await receiver()));
    await until("the old relay has ended", () => hasEnded(oldPid ?? 0));
    await cluster.streaming(2);
    await until("the new relay carries it", async () => (await successor.status()).connections === 1);
  }
});

test("a base backup through the relays", async () => {
  await cluster.server(2).stop(10_000, "fence");
  const how: string[] = [];
  await cluster.server(2).clone(upstream, (progress) => how.push(progress.how), AbortSignal.timeout(60_000));
  assert.ok(how.length > 0 && how.every((way) => way === "base-backup"));
  await cluster.server(2).startStandby(upstream, rule);
  await cluster.streaming(2);
});

test("a primary that dies: its standby's stream ends at once", async (t) => {
  await cluster.server(1).fence();
  const since = performance.now();
  await until(
    "it has noticed",
    async () => (await cluster.sql(2, "select 1 from pg_stat_wal_receiver")).length === 0,
    1000,
  );
  t.diagnostic(`the standby saw its primary's end after ${Math.round(performance.now() - since)} ms`);
});
