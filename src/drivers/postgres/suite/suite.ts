/**
 * What every engine's member server must do, on real servers. Called by the tests, once for each engine.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { signalAll } from "../../../../tests/faults/processes.ts";
import { parseLsn } from "../../../domain/lsn.ts";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine } from "../port.ts";
import { isAlive, processesOf, signal } from "../server/processes.ts";
import { ghostRule, removeTemplates, ruleOf, TestCluster, sleepUntil, waitMs, Writers } from "./cluster.ts";
import { noVoters } from "../../../domain/rule.ts";
import { abortedClone, clone, damage, lostLog, rewind } from "./copies.ts";

type Story = (cluster: TestCluster) => Promise<void>;

export function memberServerSuite(engine: Engine): void {
  after(removeTemplates);
  const label = `${engine.kind} ${engine.major}`;
  const story = (name: string, run: Story, members = 3): void => {
    test(`${label}: ${name}`, { timeout: 120_000 }, async () => {
      const cluster = await TestCluster.create(engine, members);
      try {
        await run(cluster);
      } finally {
        await cluster.end();
      }
    });
  };

  story("start, adopt by a new agent, notice the end", adopt, 1);
  story("kill -9 of the postmaster leaves orphans; the next start clears them", orphans, 1);
  story("a pid file whose number belongs to another process is no obstacle", stalePidFile, 1);
  story("a frozen postmaster, a frozen server; fence ends both", frozen, 1);
  story("a clean stop tells the end of the log, and the standby has it", cleanEnd, 2);
  story("stopReceiver is final under load", finalReceiver, 2);
  story("stopReceiver waits for a startup process that has not heard of it", deafStartup, 2);
  story("setRule waits for a walsender and a checkpointer that have not heard of it", deafFollowers, 2);
  story("a restarted standby has no position below what it acknowledged", positionAfterCrash, 2);
  story("a standby whose log ends with a switch of segments has a position, and a timeline", positionAtSwitch, 2);
  story("promotions never share a timeline; the others follow", timelines);
  story("no acknowledgement by the old rule once setRule has returned", rules, 2);
  story("barrier is not fooled by a cancelled wait, and can be aborted", barrier, 2);
  story("clone by files under load, streams, holds the same rows", (cluster) => clone(cluster, true), 2);
  if (engine.major >= 15) {
    story("clone by base backup under load, streams, holds the same rows", (cluster) => clone(cluster, false), 2);
  }
  story("a clone that is aborted leaves the old directory", abortedClone, 2);
  story("damage is told from trouble", damage, 1);
  story("lost log is told", lostLog, 2);
  story("rewind of a diverged primary, or a plain refusal", rewind, 2);
}

async function adopt(cluster: TestCluster): Promise<void> {
  const fresh = await cluster.server(1).observe(1000);
  assert.equal(fresh.kind === "stopped" && fresh.clean && !fresh.damaged && fresh.failures === 0, true);
  await cluster.server(1).startPrimary(noVoters);
  const first = await cluster.running(1);
  const pid = cluster.server(1).pid;
  const adopted = await cluster.forgetServer(1);
  assert.equal(adopted.pid, undefined);
  const again = await cluster.running(1);
  assert.equal(adopted.pid, pid);
  assert.equal(again.timeline, first.timeline);
  const ended = new Promise<number>((resolve) => {
    adopted.onChange(() => resolve(performance.now()));
  });
  const killedAt = performance.now();
  signal(pid ?? 0, "SIGKILL");
  assert.ok((await ended) - killedAt < 500, "the end of an adopted server is noticed by its session");
  const stopped = await cluster.until(1, (server) => server.kind === "stopped");
  assert.equal(stopped.kind === "stopped" && !stopped.clean && stopped.wasPrimary && stopped.failures === 1, true);
}

async function orphans(cluster: TestCluster): Promise<void> {
  await cluster.server(1).startPrimary(noVoters);
  await cluster.running(1);
  // A backend that never waits for anything does not notice that its postmaster is gone.
  cluster.sql(1, "DO $$ BEGIN LOOP END LOOP; END $$").catch(() => undefined);
  await cluster.until(1, () => true);
  await sleepUntil(async () => {
    const rows = await cluster.sql(1, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'");
    return rows.length > 0;
  });
  const { dataDirectory } = cluster.member(1).config;
  const pid = cluster.server(1).pid ?? 0;
  signal(pid, "SIGKILL");
  await cluster.until(1, (server) => server.kind === "stopped");
  await sleepUntil(async () => (await processesOf(dataDirectory)).length <= 2);
  // The backend, and the log's writer, which stays while somebody can write.
  assert.ok((await processesOf(dataDirectory)).length > 0);
  await cluster.server(1).startPrimary(noVoters);
  await cluster.running(1);
  await cluster.server(1).fence();
  assert.deepEqual(await processesOf(dataDirectory), []);
}

async function stalePidFile(cluster: TestCluster): Promise<void> {
  const { dataDirectory, owner } = cluster.member(1).config;
  const other = spawn("sleep", ["60"], owner ? { uid: owner.uid, gid: owner.gid } : {});
  try {
    await writeFile(
      join(dataDirectory, "postmaster.pid"),
      `${other.pid}\n${dataDirectory}\n1\n5432\n\n\n  1 1\nready   \n`,
    );
    assert.equal((await cluster.server(1).observe(1000)).kind, "stopped");
    await cluster.server(1).startPrimary(noVoters);
    await cluster.running(1);
    assert.ok(other.pid !== undefined && isAlive(other.pid), "the other process is left alone");
  } finally {
    other.kill("SIGKILL");
  }
}

async function frozen(cluster: TestCluster): Promise<void> {
  await cluster.server(1).startPrimary(noVoters);
  await cluster.running(1);
  const { dataDirectory } = cluster.member(1).config;
  const pid = cluster.server(1).pid ?? 0;
  signalAll([pid], "SIGSTOP");
  const seen = await cluster.server(1).observe(500);
  assert.deepEqual([seen.kind, seen.kind === "unresponsive" && seen.role], ["unresponsive", "primary"]);
  signal(pid, "SIGCONT");
  await cluster.running(1);
  const backends = (await processesOf(dataDirectory)).filter((other) => other !== pid);
  signalAll(backends, "SIGSTOP");
  assert.equal((await cluster.server(1).observe(500)).kind, "unresponsive", "an observation keeps its bound");
  signalAll([pid, ...backends], "SIGSTOP");
  await cluster.server(1).fence();
  assert.deepEqual(await processesOf(dataDirectory), []);
  const stopped = await cluster.server(1).observe(1000);
  assert.equal(stopped.kind === "stopped" && stopped.failures === 0, true, "a wanted end is no failure");
}

async function cleanEnd(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  const writers = await Writers.start(cluster, 1, 2);
  await writers.more(50);
  assert.equal(await cluster.server(1).stop(10_000, "give-up"), "stopped");
  await writers.end();
  const stopped = await cluster.server(1).observe(1000);
  assert.ok(stopped.kind === "stopped" && stopped.clean && stopped.end !== undefined);
  const standby = await cluster.until(2, (server) => server.kind === "running" && !server.receiving);
  assert.ok(standby.kind === "running");
  assert.equal(standby.flushed, stopped.end);
  await cluster.server(1).startStandby(null, ruleOf(1, 2));
  const back = await cluster.running(1);
  assert.deepEqual([back.role, back.flushed, back.upstream], ["standby", stopped.end, null]);
}

async function finalReceiver(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  const writers = await Writers.start(cluster, 1, 4, "local");
  for (let round = 0; round < 5; round += 1) {
    await writers.more(100);
    await cluster.server(2).stopReceiver();
    const before = await cluster.server(2).observe(1000);
    assert.ok(before.kind === "running" && !before.receiving && before.upstream === null);
    await writers.more(300);
    const after = await cluster.server(2).observe(1000);
    assert.ok(after.kind === "running" && !after.receiving);
    assert.equal(after.flushed, before.flushed);
    assert.equal(after.timeline, before.timeline);
    // Nothing above what the log files hold, nothing below: the replayed position gets there and no further.
    assert.equal(
      (await cluster.until(2, (s) => s.kind === "running" && s.replayed === before.flushed)).kind,
      "running",
    );
    await cluster.server(2).follow(cluster.upstream(1));
    await cluster.streaming(2);
  }
  await writers.end();
}

async function deafStartup(cluster: TestCluster): Promise<void> {
  await cluster.start(noVoters);
  await whileFrozen(cluster, 2, "startup", () => cluster.server(2).stopReceiver());
  const after = await cluster.server(2).observe(1000);
  assert.equal(after.kind === "running" && after.receiving, false);
}

async function deafFollowers(cluster: TestCluster): Promise<void> {
  await cluster.start(noVoters);
  await whileFrozen(cluster, 1, "checkpointer", () => cluster.server(1).setRule(ruleOf(1, 2)));
  await whileFrozen(cluster, 1, "walsender", () => cluster.server(1).setRule(ghostRule));
}

async function positionAfterCrash(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  await cluster.sql(1, "CREATE TABLE public.w (id int PRIMARY KEY, filler text)");
  // More log than a restart replays before it takes sessions.
  await cluster.sql(1, "INSERT INTO public.w SELECT n, 'x' FROM generate_series(1, 300000) AS n");
  const acknowledged = await cluster.server(1).barrier(AbortSignal.timeout(waitMs));
  await cluster.server(2).fence();
  await cluster.server(2).startStandby(null, ruleOf(1, 1));
  const first = await cluster.running(2);
  assert.ok(first.flushed >= acknowledged, `${first.flushed} is below ${acknowledged}`);
  assert.equal(first.timeline, 1);
}

/** The rest of the segment is empty then, and without a receiver the files alone tell whose log it is. */
async function positionAtSwitch(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  await cluster.sql(1, "CREATE TABLE public.w (id int)");
  await cluster.sql(1, "SELECT pg_switch_wal()::text");
  const [row] = await cluster.sql(1, "SELECT pg_current_wal_lsn()::text AS lsn");
  const end = parseLsn(String(row?.["lsn"]));
  await cluster.until(2, (server) => server.kind === "running" && server.flushed >= end);
  await cluster.server(1).fence();
  const alone = await cluster.until(2, (server) => server.kind !== "running" || !server.receiving);
  assert.deepEqual([alone.kind, alone.kind === "running" && alone.timeline], ["running", 1]);
  assert.ok(alone.kind === "running" && alone.flushed >= end);
}

