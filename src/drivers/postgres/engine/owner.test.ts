import assert from "node:assert/strict";
import { chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseServerOwner, parsePasswd } from "./owner.ts";

test("owner: an ordinary user runs servers itself, root never does", async () => {
  const owner = await chooseServerOwner();
  if (process.getuid?.() === 0) assert.ok(owner !== undefined && owner.uid > 0 && owner.gid > 0);
  else assert.equal(owner, undefined);
});

test("owner: lines of passwd, with comments as macOS has them", () => {
  const text = "# User Database\n\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\nbroken:line\n";
  assert.deepEqual(parsePasswd(text), [{ name: "postgres", uid: 101, gid: 104, home: "/var/lib/postgresql" }]);
});

test(
  "owner: whom the members belong to already, whatever users there are by now",
  {
    skip: process.getuid?.() !== 0,
  },
  async () => {
    const clusters = await mkdtemp(join(tmpdir(), "owner-"));
    try {
      const data = join(clusters, "shop", "shop-1", "data");
      await mkdir(data, { recursive: true });
      const usual = await chooseServerOwner(clusters);
      // Of Debian's own system users, with these numbers everywhere.
      await chown(data, 5, 60);
      assert.equal((await chooseServerOwner(clusters))?.name, "games");
      assert.notEqual(usual?.name, "games");
    } finally {
      await rm(clusters, { recursive: true, force: true });
    }
  },
);
