/** A Postgres of the user's own: members, added ones and forks run on it and on no other, and the words when it is not there. */
import assert from "node:assert/strict";
import { chmod, cp, mkdtemp, readlink, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ClusterStatus, MemberStatus } from "../../src/contract/cluster.ts";
import { Cluster, createCluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation } from "../faults/installation.ts";

/** Debian's 15 stands for what somebody has built: it finds its libraries beside itself wherever it is. */
const packaged = "/usr/lib/postgresql/15";
const skip = existsSync(join(packaged, "bin/initdb")) ? false : "Postgres 15 of the distribution is not installed";

describe("a Postgres of the user's own", { skip }, () => {
  let installation: Installation;
  let cluster: Cluster;
  let place: string;
  let build: string;

  before(async () => {
    installation = await makeInstallation();
    place = await mkdtemp("/tmp/matriarch-own-build-");
    await chmod(place, 0o755);
    build = join(place, "postgres");
    await cp(packaged, build, { recursive: true, filter: (path) => !path.endsWith("/bitcode") });
    cluster = await createCluster(installation, "shop", "--members", "2", "--engine-directory", build);
  });
  after(async () => {
    await installation[Symbol.asyncDispose]();
    await rm(place, { recursive: true, force: true });
  });

  async function programsOf(name: string): Promise<readonly string[]> {
    const runs = ({ state, members }: ClusterStatus): boolean =>
      state === "healthy" && members.every(({ pid }) => pid !== null);
    const { members } = await new Cluster(installation, name).until("all run", runs);
    return Promise.all(members.map(({ pid }) => readlink(`/proc/${pid}/exe`)));
  }

  test("its members run on it, and status and version say so", async () => {
    const programs = await programsOf("shop");
    assert.deepEqual(programs, [join(build, "bin/postgres"), join(build, "bin/postgres")]);
    const { engine, engine_directory: directory } = await cluster.healthy();
    assert.deepEqual({ engine, directory }, { engine: "system", directory: join(build, "bin") });
    assert.match(await installation.ok("status", "shop"), new RegExp(`postgres +15\\.\\d+ \\(${build}/bin\\)`));
    assert.match(await installation.ok("version", "shop"), new RegExp(`the newest that is in ${build}/bin\\.`));
  });

  test("a member that is added, a fork, and a server that starts again run on it", async () => {
    await installation.ok("member", "add", "shop");
    await installation.ok("fork", "shop", "copy");
    const before = await cluster.standby();
    await endAll([before.pid]);
    const again = ({ id, pid }: MemberStatus): boolean => id === before.id && pid !== null && pid !== before.pid;
    await cluster.until("it runs again", ({ members }) => members.some(again));
    const programs = [...(await programsOf("shop")), ...(await programsOf("copy"))];
    assert.deepEqual(
      programs,
      Array.from({ length: 4 }, () => join(build, "bin/postgres")),
    );
    await installation.ok("destroy", "copy", "--yes");
  });

  test("another major, and a version that is not there, are refused with what to do instead", async () => {
    const major = await installation.run(["upgrade", "shop", "--to", "18"]);
    assert.equal(major.code, 3, major.stderr);
    assert.match(major.stderr, /create shop-new --version 18 --engine-directory ITS-DIRECTORY/);
    const minor = await installation.run(["upgrade", "shop", "--to", "15.999"]);
    assert.equal(minor.code, 3, minor.stderr);
    assert.match(minor.stderr, new RegExp(`install the build of Postgres 15\\.999 into ${build}/bin`));
  });

  test("a directory that holds none is refused, and nothing is made", async () => {
    for (const [words, ...flags] of [
      ["there is no Postgres in", "--engine-directory", place],
      ["not an absolute path", "--engine-directory", "postgres"],
      [`holds Postgres 15`, "--engine-directory", build, "--version", "17"],
      ["the embedded engine is asked for", "--engine-directory", build, "--engine", "embedded"],
    ] as const) {
      const { code, stderr } = await installation.run(["create", "other", "--yes", ...flags]);
      assert.notEqual(code, 0);
      assert.ok(stderr.includes(words), stderr);
    }
    assert.doesNotMatch(await installation.ok("list"), /other/);
  });

  test("its directory away: members go on, one that is lost comes back when it is back", async () => {
    await rename(build, `${build}.away`);
    const { id, pid } = await cluster.standby();
    await endAll([pid]);
    const found = ({ members }: ClusterStatus): MemberStatus | undefined => members.find((one) => one.id === id);
    await cluster.until("a member less", (status) => found(status)?.pid === null);
    await cluster.query("SELECT 1");
    await rename(`${build}.away`, build);
    await cluster.until("it runs again", (status) => ![null, undefined, pid].includes(found(status)?.pid));
    await cluster.healthy();
  });
});
