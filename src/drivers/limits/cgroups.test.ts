/** Groups of real processes on cgroup v1, and the same calls on files named as cgroup v2 names them. */
import assert from "node:assert/strict";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { after, afterEach, describe, test } from "node:test";
import { Cgroups } from "./cgroups.ts";
import { findGroups } from "./find.ts";
import type { Groups } from "./port.ts";
import { groupFile, groupForTest, noGroupsHere, removeGroups } from "./testing.ts";

const mib = 1024 ** 2;
/** Takes so many MiB for each number that it reads, and says so; 0 forks a child that waits. */
const program = `
const held = [];
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  for (let n = 0; n < Number(line); n += 1) held.push(Buffer.alloc(${mib}, 1));
  const child = line === "0" ? require("node:child_process").spawn("sleep", ["60"]).pid : "";
  console.log("took", child);
});
console.log("ready");`;

type Eater = ChildProcessByStdio<Writable, Readable, null>;

describe("groups on cgroup v1", { skip: noGroupsHere }, () => {
  const parent = groupForTest();
  const running: Eater[] = [];
  afterEach(async () => {
    for (const child of running.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  });
  after(() => removeGroups(parent));

  function groups(): Groups {
    const found = findGroups({ home: "/a-home", parent });
    if ("kind" in found) return found;
    throw new Error(found.why);
  }

  async function start(): Promise<Eater & { readonly pid: number }> {
    const child = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "ignore"] });
    running.push(child);
    await once(child.stdout, "data");
    return Object.assign(child, { pid: child.pid ?? 0 });
  }

  async function take(child: Eater, mebibytes: number): Promise<string> {
    const said = once(child.stdout, "data");
    child.stdin.write(`${mebibytes}\n`);
    return String((await said)[0]);
  }

  test("a launched process has the limits from the beginning, and what it takes is counted", async () => {
    const child = await start();
    const made = groups();
    made.launch("a", child.pid, { memoryBytes: 256 * mib, cpus: 1.5 });
    assert.equal(groupFile(parent, "-a", "memory.limit_in_bytes"), String(256 * mib));
    assert.equal(groupFile(parent, "-a", "cpu.cfs_quota_us"), "150000");
    assert.equal(groupFile(parent, "-a", "cgroup.procs"), String(child.pid));
    await take(child, 50);
    const use = await made.use("a");
    assert.equal(use?.memoryLimitBytes, 256 * mib);
    assert.ok(use.heldBytes > 50 * mib && use.heldBytes < 150 * mib, String(use.heldBytes));
  });

  test("limits are raised, taken away, and not lowered below what is held", async () => {
    const child = await start();
    const made = groups();
    made.launch("b", child.pid, { memoryBytes: 256 * mib, cpus: 1 });
    await take(child, 100);
    assert.equal(await made.change("b", { memoryBytes: 64 * mib, cpus: 2 }, true), false);
    assert.equal((await made.use("b"))?.memoryLimitBytes, 256 * mib);
    assert.equal(groupFile(parent, "-b", "cpu.cfs_quota_us"), "200000");
    assert.equal(await made.change("b", { memoryBytes: 200 * mib, cpus: 2 }, false), false);
    assert.equal(await made.change("b", { memoryBytes: 200 * mib, cpus: 2 }, true), true);
    assert.equal(await made.change("b", { memoryBytes: 512 * mib, cpus: undefined }, true), true);
    assert.equal((await made.use("b"))?.memoryLimitBytes, 512 * mib);
    assert.equal(groupFile(parent, "-b", "cpu.cfs_quota_us"), "-1");
    assert.equal(await made.change("b", { memoryBytes: undefined, cpus: undefined }, true), true);
    assert.equal((await made.use("b"))?.memoryLimitBytes, undefined);
  });

  test("a process that ran before comes in with its children", async () => {
    const child = await start();
    const grandchild = (await take(child, 0)).replace("took", "").trim();
    const made = groups();
    await made.admit("c", child.pid);
    await made.admit("c", child.pid);
    assert.deepEqual(
      groupFile(parent, "-c", "cgroup.procs").split("\n").toSorted(),
      [String(child.pid), grandchild].toSorted(),
    );
    process.kill(Number(grandchild), "SIGKILL");
  });

  test("who takes more than there is, is ended, and that is counted; others are not touched", async () => {
    const [greedy, modest] = [await start(), await start()];
    const made = groups();
    made.launch("d", greedy.pid, { memoryBytes: 128 * mib, cpus: undefined });
    made.launch("e", modest.pid, { memoryBytes: 128 * mib, cpus: undefined });
    greedy.stdin.write("400\n");
    const [, signal] = await once(greedy, "exit");
    assert.equal(signal, "SIGKILL");
    assert.equal((await made.use("d"))?.outOfMemoryKills, 1);
    assert.equal((await made.use("e"))?.outOfMemoryKills, 0);
    await take(modest, 1);
  });

  test("a group goes when nobody is in it, also one that an earlier agent left", async () => {
    const child = await start();
    const made = groups();
    made.launch("f", child.pid, { memoryBytes: undefined, cpus: 1 });
    assert.equal(await made.remove("f"), false);
    child.kill("SIGKILL");
    await once(child, "exit");
    await groups().sweep();
    assert.equal(await made.use("f"), undefined);
    assert.equal(await made.remove("f"), true);
  });

  test("a process that is gone is an error, and no group of another home is touched", async () => {
    const made = groups();
    assert.throws(() => made.launch("g", 2 ** 22 - 1, { memoryBytes: mib * 64, cpus: 1 }), /ESRCH/);
    const other = findGroups({ home: "/another-home", parent });
    assert.ok("kind" in other);
    await other.sweep();
    assert.notEqual(await made.use("g"), undefined);
  });
});

