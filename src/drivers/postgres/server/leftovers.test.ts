/** A tool that an agent left at work is ended, and nothing else. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { endLeftovers, writesInto } from "./leftovers.ts";

const data = "/m/clusters/shop/shop-1/data";

test("only tools that write into this directory are leftovers", () => {
  assert.equal(writesInto(["cp", "-a", "/m/clusters/shop/shop-2/data/base", `${data}.new`], data), true);
  assert.equal(writesInto(["/bin/pg_rewind", "--target-pgdata", data, "--source-server", "host=x"], data), true);
  assert.equal(writesInto(["/bin/postgres", "--single", "-F", "-D", data, "template1"], data), true);
  assert.equal(writesInto(["/bin/postgres", "-D", data], data), false, "a server is never one");
  assert.equal(writesInto(["cp", "-a", `${data}/base`, "/m/clusters/shop/shop-2/data.new"], data), false);
  assert.equal(writesInto(["pg_rewind", "--target-pgdata", `${data}2`], data), false);
  assert.equal(writesInto(["vi", data], data), false);
});

test("a copy that is under way is ended", { skip: existsSync("/proc/self") ? false : "no /proc" }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "leftovers-"));
  const target = join(directory, "data");
  // It waits for a writer that never comes, as a copy may wait for its disk.
  await once(spawn("mkfifo", [join(directory, "pipe")]), "close");
  const copy = spawn("cp", [join(directory, "pipe"), `${target}.new`]);
  await once(copy, "spawn");
  const closed = once(copy, "close");
  await endLeftovers(target);
  assert.deepEqual(await closed, [null, "SIGKILL"]);
  await rm(directory, { recursive: true });
});
