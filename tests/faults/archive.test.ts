/** The archive of a real cluster while things break: nothing is missing in it afterwards, or it is said what is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ClusterStatus } from "../../src/contract/cluster.ts";
import { parseHistoryFile } from "../../src/domain/timeline.ts";
import { parseSegmentName, segmentsBetween, segmentStart, usualSegmentBytes } from "../../src/domain/wal-file.ts";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { until } from "./until.ts";

const bytes = usualSegmentBytes;

async function archiveOf({ home }: Installation, name: string): Promise<string> {
  const [id] = await readdir(join(home, "archives", name));
  return join(home, "archives", name, id ?? "");
}

/** Something in each segment, and its end; past the endpoint, where an agent may be away. @returns their names */
async function segments(cluster: Cluster, count: number, target = cluster.target()): Promise<readonly string[]> {
  const client = await cluster.connect(target);
  const names: string[] = [];
  try {
    for (let n = 0; n < count; n += 1) {
      await client.query("SELECT pg_logical_emit_message(true, 't', 'x')");
      const { rows } = await client.query<{ name: string }>("SELECT pg_walfile_name(pg_switch_wal()) AS name");
      names.push(...rows.map((row) => row.name));
    }
  } finally {
    await client.end();
  }
  return names;
}

async function archived(directory: string, wanted: readonly string[]): Promise<void> {
  let seen: readonly string[] = [];
  const look = async (): Promise<true | undefined> => {
    seen = await readdir(directory);
    return wanted.every((name) => seen.includes(name)) || undefined;
  };
  await until(`${wanted.join(", ")} to be archived`, look, { withinMs: 40_000, seen: () => seen.toSorted().join(" ") });
}

/** Every segment of the line of this timeline, from the first one that there is to its newest; what a stop left is filled in. */
async function becomesWhole(directory: string, timeline: number): Promise<void> {
  let missing: readonly string[] = [];
  const look = async (): Promise<true | undefined> => {
    missing = await missingIn(directory, timeline);
    return missing.length === 0 || undefined;
  };
  await until("nothing to be missing", look, { withinMs: 20_000, seen: () => missing.join(" ") });
}

async function missingIn(directory: string, timeline: number): Promise<readonly string[]> {
  const names = await readdir(directory);
  const history = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const before = parseHistoryFile(await readFile(join(directory, history), "utf8"));
  const found = names.flatMap((name) => parseSegmentName(name, bytes) ?? []).filter(({ isPartial }) => !isPartial);
  const first = Math.min(...found.map(({ segment }) => segment));
  const newest = Math.max(...found.flatMap((one) => (one.timeline === timeline ? [one.segment] : [])));
  const [from, to] = [segmentStart(first, bytes), segmentStart(newest + 1, bytes)];
  const wanted = segmentsBetween({ before, timeline }, from, to, bytes);
  assert.ok(new Set(wanted.map((name) => name.slice(0, 8))).size > 1, "more than one timeline");
  return wanted.filter((name) => !names.includes(name));
}

const archiveIn = ({ archive }: ClusterStatus) => archive ?? assert.fail("nothing is known of the archive");

