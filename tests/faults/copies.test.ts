/**
 * Copies of a cluster while something breaks: what is copied is never harmed by it, and a copy is whole or not there. The
 * programs that copy are held with a signal, so that the fault comes in the middle of the copy and not beside it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { z } from "zod";
import { snapshotsSchema } from "../../src/contract/storage.ts";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation, type Ran } from "./installation.ts";
import { isAlive, signalAll } from "./processes.ts";

/** Its copy takes long enough to be met. */
const ballast = "CREATE TABLE ballast AS SELECT n, repeat('x', 900) AS t FROM generate_series(1, 60000) AS n";

const madeSchema = z.object({ uri: z.string() });

describe("copies while the source breaks (2 members, quorum)", () => {
  test("the primary is lost while a standby is copied: no write is lost, and the copy is whole or not there", async (t) => {
    const { installation, cluster } = await begun(t, "--members", "2");
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      const forking = await held(installation, ["fork", "shop", "pr-1", "--json"]);
      const snapshotting = await held(installation, ["snapshot", "create", "shop"]);
      const { epoch: before, primary } = await cluster.healthy();
      await endAll([(await cluster.primary()).pid]);
      await cluster.until("the standby to have become the primary", (s) => s.epoch > before && s.primary !== primary);
      await writer.acknowledged(20, 30_000);
      for (const { letGo } of [forking, snapshotting]) letGo();
      const [fork, snapshot] = [await forking.ended, await snapshotting.ended];
      await isWholeOrNothing(installation, fork);
      if (snapshot.code !== 0) assertRefused(snapshot, /could not be copied(.*\n)*DETAIL: {2}Its server (.*\n)*HINT/);
      assert.equal((await snapshotsOf(installation)).length, snapshot.code === 0 ? 1 : 0);
    });
    await cluster.event(["failover.done", "primary.restarted"], since);
    const rows = await cluster.query("SELECT count(*)::int AS n FROM story_1");
    const fork = await forked(installation, "pr-2");
    assert.deepEqual((await fork.query("SELECT count(*)::int AS n FROM story_1")).rows, rows);
    await fork.end();
  });

  test("the only member is killed while it is copied: it comes back, the copy ends in words, and is made again", async (t) => {
    const { installation, cluster } = await begun(t, "--members", "1");
    await cluster.story(async (writer) => {
      const snapshotting = await held(installation, ["snapshot", "create", "shop"]);
      const forking = await held(installation, ["fork", "shop", "pr-1", "--json"]);
      await endAll([(await cluster.primary()).pid]);
      await writer.acknowledged(20, 30_000);
      for (const { letGo } of [forking, snapshotting]) letGo();
      for (const { ended } of [forking, snapshotting])
        assertRefused(await ended, /"shop-1" could not be copied(.*\n)*DETAIL: {2}Its server (.*\n)*HINT/);
      assert.deepEqual(await clustersOf(installation), ["shop"]);
      assert.deepEqual(await snapshotsOf(installation), []);
    });
    await installation.ok("snapshot", "create", "shop");
  });
});

describe("two at once", () => {
  test("copies of one cluster under load: those that may be together are, the others are refused and change nothing", async (t) => {
    const { installation, cluster } = await begun(t, "--members", "1");
    await installation.ok("snapshot", "create", "shop");
    const [first = ""] = await snapshotsOf(installation);
    await cluster.story(async () => {
      const one = await held(installation, ["fork", "shop", "pr-1", "--from-snapshot", first]);
      const snapshotting = await held(installation, ["snapshot", "create", "shop"]);
      const refused = [
        { args: ["snapshot", "create", "shop"], why: /a snapshot of "shop" is being taken already/ },
        { args: ["snapshot", "delete", "shop", first, "--yes"], why: /a cluster is being made of snapshot/ },
        { args: ["fork", "shop", "pr-1"], why: /pr-1/ },
        { args: ["destroy", "pr-1", "--yes"], why: /pr-1/ },
      ];
      for (const { args, why } of refused) {
        const ran = await installation.run(args);
        assert.ok(ran.code === 3 || ran.code === 5, `${args.join(" ")}: ${ran.code} ${ran.stdout}${ran.stderr}`);
        assert.match(ran.stderr, why);
      }
      const another = installation.run(["fork", "shop", "pr-2"]);
      for (const { letGo } of [one, snapshotting]) letGo();
      for (const { code, stderr } of [await one.ended, await snapshotting.ended, await another])
        assert.equal(code, 0, stderr);
    });
    assert.equal((await snapshotsOf(installation)).length, 2);
    assert.deepEqual((await clustersOf(installation)).toSorted(), ["pr-1", "pr-2", "shop"]);
    await installation.ok("snapshot", "delete", "shop", first, "--yes");
  });
});

describe("a failover inside the window (2 members, quorum)", () => {
  test("restores to before and after it, and while the next one happens: each row is there, and none too many", async (t) => {
    const { installation, cluster } = await begun(t, "--members", "2");
    await cluster.query("CREATE TABLE rows (id int PRIMARY KEY)");
    await installation.ok("snapshot", "create", "shop");
    const times: string[] = [];
    for (const id of [1, 2]) {
      await cluster.query(`INSERT INTO rows VALUES (${id})`);
      const [now] = await cluster.query(
        `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"') AS at`,
      );
      times.push(String(now?.["at"]));
      if (id < 2) await failOver(cluster);
    }
    const restored = async (at: string): Promise<unknown> => {
      const ran = await installation.run(["restore", "shop", "back", "--at", at, "--json"]);
      assert.equal(ran.code, 0, ran.stderr);
      const copy = await connected(ran);
      const { rows } = await copy.query<{ id: number }>("SELECT id FROM rows ORDER BY id");
      await copy.end();
      await installation.ok("destroy", "back", "--yes");
      return rows.map(({ id }) => id);
    };
    assert.deepEqual(await restored(times[0] ?? ""), [1]);
    await cluster.story(async (writer) => {
      const restoring = restored(times[1] ?? "");
      await failOver(cluster);
      assert.deepEqual(await restoring, [1, 2]);
      await writer.acknowledged(20, 30_000);
    });
  });
});

