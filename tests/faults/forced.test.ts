/**
 * A failover that is forced on a standby that is behind: what it lacks is not in the cluster any more, and is not gone
 * either. The members that have it come back, and their data is a snapshot before they are copied anew (I13).
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { snapshotsSchema, type SnapshotStatus } from "../../src/contract/storage.ts";
import { voterName } from "../../src/domain/rule.ts";
import { createCluster, type Cluster, type Running } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, signalAll } from "./processes.ts";

const skip = process.getuid?.() === 0 ? false : "only root can mount a small file system";
const mib = 2 ** 20;

describe("a forced failover to a standby that is behind (3 members, quorum)", { skip }, () => {
  let mount: string;
  let installation: Installation;
  let cluster: Cluster;
  let hold: string;

  before(async () => {
    mount = await mkdtemp("/tmp/mf-");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1500m", "tmpfs", mount]);
    await chmod(mount, 0o755);
    installation = await makeInstallation({ home: join(mount, "h") });
    cluster = await createCluster(installation, "shop");
    hold = join(installation.home, "hold");
  });
  after(async () => {
    await installation[Symbol.asyncDispose]();
    execFileSync("umount", [mount]);
    await rm(mount, { recursive: true, force: true });
  });

  /** As if their hosts were gone: who of them ends does not come up again while the file is there. */
  async function keepDown(members: readonly Running[]): Promise<void> {
    await mkdir(join(installation.home, "hooks"));
    await writeFile(hold, "");
    await chmod(installation.home, 0o755);
    const hook = join(installation.home, "hooks", "before-start");
    const which = members.map(({ id }) => id).join("|");
    await writeFile(
      hook,
      `#!/bin/sh\ncase $MATRIARCH_MEMBER in ${which}) while [ -e ${hold} ]; do sleep 0.05; done;; esac\n`,
    );
    await chmod(hook, 0o755);
  }

  /** Nothing of what the primary writes from now on reaches it. */
  async function leaveBehind({ id, incarnation }: Running): Promise<void> {
    const name = voterName({ member: id, incarnation });
    const sql = `SELECT pid FROM pg_stat_replication WHERE application_name = '${name}'`;
    const [walsender] = await cluster.query(sql);
    signalAll([Number(walsender?.["pid"])], "SIGSTOP");
  }

  async function kept(): Promise<readonly SnapshotStatus[]> {
    const { snapshots } = snapshotsSchema.parse(await installation.json("snapshot", "list", cluster.name));
    return snapshots.filter(({ why }) => why === "before-rejoin");
  }

  test("acknowledged rows that it lacks: kept where they are until there is room, and restored from a snapshot", async () => {
    await cluster.query("CREATE TABLE orders AS SELECT n FROM generate_series(1, 1000) AS n");
    const primary = await cluster.primary();
    const [behind, other] = await cluster.standbys();
    assert.ok(behind && other);
    const since = await cluster.lastEvent();
    await keepDown([primary, other]);
    await leaveBehind(behind);
    await cluster.query("INSERT INTO orders SELECT n FROM generate_series(1001, 1500) AS n");
    await endAll(postmasterGroup(installation.home, other.pid));
    const force = ["--force", "--accept-data-loss", "--yes"];
    await installation.ok("failover", cluster.name, "--to", behind.id, ...force);
    await cluster.event("data.loss-accepted", since);

    const filler = join(mount, "filler");
    const { bavail, bsize } = await statfs(mount);
    execFileSync("fallocate", ["-l", String(bavail * bsize - 200 * mib), filler]);
    await rm(hold);
    await cluster.event("member.no-room-to-keep", since, primary.id);
    assert.deepEqual(await kept(), []);
    const waits = await installation.ok("explain", cluster.name);
    assert.match(waits, new RegExp(`${primary.id}[^]*make room`));
    await rm(filler);

    const told = await cluster.event("member.data-kept", since, primary.id);
    await cluster.healthy();
    assert.deepEqual(await cluster.query("SELECT count(*)::int AS n FROM orders"), [{ n: 1000 }]);
    const snapshot = (await kept()).find(({ member }) => member === primary.id);
    assert.ok(snapshot && told.message.includes(`--snapshot ${snapshot.id}`), told.message);
    await installation.ok("restore", cluster.name, "found", "--snapshot", snapshot.id);
    const found = "SELECT count(*), max(n) FROM orders";
    assert.match(await installation.ok("connect", "found", "-c", found), /1500 *\| *1500/);
    const later = await installation.run(["restore", cluster.name, "later", "--snapshot", snapshot.id, "--lsn", "F/0"]);
    assert.equal(later.code, 3, later.stderr);
    assert.match(later.stderr, /no log leads on from it/);
    const lines = (await cluster.events()).filter(({ type }) => type === "member.no-room-to-keep");
    assert.equal(lines.filter(({ member }) => member === primary.id).length, 1, "told once");
  });
});