test("what cannot be is said with what to do", () => {
  assert.match(JSON.stringify(findGroups({ home: "/h", parent: "off" })), /switched off/);
});

test("on cgroup v2 the same is written to its files", async () => {
  const parent = mkdtempSync(join(tmpdir(), "mg-"));
  try {
    const group = join(parent, "x-shop-1");
    mkdirSync(group);
    const files = {
      "cgroup.procs": "",
      "memory.max": "max\n",
      "cpu.max": "max 100000\n",
      "memory.current": "1000000\n",
      "memory.stat": "anon 1\ninactive_file 300000\nactive_file 100000\n",
      "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\n",
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(group, name), text);
    const groups = new Cgroups({ version: 2, memory: parent, cpu: parent, prefix: "x-" });
    groups.launch("shop-1", 4242, { memoryBytes: 5, cpus: 1 });
    const read = (name: string): string => readFileSync(join(group, name), "utf8");
    assert.match(read("cgroup.procs"), /^4242/);
    assert.deepEqual(await groups.use("shop-1"), {
      heldBytes: 600_000,
      memoryLimitBytes: undefined,
      outOfMemoryKills: 2,
    });
    assert.equal(await groups.change("shop-1", { memoryBytes: 610_000, cpus: 0.5 }, true), false);
    assert.match(read("memory.max"), /^max/);
    assert.match(read("cpu.max"), /^50000 100000/);
    assert.equal(await groups.change("shop-1", { memoryBytes: 9_000_000, cpus: undefined }, true), true);
    assert.match(read("memory.max"), /^9000000/);
    assert.match(read("cpu.max"), /^max 100000/);
  } finally {
    rmSync(parent, { recursive: true });
  }
});

test("on cgroup v2 a group's controllers are asked for above it first, and its limits are set before anybody is in it", () => {
  const parent = mkdtempSync(join(tmpdir(), "mg-"));
  try {
    const above = join(parent, "cgroup.subtree_control");
    writeFileSync(above, "");
    const groups = new Cgroups({ version: 2, memory: parent, cpu: parent, prefix: "x-" });
    // The kernel makes a group's files; what is not there is none that it offers, and is not made by us.
    assert.throws(() => groups.launch("shop-1", 4242, { memoryBytes: 5, cpus: 1 }), /ENOENT.*memory\.max/);
    assert.equal(readFileSync(above, "utf8"), "+memory +cpu");
    assert.deepEqual(readdirSync(join(parent, "x-shop-1")), []);
  } finally {
    rmSync(parent, { recursive: true });
  }
});
