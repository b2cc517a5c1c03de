/** Volumes as a user has them: a home on btrfs, and one on whatever the machine has. */
import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { extendedSchema, volumesSchema } from "../../src/contract/storage.ts";
import { mountLoop } from "../../src/drivers/volume/testing.ts";
import { runTool } from "../../src/drivers/volume/tools.ts";
import { createCluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";

/** What every btrfs subvolume's directory has for an inode. */
const subvolume = 256;
const mib = 2 ** 20;

describe("volumes", () => {
  test("on btrfs every member lives in a subvolume, which goes with it", async (t) => {
    const installation = await onBtrfs(t);
    if (typeof installation === "string") return t.skip(installation);
    const inode = async (member: string): Promise<number> =>
      (await stat(join(installation.home, "clusters", "shop", member))).ino;
    await createCluster(installation, "shop", "--members", "1");
    assert.equal(await inode("shop-1"), subvolume);
    await installation.ok("scale", "shop", "--members", "2");
    assert.equal(await inode("shop-2"), subvolume);
    await installation.ok("destroy", "shop", "--yes");
    await assert.rejects(inode("shop-1"), /ENOENT/);
  });

  test("a size is enforced on every member, those made later too, grows under load, and does not shrink", async (t) => {
    const installation = await onBtrfs(t, { quotas: true });
    if (typeof installation === "string") return t.skip(installation);
    const cluster = await createCluster(installation, "shop", "--members", "1", "--volume-size", "600MB");
    await sizesAre(installation, 600 * mib);
    await installation.ok("scale", "shop", "--members", "2");
    await sizesAre(installation, 600 * mib);
    const session = await cluster.connect();
    await session.query(
      "CREATE TABLE t AS SELECT pg_catalog.repeat('x', 500) FROM pg_catalog.generate_series(1, 20000)",
    );
    const writing = session.query("INSERT INTO t SELECT * FROM t");
    const extended = extendedSchema.parse(await installation.json("volume", "extend", "shop", "+100MB"));
    await writing;
    assert.deepEqual([extended.from_bytes, extended.size_bytes], [600 * mib, 700 * mib]);
    await sizesAre(installation, 700 * mib);
    await refused(installation, "650MB", /have 700 MB already(.*\n)*DETAIL: {2}Volumes only grow/);
    await refused(installation, "700MB", /have 700 MB already/);
    await refused(installation, "500GB", /has room for/);
    await sizesAre(installation, 700 * mib);
    assert.match(await installation.ok("events", "shop"), /volumes extended from 600 MB to 700 MB/);
    await session.end();
  });

  test("where no size can be enforced it is kept as a wish, and said so", async (t) => {
    const installation = await makeInstallation();
    t.after(() => installation[Symbol.asyncDispose]());
    await createCluster(installation, "shop", "--members", "1");
    const [before] = volumesSchema.parse(await installation.json("volume", "list", "shop")).volumes;
    if (before?.driver !== "directory") return t.skip("this machine's /tmp can hold volumes to a size");
    assert.ok(before.used_bytes > before.wal_bytes && before.wal_bytes >= 16 * mib, JSON.stringify(before));
    assert.deepEqual([before.size_bytes, before.not_enforced], [null, null]);
    await refused(installation, "+1GB", /no fixed size that could be added to(.*\n)*HINT/);
    await refused(installation, "10MB", /at least 512 MB/);
    await refused(installation, "900TB", /cannot have 900 TB(.*\n)*DETAIL/);
    assert.match(
      await installation.ok("volume", "extend", "shop", "1GB"),
      /not enforced for shop-1: .*xfs and btrfs can/,
    );
    assert.match(await installation.ok("volume", "list", "shop"), /shop-1 .* 1\.0 GB\*/);
    const ran = await installation.run(["create", "small", "--volume-size", "100MB"]);
    assert.equal(ran.code, 3);
    assert.match(ran.stderr, /at least 512 MB/);
  });
});

async function sizesAre(installation: Installation, bytes: number): Promise<void> {
  const { volumes } = volumesSchema.parse(await installation.json("volume", "list", "shop"));
  for (const volume of volumes) {
    assert.equal(volume.not_enforced, null);
    assert.equal(volume.size_bytes, bytes);
    assert.ok(volume.free_bytes <= bytes - volume.used_bytes);
  }
}

async function refused(installation: Installation, size: string, pattern: RegExp): Promise<void> {
  const ran = await installation.run(["volume", "extend", "shop", "--", size]);
  assert.equal(ran.code, 3, `${ran.stdout}${ran.stderr}`);
  assert.match(ran.stderr, pattern);
}

async function onBtrfs(t: TestContext, { quotas = false } = {}): Promise<Installation | string> {
  const mounted = await mountLoop(t, "btrfs", { megabytes: 2000 });
  if (typeof mounted === "string") return mounted;
  if (quotas) await runTool("btrfs", ["quota", "enable", mounted.directory]);
  const home = join(mounted.directory, "h");
  await mkdir(home);
  const installation = await makeInstallation({ home });
  mounted.before(() => installation[Symbol.asyncDispose]());
  return installation;
}