/** `change` must not end while this process of the server can follow nothing, and must end when it can. */
async function whileFrozen(
  cluster: TestCluster,
  n: number,
  kind: string,
  change: () => Promise<unknown>,
): Promise<void> {
  const [row] = await cluster.sql(n, "SELECT pid::text FROM pg_stat_activity WHERE backend_type = $1", [kind]);
  const pid = Number(row?.["pid"]);
  signalAll([pid], "SIGSTOP");
  let isOver = false;
  try {
    const changing = change().then(() => {
      isOver = true;
    });
    changing.catch(() => undefined);
    await sleep(1000);
    assert.equal(isOver, false, `it went on without the ${kind}`);
    signal(pid, "SIGCONT");
    await changing;
  } finally {
    signal(pid, "SIGCONT");
  }
}

async function timelines(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2, 3));
  const writers = await Writers.start(cluster, 1, 2);
  await writers.more(50);
  await cluster.server(1).fence();
  await writers.end();
  await Promise.all([cluster.server(2).stopReceiver(), cluster.server(3).stopReceiver()]);
  const [two, three] = [await cluster.running(2), await cluster.running(3)];
  // Timelines 2 to 4 were reserved by others, who may have used them.
  const fork = await cluster.server(2).promote(5, [], ruleOf(1, 3), 10_000);
  assert.equal(fork, two.flushed);
  const promoted = await cluster.running(2);
  assert.deepEqual([promoted.role, promoted.timeline, promoted.syncNames], ["primary", 5, 'ANY 1 ("t-3.1")']);
  await cluster.server(2).setSlots(["t-1", "t-3"]);
  if (three.flushed <= fork) {
    await cluster.server(3).follow(cluster.upstream(2));
    await cluster.server(2).barrier(AbortSignal.timeout(waitMs));
    await cluster.until(3, (server) => server.kind === "running" && server.streaming && server.timeline === 5);
    // The standby has the placeholders too, and a restart does not make it stumble over them.
    await cluster.server(3).stop(5000, "fence");
    await cluster.server(3).startStandby(cluster.upstream(2), ruleOf(1, 2));
    await cluster.streaming(3);
    await cluster.server(2).fence();
    await cluster.server(3).stopReceiver();
    await cluster.server(3).promote(7, [], noVoters, 10_000);
    const [row] = await cluster.sql(3, "SELECT count(*)::text AS n FROM public.w");
    assert.ok(Number(row?.["n"]) >= writers.acknowledged.length);
    assert.equal((await cluster.running(3)).timeline, 7);
  }
  const names = cluster.members.map(({ config }) => join(config.dataDirectory, "pg_wal/00000005.history"));
  const texts = await Promise.all(names.map((name) => readFile(name, "utf8").catch(() => "")));
  assert.equal(new Set(texts.filter((text) => text !== "")).size, 1, "one timeline 5 in the world");
}

