/** The drivers on real file systems, each on a loop device of its own; as an ordinary user, the plain directory alone. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { chooseMount, parseMounts } from "./mounts.ts";
import { openVolumePool } from "./open.ts";
import { checkPool, type Expected } from "./suite.ts";
import { mountLoop, type TestFileSystem } from "./testing.ts";
import { runTool } from "./tools.ts";

interface Case {
  readonly type: TestFileSystem;
  readonly options?: readonly string[];
  readonly quotas?: true;
  readonly expected: Expected;
}

const directory = { kind: "directory", isAtomic: false, enforcesSize: false } as const;
const cases: readonly Case[] = [
  { type: "ext4", expected: { ...directory, sharesBlocks: false } },
  { type: "xfs", expected: { ...directory, sharesBlocks: true } },
  {
    type: "xfs",
    options: ["prjquota"],
    expected: { kind: "xfs", isAtomic: false, enforcesSize: true, sharesBlocks: true },
  },
  { type: "btrfs", expected: { kind: "btrfs", isAtomic: true, enforcesSize: false, sharesBlocks: true } },
  {
    type: "btrfs",
    quotas: true,
    expected: { kind: "btrfs", isAtomic: true, enforcesSize: true, sharesBlocks: true },
  },
];

describe("volumes", () => {
  for (const { type, options = [], quotas, expected } of cases) {
    const how = [type, ...options, ...(quotas ? ["quotas"] : [])].join(" with ");
    test(`on ${how}`, async (t) => {
      const mounted = await mountLoop(t, type, { options });
      if (typeof mounted === "string") return t.skip(mounted);
      if (quotas) await runTool("btrfs", ["quota", "enable", mounted.directory]);
      const pool = await openVolumePool(mounted.directory);
      assert.equal(pool.fileSystem, type);
      await checkPool(t, pool, mounted.directory, expected);
    });
  }

  test("in a directory like any other", async (t) => {
    const home = await mkdtemp(join(tmpdir(), "matriarch-volume-"));
    t.after(() => rm(home, { recursive: true, force: true }));
    const pool = await openVolumePool(home);
    if (pool.kind !== "directory") return t.skip(`this machine's ${tmpdir()} is on ${pool.fileSystem}`);
    await checkPool(t, pool, home, { ...directory, sharesBlocks: pool.sharesBlocks });
    assert.match(pool.noFixedSize ?? "", /xfs|btrfs/);
  });
});

test("the mount of a path is the longest that it is under, the last of several at one place", () => {
  const mounts = parseMounts(`22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 22 7:0 / /srv rw - ext4 /dev/loop0 rw
41 22 7:1 / /srv rw - xfs /dev/loop1 rw,prjquota
42 22 7:2 / /srv/a\\040b rw - btrfs /dev/loop2 rw
`);
  const typeAt = (path: string) => chooseMount(mounts, path)?.type;
  assert.deepEqual(["/x", "/srv", "/srv/x", "/srvx", "/srv/a b/c"].map(typeAt), [
    "ext4",
    "xfs",
    "xfs",
    "ext4",
    "btrfs",
  ]);
  assert.deepEqual(chooseMount(mounts, "/srv")?.options, ["rw", "prjquota"]);
});
