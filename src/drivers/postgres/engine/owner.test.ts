import assert from "node:assert/strict";
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