const skip = process.getuid?.() === 0 ? false : "only root can mount a small file system";

describe("the disk becomes full while it is copied (1 member)", { skip }, () => {
  test("the copy gives way before the servers have no room; nothing of it is left, and the source goes on", async () => {
    const mount = await mkdtemp("/tmp/mf-");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1200m", "tmpfs", mount]);
    try {
      await chmod(mount, 0o755);
      await using installation = await makeInstallation({ home: join(mount, "h") });
      const cluster = await createCluster(installation, "shop", "--members", "1");
      await cluster.query(
        "CREATE TABLE ballast AS SELECT n, repeat('x', 900) AS t FROM generate_series(1, 60000) AS n",
      );
      await installation.ok("snapshot", "create", "shop");
      const [first = ""] = await snapshotsOf(installation);
      const { epoch } = await cluster.healthy();
      await cluster.story(async (writer) => {
        for (const args of [
          ["snapshot", "create", "shop"],
          ["fork", "shop", "pr-1"],
          ["restore", "shop", "pr-1", "--snapshot", first],
        ]) {
          const copying = await held(installation, args);
          const filler = join(mount, "filler");
          const { bavail, bsize } = await statfs(mount);
          execFileSync("fallocate", ["-l", String(bavail * bsize - 120 * 2 ** 20), filler]);
          copying.letGo();
          const ran = await copying.ended;
          assert.equal(ran.code, 3, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
          assert.match(ran.stderr, /the disk became full while the copy was made: \d+ MB were left(.*\n)*HINT/);
          assert.deepEqual(await clustersOf(installation), ["shop"]);
          assert.deepEqual(await snapshotsOf(installation), [first]);
          assert.deepEqual(await readdir(join(installation.home, "snapshots", "shop")), [first, `${first}.json`]);
          await writer.acknowledged(20, 30_000);
          await rm(filler);
        }
      });
      assert.equal((await cluster.healthy()).epoch, epoch, "its server was never without room");
      await installation.ok("restore", "shop", "pr-1", "--snapshot", first);
    } finally {
      execFileSync("umount", [mount]);
      await rm(mount, { recursive: true, force: true });
    }
  });
});

interface Held {
  readonly ended: Promise<Ran>;
  readonly letGo: () => void;
}

/** A command whose copy has begun and goes no further before it is let go. */
async function held(installation: Installation, args: readonly string[]): Promise<Held> {
  const agent = installation.agentPid ?? assert.fail("there is no agent");
  const before = copiers(agent);
  const ended = installation.run(args);
  const end = performance.now() + 30_000;
  for (;;) {
    const found = copiers(agent).filter((pid) => !before.includes(pid));
    signalAll(found, "SIGSTOP");
    if (found.length > 0 && found.every(isAlive)) return { ended, letGo: () => signalAll(found, "SIGCONT") };
    assert.ok(performance.now() < end, `${args.join(" ")}: its copy did not begin`);
    await sleep(1);
  }
}

/** Those of whole directories: the agent's children, so that they are found before they are done. */
function copiers(agent: number): readonly number[] {
  const pids = readFileSync(`/proc/${agent}/task/${agent}/children`, "utf8").trim().split(" ").filter(Boolean);
  return pids.map(Number).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words[0] === "cp" && words.some((word) => word.endsWith("/base") || word.endsWith("/."));
    } catch {
      return false;
    }
  });
}

async function begun(t: TestContext, ...options: readonly string[]) {
  const installation = await makeInstallation();
  t.after(() => installation[Symbol.asyncDispose]());
  const cluster = await createCluster(installation, "shop", ...options);
  await cluster.query(ballast);
  return { installation, cluster };
}

/** With its process gone, another member takes over or it comes back by itself; in either case on a new epoch. */
async function failOver(cluster: Cluster): Promise<void> {
  const { epoch: before } = await cluster.healthy();
  await endAll([(await cluster.primary()).pid]);
  await cluster.until("the next epoch", ({ epoch, state }) => epoch > before && state === "healthy");
}

async function isWholeOrNothing(installation: Installation, ran: Ran): Promise<void> {
  if (ran.code !== 0) {
    assertRefused(ran, /could not be copied(.*\n)*DETAIL: {2}Its server (.*\n)*HINT/);
    assert.deepEqual(await clustersOf(installation), ["shop"]);
    return;
  }
  const copy = await connected(ran);
  assert.ok((await copy.query("SELECT FROM story_1")).rows.length > 0);
  await copy.end();
}

function assertRefused({ code, stdout, stderr }: Ran, words: RegExp): void {
  assert.equal(code, 1, stdout + stderr);
  assert.match(stderr, words);
}

async function clustersOf({ home }: Installation): Promise<readonly string[]> {
  return readdir(join(home, "clusters"));
}

async function snapshotsOf(installation: Installation): Promise<readonly string[]> {
  const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", "shop"));
  return snapshots.map(({ id }) => id);
}

async function forked(installation: Installation, name: string): Promise<Client> {
  return connected({ code: 0, stdout: await installation.ok("fork", "shop", name, "--json"), stderr: "" });
}

async function connected({ stdout }: Ran): Promise<Client> {
  const url = new URL(madeSchema.parse(JSON.parse(stdout)).uri);
  // The certificate is another test's business.
  url.search = "";
  const client = new Client({ connectionString: url.href });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