async function rules(cluster: TestCluster): Promise<void> {
  await cluster.start(noVoters);
  const writers = await Writers.start(cluster, 1, 4);
  for (let round = 0; round < 6; round += 1) {
    await writers.more(50);
    // From no wait to one for a ghost, and from a wait for a voter to one for a ghost.
    if (round % 2 === 1) await cluster.server(1).setRule(ruleOf(1, 2));
    await writers.more(50);
    const end = await cluster.server(1).setRule(ghostRule);
    // What was released before may still be on its way to its client; nothing later is released.
    await sleep(100);
    const count = writers.acknowledged.length;
    await sleep(100);
    assert.equal(writers.acknowledged.length, count, "no acknowledgement without a voter");
    const [row] = await cluster.sql(1, "SELECT max(id)::text AS id FROM public.w");
    assert.ok(row !== undefined && end > 0n);
    assert.equal((await cluster.running(1)).syncNames, 'ANY 1 ("ghost.1")');
    await cluster.server(1).setRule(noVoters);
  }
  await writers.end();
}

async function barrier(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  const passed = await cluster.server(1).barrier(AbortSignal.timeout(waitMs));
  assert.ok((await cluster.streaming(2)).flushed >= passed);
  await cluster.server(1).setRule(ghostRule);
  const waiting =
    "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'matriarch barrier' AND wait_event = 'SyncRep'";
  const cancelled = cluster.server(1).barrier(AbortSignal.timeout(waitMs));
  cancelled.catch(() => undefined);
  await sleepUntil(async () => (await cluster.sql(1, waiting)).length === 1);
  const [row] = await cluster.sql(1, waiting);
  await cluster.sql(1, "SELECT pg_cancel_backend($1::int)", [row?.["pid"] ?? "0"]);
  await assert.rejects(cancelled, (error: unknown) => error instanceof OpError && error.code === "operation-failed");
  const abort = new AbortController();
  const aborted = cluster.server(1).barrier(abort.signal);
  aborted.catch(() => undefined);
  await sleepUntil(async () => (await cluster.sql(1, waiting)).length === 1);
  abort.abort();
  await assert.rejects(aborted);
  await sleepUntil(async () => (await cluster.sql(1, waiting)).length === 0);
}