describe("archive (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;
  let directory: string;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
    await installation.ok("snapshot", "create", "shop");
    directory = await archiveOf(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  test("the agent is killed: the server goes on archiving, and the next agent leaves it its leave", async () => {
    const first = await segments(cluster, 2);
    const primary = await cluster.primary();
    await installation.killAgent();
    const second = await segments(cluster, 2, cluster.direct(primary));
    await archived(directory, [...first, ...second]);
    await installation.startAgent();
    await cluster.healthy();
    await archived(directory, await segments(cluster, 1));
    const { restorable } = archiveIn(
      await cluster.until("a window", ({ archive }) => (archive?.restorable.length ?? 0) > 0),
    );
    assert.ok(Date.parse(restorable[0]?.until ?? "") >= Date.parse(restorable[0]?.from ?? "x"));
  });

  test("the archive takes nothing and the primary is lost: told, filled from the log of the next one, told again", async () => {
    const since = await cluster.lastEvent();
    await chmod(directory, 0o500);
    const lost = await segments(cluster, 3);
    const told = await cluster.event("archive.failing", since);
    assert.match(told.message, /^the log of "shop" is not archived \(\d+ MB wait\): .*denied/);
    const seen = archiveIn(
      await cluster.until("the trouble in the status", ({ archive }) => archive?.state === "failing"),
    );
    assert.ok(seen.waiting_bytes >= 3 * bytes, String(seen.waiting_bytes));
    assert.match(await installation.ok("status", "shop"), /not taken: .*denied; \d+ MB wait/);
    const { epoch: before } = await cluster.healthy();
    await endAll([(await cluster.primary()).pid]);
    await cluster.until("another epoch", ({ epoch, state }) => epoch > before && state === "healthy");
    await chmod(directory, 0o700);
    const next = await segments(cluster, 2);
    // The new primary has marked them as archived, although nobody has.
    await archived(directory, [...lost, ...next]);
    await cluster.event("archive.working", since);
    await becomesWhole(directory, (await cluster.healthy()).timeline ?? 0);
    assert.deepEqual(
      (await cluster.events()).filter(({ type }) => type === "archive.gap"),
      [],
    );
  });

  test("a switchover: two timelines, and nothing is missing between them", async () => {
    await segments(cluster, 1);
    await cluster.healthy();
    await installation.ok("switchover", "shop");
    await archived(directory, await segments(cluster, 1));
    await becomesWhole(directory, (await cluster.healthy()).timeline ?? 0);
  });

  test("what is gone from the archive and from every member is a gap: named, and a new snapshot follows", async () => {
    const since = await cluster.lastEvent();
    const [gone = "", kept = ""] = await segments(cluster, 2);
    await archived(directory, [gone, kept]);
    // What a standby has not received yet nobody could send it afterwards.
    const { members } = await cluster.healthy();
    await until("both standbys to have all of it", async () => {
      const [row] = await cluster.query(
        "SELECT count(*) FILTER (WHERE flush_lsn >= pg_current_wal_lsn()) = 2 AS have FROM pg_stat_replication",
      );
      return row?.["have"] === true ? true : undefined;
    });
    await rm(join(directory, gone));
    for (const member of members) await rm(join(member.data_directory, "pg_wal", gone), { force: true });
    // A new epoch is looked at thoroughly, and at once.
    await installation.ok("switchover", "shop");
    const told = await cluster.event("archive.gap", since);
    assert.match(told.message, new RegExp(`lacks ${gone};`));
    await cluster.event("snapshot.taken", since);
    assert.equal((await cluster.events()).filter(({ type }) => type === "archive.gap").length, 1);
  });

  test("a cluster that is gone: its archive stays as long as a snapshot of it does", async () => {
    await installation.ok("destroy", "shop", "--yes");
    assert.ok((await readdir(directory)).length > 4);
  });
});

const skip = process.getuid?.() === 0 ? false : "only root can mount a small file system";

describe("archive on a disk that becomes full (1 member)", { skip }, () => {
  test("it lets go before the servers have no room, and begins again with a gap and a snapshot", async () => {
    const mount = await mkdtemp("/tmp/mf-");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=800m", "tmpfs", mount]);
    try {
      await chmod(mount, 0o755);
      await using installation = await makeInstallation({ home: join(mount, "h") });
      const cluster = await createCluster(installation, "shop", "--members", "1");
      await installation.ok("snapshot", "create", "shop");
      const directory = await archiveOf(installation, "shop");
      await archived(directory, await segments(cluster, 1));
      const { bavail, bsize } = await statfs(mount);
      execFileSync("fallocate", ["-l", String(bavail * bsize - 200 * 2 ** 20), join(mount, "filler")]);
      const given = await cluster.event("archive.given-up", 0);
      assert.match(given.message, /leaves out log, so that the disk does not become full: .* are free/);
      const left = await segments(cluster, 3);
      await until("nothing to wait", async () => {
        const status = await cluster.status();
        return status?.archive?.state === "given-up" && status.archive.waiting_bytes === 0 ? true : undefined;
      });
      assert.deepEqual(
        (await readdir(directory)).filter((name) => left.includes(name)),
        [],
      );
      assert.match(await installation.ok("status", "shop"), /log is left out: .* goes on by itself/);
      const { rows } = { rows: await cluster.query("SELECT count(*)::int AS n FROM pg_stat_activity") };
      assert.equal(rows.length, 1, "it serves");
      const primary = await cluster.primary();
      for (const name of left) await rm(join(primary.data_directory, "pg_wal", name), { force: true });
      await rm(join(mount, "filler"));
      await cluster.event("archive.resumed", given.id);
      await archived(directory, await segments(cluster, 1));
      await cluster.event("archive.gap", given.id);
      await cluster.event("snapshot.taken", given.id);
    } finally {
      execFileSync("umount", [mount]);
      await rm(mount, { recursive: true, force: true });
    }
  });
});
