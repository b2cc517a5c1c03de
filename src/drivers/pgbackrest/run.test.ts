/** A command that goes on without its agent, followed by its log; a shell script does as pgBackRest would. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { followLog, launch, runsWith } from "./run.ts";

function program(t: TestContext, lines: readonly string[]): { readonly path: string; readonly log: string } {
  const directory = mkdtempSync(join(tmpdir(), "run-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "pgbackrest");
  writeFileSync(path, ["#!/bin/sh", ...lines, ""].join("\n"));
  chmodSync(path, 0o755);
  return { path, log: join(directory, "log") };
}

/** What the program says until it has ended, and the shares that were told; at the first of them it finds the file `heard`. */
async function follow(t: TestContext, lines: readonly string[]) {
  const { path, log } = program(t, lines);
  const call = { program: path, owner: undefined, config: "/nowhere", stanza: "shop", command: "backup" };
  const pid = await launch(call, log);
  const heard: number[] = [];
  const isAlive = (): Promise<boolean> => runsWith(pid, "backup");
  const told = (done: number): void => {
    heard.push(done);
    writeFileSync(join(dirname(path), "heard"), "");
  };
  return { said: await followLog({ log, isAlive }, told, t.signal), heard };
}

test("a log that is longer than what is kept of it ends with the program's last words and exit code", async (t) => {
  const lines = [
    `yes "$(printf '%0200d' 0)" | head -n 30000`, // 6 MB
    "echo 'ERROR: [028]: it is full'",
    "exit 28",
  ];
  const { said } = await follow(t, lines);
  assert.equal(said.code, 28);
  assert.match(said.text, /ERROR: \[028\]: it is full\nexit 28\n$/);
  assert.ok(said.text.length <= 4 << 20);
});

test("the newest share is told while it runs", async (t) => {
  const { said, heard } = await follow(t, [
    "echo 'P00 DETAIL: backup file /data/1259 (88KB, 45.23%) checksum 1'",
    "echo 'P00 DETAIL: backup file /data/1260 (88KB, 50.00%) checksum 2'",
    'until [ -e "$(dirname "$0")/heard" ]; do sleep 0.05; done',
  ]);
  assert.equal(said.code, 0);
  assert.deepEqual([...new Set(heard)], [0.5]);
});

test("one that was killed has no exit code", async (t) => {
  const { said } = await follow(t, ["kill -9 $PPID $$"]);
  assert.equal(said.code, null);
});
