/** Real programs: run, late, failing, left behind, and those that others could change. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { findHook } from "./find.ts";
import { lookAtHooks } from "./look.ts";
import { runHook, type HookEnd, type HookRun } from "./run.ts";

let directory = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "matriarch-hooks-"));
});
after(() => rm(directory, { recursive: true, force: true }));

async function program(name: string, body: string, mode = 0o755): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, mode);
  return path;
}

async function run(body: string, more: Partial<HookRun> = {}): Promise<HookEnd> {
  const path = await program("before-start", body);
  const signal = new AbortController().signal;
  return runHook({
    path,
    environment: { PATH: "/usr/bin:/bin", A: "b c" },
    identity: {},
    limitMs: 5000,
    signal,
    ...more,
  });
}

function isAlive(pid: string): boolean {
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch {
    return false;
  }
}

async function gone(pid: string): Promise<void> {
  const deadline = performance.now() + 5000;
  while (isAlive(pid)) {
    assert.ok(performance.now() < deadline, `process ${pid} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("it gets the environment that it is given and no other", async () => {
  process.env["A_SECRET"] = "x";
  assert.deepEqual(await run('echo "$A,$A_SECRET,$#"'), { failure: undefined, output: "b c,,0" });
  delete process.env["A_SECRET"];
});

test("one that fails says how, with what it printed last", async () => {
  const { failure, output } = await run("yes | head -c 100000; echo at the end >&2; exit 3");
  assert.equal(failure, "it ended with exit code 3");
  assert.ok(output.endsWith("at the end") && output.length <= 1000);
});

test("one that hangs is killed at the limit, with all that it started", async () => {
  const { failure, output } = await run("sleep 600 & echo $! $$; trap '' TERM; wait", { limitMs: 300 });
  assert.match(failure ?? "", /had not ended after 0\.3 s/);
  for (const pid of output.split(" ")) await gone(pid);
});

test("what it leaves behind ends with it, and is not waited for", async () => {
  const { failure, output } = await run("sleep 600 & echo $!");
  assert.equal(failure, undefined);
  await gone(output);
});

test("it is ended early when something more urgent comes", async () => {
  const urgent = new AbortController();
  setTimeout(() => urgent.abort(), 50);
  assert.match((await run("sleep 600", { signal: urgent.signal })).failure ?? "", /more urgent/);
});

test("it ends with the agent that started it", async () => {
  const told = join(directory, "pid");
  const path = await program("after-stop", `echo $$ > ${told}.new; mv ${told}.new ${told}; sleep 600`);
  const source = agentThatRuns(path);
  const agent = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: "ignore" });
  const deadline = performance.now() + 20_000;
  let pid = "";
  while (pid === "" && performance.now() < deadline) pid = await readFile(told, "utf8").catch(() => "");
  assert.ok(isAlive(pid.trim()));
  agent.kill("SIGKILL");
  await gone(pid.trim());
});

function agentThatRuns(path: string): string {
  return `import { runHook } from ${JSON.stringify(new URL("run.ts", import.meta.url).href)};
    const signal = new AbortController().signal;
    await runHook({ path: ${JSON.stringify(path)}, environment: {}, identity: {}, limitMs: 60000, signal });`;
}

test("what somebody else could change is refused with the reason, and what is not there is none", async () => {
  assert.deepEqual(await findHook(directory, "before-demote"), { kind: "none" });
  assert.deepEqual(await findHook(join(directory, "nowhere"), "before-demote"), { kind: "none" });
  const path = await program("before-stop", "exit 0");
  assert.deepEqual(await findHook(directory, "before-stop"), { kind: "found", path });
  const refused = async (reason: RegExp): Promise<void> => {
    const found = await findHook(directory, "before-stop");
    assert.match(found.kind === "refused" ? found.reason : found.kind, reason);
  };
  await chmod(path, 0o757);
  await refused(/others can write to ".*before-stop"; type: chmod go-w/);
  await chmod(path, 0o644);
  await refused(/not executable; type: chmod \+x/);
  await chmod(path, 0o755);
  await chmod(directory, 0o777);
  await refused(/others can write to/);
  await chmod(directory, 0o755);
  await rm(path);
  await mkdir(path);
  await refused(/is not a file/);
});

test("a link counts as what it leads to", async () => {
  await program("real", "exit 0", 0o777);
  await symlink(join(directory, "real"), join(directory, "after-demote"));
  const found = await findHook(directory, "after-demote");
  assert.match(found.kind === "refused" ? found.reason : found.kind, /others can write to ".*real"/);
});

test("what is misspelled, or will not be run, is told; what lies beside it is not", async () => {
  const place = await mkdtemp(join(directory, "look-"));
  for (const [name, mode] of [
    ["after-promote", 0o755],
    ["before-stop", 0o644],
    ["after_demote", 0o755],
    ["after-failover", 0o755],
    ["README.md", 0o644],
    ["notify-team", 0o755],
  ] as const)
    await writeFile(join(place, name), "#!/bin/sh\n", { mode });
  const { ready, problems } = await lookAtHooks(place);
  assert.deepEqual(ready, ["after-promote"]);
  assert.equal(problems.length, 3, problems.join("\n"));
  assert.match(problems[0] ?? "", /"before-stop" is not run: .*chmod \+x/);
  assert.match(problems[1] ?? "", /"after-failover" is never run: no hook has that name\. There are before-start/);
  assert.match(problems[2] ?? "", /"after_demote" is never run: it is not called "after-demote"/);
  assert.deepEqual(await lookAtHooks(join(place, "nowhere")), { ready: [], problems: [] });
});

test("one of another user is refused", { skip: process.getuid?.() !== 0 && "needs root" }, async () => {
  const path = await program("after-promote", "exit 0");
  await chown(path, 12_345, 12_345);
  const found = await findHook(directory, "after-promote");
  assert.match(found.kind === "refused" ? found.reason : found.kind, /belongs to user 12345/);
});
