import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine } from "../port.ts";
import { runTool, tryTool, type ToolOptions } from "./environment.ts";

const options: ToolOptions = { owner: undefined, signal: new AbortController().signal, timeoutMs: 10_000 };

test("tools: a failure carries the last lines that the tool said", async (t) => {
  const engine = await engineWith(t, "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do echo line $i >&2; done; exit 3");
  await assert.rejects(runTool(engine, "tool", [], options), (error) => {
    assert.ok(error instanceof OpError && error.code === "engine-failed");
    assert.equal(error.message, "tool ended with exit code 3");
    assert.match(error.detail ?? "", /^line 3\n[^]*line 14$/);
    return true;
  });
});

test("tools: get a clean environment, our arguments as they are, and their input", async (t) => {
  const engine = await engineWith(t, 'echo "$1|$SECRET|$LC_ALL|$EXTRA"; cat');
  process.env["SECRET"] = "never passed on";
  t.after(() => delete process.env["SECRET"]);
  const said = await runTool(engine, "tool", ["a 'b' $HOME"], { ...options, input: "given\n" });
  assert.equal(said.stdout, "a 'b' $HOME||C|from the engine\ngiven\n");
});

test("tools: output without end is kept only at its end", async (t) => {
  const engine = await engineWith(t, "i=0; while [ $i -lt 30000 ]; do echo 0123456789; i=$((i+1)); done; echo end");
  const { stdout } = await runTool(engine, "tool", [], options);
  assert.equal(stdout.length, 64 * 1024);
  assert.match(stdout, /end\n$/);
});

test("tools: one that takes too long is ended with all that it started", { timeout: 60_000 }, async (t) => {
  const engine = await engineWith(t, 'sleep 100 & echo $! > "$1"; wait');
  const pidFile = join(engine.binDirectory, "pid");
  await assert.rejects(tryTool(engine, "tool", [pidFile], { ...options, timeoutMs: 2000 }), /did not end within 2 s/);
  await untilGone(Number(await readFile(pidFile, "utf8")));
});

test("tools: an abort ends them and is what the caller sees", { timeout: 60_000 }, async (t) => {
  const engine = await engineWith(t, "sleep 100");
  const reason = new Error("cancelled by the user");
  await assert.rejects(tryTool(engine, "tool", [], { ...options, signal: abortSoon(reason) }), reason);
});

test("tools: one that is not there is told apart from one that failed", async (t) => {
  const engine = await engineWith(t, "true");
  await assert.rejects(runTool(engine, "nothing", [], options), /could not start nothing: ENOENT/);
});

function abortSoon(reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 50);
  return controller.signal;
}

/** An engine with one tool, a shell script. */
async function engineWith(t: TestContext, script: string): Promise<Engine> {
  const binDirectory = await mkdtemp(join(tmpdir(), "matriarch-tools-"));
  t.after(() => rm(binDirectory, { recursive: true, force: true }));
  await writeFile(join(binDirectory, "tool"), `#!/bin/sh\n${script}\n`);
  await chmod(join(binDirectory, "tool"), 0o755);
  const environment = { EXTRA: "from the engine" };
  const tools = { pgRewind: undefined, psql: undefined };
  return { kind: "system", major: 15, version: "15.18", binDirectory, environment, tools };
}

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    // A zombie that nobody has reaped yet is gone as well.
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "gone");
    if (stat === "gone" || stat.includes(") Z ")) return;
    assert.ok(Date.now() < deadline, `process ${pid} is still there`);
    await sleep(10);
  }
}
