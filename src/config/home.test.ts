/** Which home, and whether it will do. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { loadAgentOptions } from "./agent-options.ts";
import { prepareHome, resolveHome } from "./home.ts";

test("home: MATRIARCH_HOME, else root's, else the XDG data directory", () => {
  assert.equal(resolveHome({ MATRIARCH_HOME: "/srv/m", XDG_DATA_HOME: "/x" }, 0), "/srv/m");
  assert.equal(resolveHome({}, 0), "/var/lib/matriarch");
  assert.equal(resolveHome({ XDG_DATA_HOME: "/x", HOME: "/home/alice" }, 1000), "/x/matriarch");
  assert.equal(resolveHome({ XDG_DATA_HOME: "", HOME: "/home/alice" }, 1000), "/home/alice/.local/share/matriarch");
});

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-home-"));
  try {
    await chmod(directory, 0o755);
    await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test("home: is made, and no other user can write to it", () =>
  inDirectory(async (directory) => {
    const { home } = prepareHome(join(directory, "a", "b"));
    assert.equal((await stat(home)).mode & 0o022, 0);
  }));

test("home: one that cannot be written, or whose path is too long for a socket, is refused with what to do", () =>
  inDirectory(async (directory) => {
    await writeFile(join(directory, "file"), "");
    assert.throws(() => prepareHome(join(directory, "file", "home")), {
      code: "home-unwritable",
      hint: /MATRIARCH_HOME/,
    });
    assert.throws(() => prepareHome(join(directory, "x".repeat(100))), {
      code: "home-unwritable",
      hint: /shorter path/,
    });
  }));

test("home: root is told when Postgres' own user could not reach it", { skip: process.getuid?.() !== 0 }, () =>
  inDirectory(async (directory) => {
    await chmod(directory, 0o700);
    assert.throws(() => prepareHome(join(directory, "home")), { code: "home-unwritable", hint: /chmod o\+x/ });
  }),
);

test("agent options: flags win over the environment, and that over the file; every problem is told at once", () =>
  inDirectory(async (directory) => {
    await writeFile(join(directory, "agent.json"), JSON.stringify({ log_level: "debug", promise_ms: 2000 }));
    const env = { MATRIARCH_HOME: directory, MATRIARCH_PROMISE_MS: "3000" };
    assert.deepEqual(loadAgentOptions([], env), {
      home: directory,
      hook_limits: {},
      log_keep_days: 7,
      log_keep_mb: 256,
      log_level: "debug",
      promise_ms: 3000,
      status_listen: "endpoints",
      status_tls: "off",
    });
    assert.equal(loadAgentOptions(["--promise-ms", "4000"], env).promise_ms, 4000);
    await writeFile(join(directory, "agent.json"), JSON.stringify({ log_level: "loud", colour: 1 }));
    assert.throws(() => loadAgentOptions([], { ...env, MATRIARCH_PROMISE_MS: "5" }), {
      code: "bad-value",
      detail: /log_level: .*\npromise_ms: .*\n.*colour/s,
    });
    assert.throws(() => loadAgentOptions(["--nonsense"], env), { code: "usage" });
  }));
