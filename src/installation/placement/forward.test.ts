/** A name that another host has set free: its end is told from host to host, and waited for. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openEventFile } from "../../events/event-file.ts";
import { destroyHeardOf } from "./forward.ts";

test("a destroy of another host that has ended there is waited for until that is known here; an own one is not", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-forward-"));
  const a = openEventFile(join(directory, "a.sqlite"), { host: "a" });
  const b = openEventFile(join(directory, "b.sqlite"), { host: "b" });
  t.after(async () => {
    a.close();
    b.close();
    await rm(directory, { recursive: true, force: true });
  });
  const told = (): unknown => b.journal.apply(a.journal.read("a", b.journal.headOf("a"), 100));
  const { id } = a.operations.begin({ kind: "destroy", cluster: "shop", by: "ada", exclusive: true });
  told();
  const parts = (file: typeof a) => ({ operations: file.operations, signal: t.signal });
  await destroyHeardOf(parts(a), "shop");
  let isHeard = false;
  const heard = destroyHeardOf(parts(b), "shop").then(() => (isHeard = true));
  await new Promise(setImmediate);
  assert.equal(isHeard, false);
  a.operations.finish(id, { state: "done" });
  told();
  await heard;
  b.operations.begin({ kind: "create", cluster: "shop", by: "ada", exclusive: true });
});
