/** The disk runs full: the cluster says so, nothing acknowledged is lost, and it comes back when there is room again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCluster, tell, type Cluster } from "./cluster.ts";
import { makeInstallation, type Installation } from "./installation.ts";

const skip = process.getuid?.() === 0 ? false : "only root can mount a small file system";

describe("disk full (3 members, quorum)", { skip }, () => {
  let mount: string;
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    mount = await mkdtemp("/tmp/mf-");
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1200m", "tmpfs", mount]);
    await chmod(mount, 0o755);
    installation = await makeInstallation({ home: join(mount, "h") });
    cluster = await createCluster(installation, "shop");
  });
  after(async () => {
    await installation[Symbol.asyncDispose]();
    execFileSync("umount", [mount]);
    await rm(mount, { recursive: true, force: true });
  });

  test("full until writes stop, then room again: everything acknowledged is there", async () => {
    const filler = join(mount, "filler");
    const since = await cluster.lastEvent();
    const verdict = await cluster.story(
      async (writer) => {
        const { bavail, bsize } = await statfs(mount);
        execFileSync("fallocate", ["-l", String(bavail * bsize - 4 * bsize), filler]);
        // Log is written until the last segment is full and no new one can be made.
        await cluster
          .query("CREATE TABLE big AS SELECT n, repeat('x', 900) AS t FROM generate_series(1, 200000) AS n")
          .catch(() => undefined);
        await cluster.until("no primary", ({ state }) => state !== "healthy", 30_000);
        await new Promise((resolve) => setTimeout(resolve, 3000));
        await rm(filler);
        await writer.acknowledged(50, 60_000);
      },
      { withinMs: 90_000 },
    );
    tell("disk full", verdict);
    const events = (await cluster.events()).filter(({ id }) => id > since);
    assert.ok(
      events.some(({ message }) => /no space left|disk is full/i.test(message)),
      events.map(({ type, message }) => `${type}: ${message}`).join("\n"),
    );
  });
});
