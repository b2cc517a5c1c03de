/** What a host knows of repositories is read from its own place only, whatever a request calls a cluster. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defaultBackupPolicy as policy } from "../../domain/backup.ts";
import { readBook, writeBook } from "./book.ts";

test("a name that is a path leads to no file", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "matriarch-book-"));
  t.after(() => rm(home, { recursive: true }));
  const stanza = { cluster: "shop", name: "shop", repositories: [], secrets: [] };
  await writeBook({ home }, { ...stanza, systemIdentifier: "1", major: 18, policy });
  assert.equal((await readBook({ home }, "shop"))?.cluster, "shop");
  for (const name of ["../backups/shop", "./shop", `../../${home}/backups/shop`])
    assert.equal(await readBook({ home }, name), undefined, name);
});
