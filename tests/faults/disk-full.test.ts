/** The disk runs full: the cluster says so, nothing acknowledged is lost, and it comes back when there is room again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { checkReportSchema, type CheckReport } from "../../src/contract/monitoring.ts";
import { settingsReportSchema } from "../../src/contract/settings.ts";
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

  const check = async (): Promise<CheckReport["lines"]> => {
    const { code, stdout, stderr } = await installation.run(["check", "shop", "--json"]);
    assert.equal(code, 1, stderr);
    return checkReportSchema.parse(JSON.parse(stdout)).lines;
  };

  test("databases, users, applications, settings and extensions while it is full: refused in words, and made by the same command later", async () => {
    const filler = join(mount, "filler");
    const { bavail, bsize } = await statfs(mount);
    execFileSync("fallocate", ["-l", String(bavail * bsize - 4 * bsize), filler]);
    const failing = (await check()).filter(({ check: what, ok }) => what === "disk" && !ok);
    assert.equal(failing.length, 3);
    for (const { hint } of failing) assert.match(hint ?? "", /full disk ends writes/);
    const lines = [
      ["database", "create", "shop", "orders"],
      ["attach", "shop", "--app", "web"],
      ["config", "set", "shop", "work_mem=9MB"],
      ["config", "set", "shop", "max_connections=150", "--restart"],
      ["extension", "enable", "shop", "hstore", "--database", "postgres"],
      ["user", "create", "shop", "ada", "--database", "postgres"],
    ];
    for (const line of lines) {
      const { code, stdout, stderr } = await installation.run(line);
      assert.doesNotMatch(stderr, /did not expect/);
      // A login fits into what is there. A server that ends for lack of room leaves the outcome open, and says so.
      assert.ok(
        line[0] === "user" ? [0, 1, 3, 4].includes(code ?? -1) : [1, 3, 4].includes(code ?? -1),
        stdout + stderr,
      );
      if (code !== 0) assert.match(stderr, /ERROR:[^]*HINT:/);
      // The one before it may still wait for standbys, which have no room for its log.
      if (code === 3) assert.match(stderr, /No space left|disk|room|waiting for standbys/);
      assert.ok(stderr.split("\n").length < 12, stderr);
    }
    const { settings } = settingsReportSchema.parse(await installation.json("config", "show", "shop", "--changed"));
    assert.deepEqual(settings, [], "nothing was changed");
    await rm(filler);
    await cluster.healthy(90_000);
    assert.equal((await cluster.status())?.operation, null);
    for (const line of lines) {
      const { code, stderr } = await installation.run(line);
      assert.ok(code === 0 || (code === 3 && line[0] === "user" && /exists already/.test(stderr)), stderr);
    }
    const shown = await cluster.query(
      "SELECT current_setting('work_mem') AS w, current_setting('max_connections') AS c",
    );
    assert.deepEqual(shown, [{ w: "9MB", c: "150" }]);
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
        const failing = (await check()).filter(({ ok }) => !ok);
        assert.ok(
          failing.some(({ check: what }) => what === "connections" || what === "replication"),
          JSON.stringify(failing),
        );
        assert.ok(failing.every(({ hint }) => hint !== null));
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
