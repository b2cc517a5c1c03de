/**
 * Copies and test restores that nobody asks for, over several hosts whose clocks are moved on by days: they are made once when
 * they are due, also when the host that made the last ones is lost; and one test restore at a time, also while the host that
 * makes it is cut off. Not in every run of CI; the schedule itself is tried beside its code.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { operationSchema, type ClusterEvent } from "../../src/contract/cluster.ts";
import { proofsSchema, type ProofStatus } from "../../src/contract/proof.ts";
import { snapshotsSchema, type SnapshotStatus } from "../../src/contract/storage.ts";
import { lastDueAt } from "../../src/domain/snapshot.ts";
import { signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { hasFakeClock, Lab } from "./lab/lab.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** A look a minute, and a test restore. */
const careMs = 240_000;
const noClock = hasFakeClock() ? false : "steps of the clock need Debian's package libfaketime";

describe("what is made by itself over several hosts", { skip: whyNoLab() || noClock }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  /** when the next daily snapshot is due, by real clocks; a proof each day is due with it */
  let due: number;

  before(
    async () => {
      lab = await Lab.make({ fakeClock: true });
      cluster = await LabCluster.create(lab, "shop");
      const primary = await cluster.primary();
      await primary.ok("connect", "shop", "-c", "CREATE TABLE t AS SELECT 7 AS n");
      await primary.ok("backup", "set", "shop", "--proof", "daily");
      due = lastDueAt("shop", Date.now()) + dayMs;
    },
    { timeout: 180_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  async function proofs(by: Host): Promise<readonly ProofStatus[]> {
    return proofsSchema.parse(await by.api("/v1/clusters/shop/proofs")).proofs;
  }

  async function snapshots(by: Host): Promise<readonly SnapshotStatus[]> {
    return snapshotsSchema.parse(await by.json("snapshot", "list", "shop")).snapshots;
  }

  test("a host is cut off with a test restore under way: another is refused, and one record is kept", async () => {
    const primary = await cluster.primary();
    const [making] = await cluster.standbys();
    assert.ok(making);
    await primary.ok("snapshot", "create", "shop", "--member", cluster.memberOn(making).id);
    void making.matriarch(["backup", "verify", "shop"], { withinMs: careMs });
    let frozen: readonly number[] = [];
    const copy = new RegExp(`/postgres .*${making.home}/proofs/`);
    await until("the copy's server", () => {
      frozen = making.find(copy);
      signalAll(frozen, "SIGSTOP");
      return frozen.length > 0 ? true : undefined;
    });
    const { id } = await until("the primary's host to know of it", async () => {
      const all = operationSchema.array().safeParse(await primary.api("/v1/operations?cluster=shop&state=running"));
      return all.data?.find(({ kind, host }) => kind === "restore test" && host === making.name);
    });
    // From here on there is another one to make.
    await primary.ok("snapshot", "create", "shop", "--member", cluster.memberOn(primary).id);
    await making.vanish();
    await until("it to be taken for lost", async () => {
      const { missing } = snapshotsSchema.parse(await primary.json("snapshot", "list", "shop"));
      return missing.some(({ host }) => host === making.name) ? true : undefined;
    });
    const refused = await primary.matriarch(["backup", "verify", "shop"]);
    assert.equal(refused.code, 3, refused.stdout + refused.stderr);
    assert.match(refused.stderr, new RegExp(`is under way already(.*\\n)*.*on host "${making.name}"`));
    await lab.network.mend();
    signalAll(frozen, "SIGCONT");
    const ended = await until(
      "its end to be told",
      async () => {
        const read = operationSchema.safeParse(await primary.api(`/v1/operations/${id}`));
        return read.success && read.data.state !== "running" ? read.data : undefined;
      },
      { withinMs: careMs },
    );
    assert.equal(ended.state, "done", JSON.stringify(ended));
    assert.deepEqual(
      (await proofs(primary)).map(({ passed }) => passed),
      [true],
    );
    await cluster.healthy();
    await primary.ok("backup", "verify", "shop");
    assert.equal((await proofs(primary)).length, 2);
  });

  /** All hosts', so long after the daily time of that day. */
  function moveOn(day: number, ms: number): void {
    const seconds = Math.round((due + day * dayMs + ms - Date.now()) / 1000);
    for (const host of lab.hosts) host.setClock(`+${seconds}`);
  }

  const isOf = (day: number, at: string): boolean => Date.parse(at) >= due + day * dayMs;

  /** Of that day, by whoever makes them now. */
  async function made(day: number, by: Host): Promise<SnapshotStatus> {
    moveOn(day, 30 * minuteMs);
    let seen: unknown;
    const snapshot = await until(
      `the daily snapshot of day ${day}`,
      async () => {
        const all = await snapshots(by);
        seen = all;
        return all.find(({ why, taken_at: at }) => why === "daily" && isOf(day, at));
      },
      { withinMs: careMs, seen: () => JSON.stringify(seen) },
    );
    // One that had nothing to begin with, or was looked for first, is tried again after an hour.
    moveOn(day, 120 * minuteMs);
    const proof = await until(
      `the proof of day ${day}`,
      async () => {
        const all = await proofs(by);
        seen = [all, (await cluster.events(by)).slice(-12)];
        return all.find(({ by: who, made_at: at }) => who === "matriarch" && isOf(day, at));
      },
      { withinMs: careMs, seen: () => JSON.stringify(seen) },
    );
    assert.deepEqual(proof.problems, []);
    return snapshot;
  }

  /** Since the cluster was made, by day: how many there are. */
  async function counts(by: Host): Promise<readonly (readonly number[])[]> {
    const daily = (await snapshots(by)).filter(({ why }) => why === "daily").map(({ taken_at: at }) => at);
    const own = (await proofs(by)).filter(({ by: who }) => who === "matriarch").map(({ made_at: at }) => at);
    const perDay = (times: readonly string[]): readonly number[] =>
      [0, 1, 2].map((day) => times.filter((at) => isOf(day, at) && !isOf(day + 1, at)).length);
    return [perDay(daily), perDay(own)];
  }

  test("each day one of both; the host that made them is lost, another goes on, and none is made twice when it is back", async () => {
    const first = await cluster.primary();
    await made(0, first);
    assert.deepEqual(await counts(first), [
      [1, 0, 0],
      [1, 0, 0],
    ]);
    const [asked] = await cluster.standbys();
    assert.ok(asked);
    await first.kill();
    await cluster.until(
      "another primary",
      ({ primary, members }) => primary !== null && members.find(({ id }) => id === primary)?.host !== first.name,
      60_000,
      asked,
    );
    const second = await made(1, asked);
    assert.notEqual(second.host, first.name);
    first.boot();
    await cluster.healthy(120_000);
    await made(2, asked);
    await until("the host that was lost to tell of its snapshots", async () => {
      const { missing } = snapshotsSchema.parse(await asked.json("snapshot", "list", "shop"));
      return missing.length === 0 ? true : undefined;
    });
    assert.deepEqual(await counts(asked), [
      [1, 1, 1],
      [1, 1, 1],
    ]);
    const failed = ({ type }: ClusterEvent): boolean => ["snapshot.failed", "proof.failed"].includes(type);
    assert.deepEqual((await cluster.events(asked)).filter(failed), []);
  });
});
