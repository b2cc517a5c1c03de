/** Logs as they are read: the newest lines, what came since, and a host that does not answer. */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { logsQuerySchema } from "../contract/logs.ts";
import { readLogFiles } from "./logs.ts";

let directory: string;
const query = { lines: 2, here: true };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "matriarch-logs-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const texts = (lines: readonly { readonly member: string; readonly line: string }[]) =>
  lines.map(({ member, line }) => `${member} ${line}`);

test("the newest lines of the newest file, then whole lines alone, then a file that was begun meanwhile", async () => {
  const old = { member: "shop-1", path: file("a.log", "old\n") };
  const now = { member: "shop-1", path: file("b.log", "one\ntwo\nthree\nha") };
  const first = await readLogFiles([old, now], query);
  assert.deepEqual(texts(first.lines), ["shop-1 two", "shop-1 three"]);
  appendFileSync(now.path, "lf\n");
  const next = { member: "shop-1", path: file("c.log", "new file\n") };
  const second = await readLogFiles([old, now, next], { ...query, cursor: first.cursor });
  assert.deepEqual(texts(second.lines), ["shop-1 half", "shop-1 new file"]);
  assert.deepEqual((await readLogFiles([old, now, next], { ...query, cursor: second.cursor })).lines, []);
});

test("a file that was begun anew is read from its start, and one that is gone is empty", async () => {
  const path = file("a.log", "a long line that was there\n");
  const { cursor } = await readLogFiles([{ member: "shop-1", path }], query);
  writeFileSync(path, "short\n");
  const files = [
    { member: "shop-1", path },
    { member: "shop-2", path: join(directory, "none.log") },
  ];
  assert.deepEqual(texts((await readLogFiles(files, { ...query, cursor })).lines), ["shop-1 short"]);
  assert.deepEqual((await readLogFiles(files, { ...query, lines: 0 })).lines, []);
});

test("a cursor that no answer gave is refused", () => {
  for (const cursor of ["", "x", "[]", '{"a":-1}', '{"a":"/etc/passwd"}'])
    assert.ok(!logsQuerySchema.safeParse({ cursor }).success, cursor);
  assert.deepEqual(logsQuerySchema.parse({ cursor: '{"shop-1 a.log":3}' }).cursor, { "shop-1 a.log": 3 });
});
