/** Volumes as a user has them: a home on btrfs, and one on whatever the machine has. */
import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { mountLoop } from "../../src/drivers/volume/testing.ts";
import { createCluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";

/** What every btrfs subvolume's directory has for an inode. */
const subvolume = 256;

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
});

async function onBtrfs(t: TestContext): Promise<Installation | string> {
  const mounted = await mountLoop(t, "btrfs", { megabytes: 2000 });
  if (typeof mounted === "string") return mounted;
  const home = join(mounted.directory, "h");
  await mkdir(home);
  const installation = await makeInstallation({ home });
  mounted.before(() => installation[Symbol.asyncDispose]());
  return installation;
}
