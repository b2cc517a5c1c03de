/**
 * Stories of the suite about directories: copied, damaged, without the log they need, gone another way.
 */
import assert from "node:assert/strict";
import { copyFile, readdir, readFile, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { noVoters } from "../../../domain/rule.ts";
import { OpError } from "../../../errors/op-error.ts";
import { ruleOf, sleepUntil, type TestCluster, Writers } from "./cluster.ts";

export async function clone(cluster: TestCluster, byFiles: boolean): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  const writers = await Writers.start(cluster, 1, 4, "local");
  await cluster.sql(1, "CREATE EXTENSION amcheck SCHEMA public");
  await writers.more(500);
  await cluster.server(2).stop(5000, "fence");
  const source = byFiles ? cluster.upstream(1) : { ...cluster.upstream(1), dataDirectory: undefined };
  const told: string[] = [];
  await cluster.server(2).clone(source, (progress) => told.push(progress.how), AbortSignal.timeout(60_000));
  assert.ok(byFiles ? told.includes("copy") || told.includes("reflink") : told.includes("base-backup"));
  await cluster.server(2).startStandby(cluster.upstream(1), ruleOf(1, 1));
  await cluster.streaming(2);
  await writers.more(200);
  await writers.end();
  const sum = "SELECT count(*)::text || ' ' || sum(hashtext(id::text || filler))::text AS sum FROM public.w";
  const [mine] = await cluster.sql(1, sum);
  const [position] = await cluster.sql(1, "SELECT pg_current_wal_insert_lsn()::text AS lsn");
  await sleepUntil(async () => {
    const [row] = await cluster.sql(2, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS ok", [
      position?.["lsn"] ?? "",
    ]);
    return row?.["ok"] === "t";
  });
  const [theirs] = await cluster.sql(2, sum);
  assert.deepEqual(theirs, mine);
  // Reading every page proves its checksum as well.
  const check =
    "SELECT public.bt_index_check('public.w_pkey', true), (SELECT count(*)::text FROM public.verify_heapam('public.w')) AS bad";
  assert.equal((await cluster.sql(2, check))[0]?.["bad"], "0");
  await cluster.server(2).removeKept();
}

export async function abortedClone(cluster: TestCluster): Promise<void> {
  await cluster.start(ruleOf(1, 2));
  await cluster.server(2).stop(5000, "fence");
  const before = await readFile(join(cluster.member(2).config.dataDirectory, "global/pg_control"));
  const abort = new AbortController();
  await assert.rejects(cluster.server(2).clone(cluster.upstream(1), () => abort.abort(), abort.signal));
  assert.deepEqual(await readFile(join(cluster.member(2).config.dataDirectory, "global/pg_control")), before);
  await cluster.server(2).startStandby(cluster.upstream(1), ruleOf(1, 1));
  await cluster.streaming(2);
  const [row] = await cluster.sql(
    1,
    "SELECT count(*)::text AS n FROM pg_stat_activity WHERE query LIKE '%backup_start%' AND pid <> pg_backend_pid()",
  );
  assert.equal(row?.["n"], "0", "the source is out of backup mode");
}

export async function damage(cluster: TestCluster): Promise<void> {
  const { dataDirectory } = cluster.member(1).config;
  const control = join(dataDirectory, "global/pg_control");
  await cluster.server(1).startPrimary(noVoters);
  await cluster.running(1);
  await cluster.server(1).fence();
  await copyFile(control, `${control}.good`);
  await truncate(control, 100);
  const isDamaged = async (): Promise<boolean> => {
    const server = await cluster.server(1).observe(1000);
    return server.kind === "stopped" && server.damaged;
  };
  assert.equal(await isDamaged(), true);
  await copyFile(`${control}.good`, control);
  assert.equal(await isDamaged(), false);
  // The log is gone: found out by a start.
  for (const name of await walSegments(dataDirectory)) await rm(join(dataDirectory, "pg_wal", name));
  await cluster.server(1).startPrimary(noVoters);
  while (cluster.server(1).pid !== undefined) await sleep(5);
  const looks = await Promise.all([1, 2, 3].map(() => cluster.server(1).observe(1000)));
  for (const failed of looks)
    assert.deepEqual(failed.kind === "stopped" && [failed.damaged, failed.failures], [true, 1], "looks at once agree");
  await rm(dataDirectory, { recursive: true });
  assert.equal((await cluster.server(1).observe(1000)).kind, "absent");
}

async function walSegments(dataDirectory: string): Promise<readonly string[]> {
  return (await readdir(join(dataDirectory, "pg_wal"))).filter((name) => name.length === 24);
}

export async function lostLog(cluster: TestCluster): Promise<void> {
  await cluster.start(noVoters);
  await cluster.server(2).stop(5000, "fence");
  await cluster.until(1, (server) => server.kind === "running" && server.idleSlots?.includes("t-2") === true);
  await cluster.server(1).setSlots(["t-2"], ["t-2"]);
  const { slots, idleSlots } = await cluster.running(1);
  assert.deepEqual([slots, idleSlots], [["t-2"], []], "it is there, and keeps nothing");
  await cluster.server(1).setSlots([]);
  const { generation, settings } = cluster.member(1).config.wanted;
  cluster.server(1).want({ generation: generation + 1, settings: { ...settings, wal_keep_size: "0" } });
  await cluster.server(1).configure();
  for (let n = 0; n < 3; n += 1) {
    await cluster.sql(1, "CREATE TABLE IF NOT EXISTS public.w (id int, filler text)");
    await cluster.sql(1, "INSERT INTO public.w SELECT n, 'x' FROM generate_series(1, 10) AS n");
    await cluster.sql(1, "SELECT pg_switch_wal()");
    await cluster.server(1).checkpoint();
  }
  await cluster.server(1).setSlots(["t-2"]);
  await cluster.server(2).startStandby(cluster.upstream(1), noVoters);
  const seen = await cluster.until(2, (server) => server.kind === "running" && server.walMissing);
  assert.equal(seen.kind === "running" && seen.streaming, false);
}

export async function rewind(cluster: TestCluster): Promise<void> {
  await cluster.start(noVoters);
  await Writers.start(cluster, 1, 1).then(async (writers) => {
    await writers.more(20);
    await cluster.server(2).stopReceiver();
    await writers.more(20);
    await writers.end();
  });
  await cluster.server(1).fence();
  await cluster.server(2).promote(2, [], noVoters, 10_000);
  await cluster.server(2).setSlots(["t-1"]);
  const { pgRewind } = cluster.member(1).config.engine.tools;
  if (pgRewind === undefined) {
    await assert.rejects(
      cluster.server(1).rewind(cluster.upstream(2)),
      (e: unknown) => e instanceof OpError && e.code === "not-supported",
    );
    return;
  }
  await cluster.server(1).rewind(cluster.upstream(2));
  await cluster.server(1).startStandby(cluster.upstream(2), noVoters);
  const seen = await cluster.until(
    1,
    (server) => server.kind === "running" && server.streaming && server.timeline === 2,
  );
  assert.equal(seen.kind, "running");
}
