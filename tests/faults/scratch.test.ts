/** A killed test's processes and directory go with the next sweep; those of a test that lives, or kept on purpose, stay. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isAlive, signalAll } from "./processes.ts";
import { makeScratch, sweepScratch } from "./scratch.ts";

const skip = existsSync("/proc/self/stat") ? false : "no /proc";
let base: string;
before(async () => {
  base = await mkdtemp(join(tmpdir(), "sweep-"));
});
after(() => rm(base, { recursive: true, force: true }));

/** One that works in there, and outlives whoever started it. */
function worker(directory: string): number {
  const child = spawn("sleep", ["60"], { cwd: directory, detached: true, stdio: "ignore" });
  child.unref();
  assert.ok(child.pid);
  return child.pid;
}

test(
  "what a dead maker left ends and goes; what belongs to a live one, or to nobody, is left alone",
  { skip },
  async () => {
    const child = spawn("true");
    await once(child, "exit");
    const orphan = join(base, "t-orphan");
    const reused = join(base, "t-reused");
    const kept = join(base, "t-kept");
    for (const directory of [orphan, reused, kept]) await mkdir(directory);
    await writeFile(join(orphan, "made-by"), `${child.pid} 1\n`);
    // Its maker is gone, and its pid belongs to this process by now.
    await writeFile(join(reused, "made-by"), `${process.pid} 1\n`);
    const own = await makeScratch(join(base, "t-"));
    const [gone, also, stays, mine] = [orphan, reused, kept, own].map(worker) as [number, number, number, number];
    try {
      await sweepScratch(join(base, "t-"));
      assert.deepEqual([gone, also, stays, mine].map(isAlive), [false, false, true, true]);
      assert.deepEqual([orphan, reused, kept, own].map(existsSync), [false, false, true, true]);
    } finally {
      signalAll([stays, mine], "SIGKILL");
    }
  },
);
