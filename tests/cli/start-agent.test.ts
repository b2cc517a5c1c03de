/** The agent is started on demand: once, however many commands need it, and with its last words when it fails. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { chmodSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { agentAnswers, ensureAgent } from "../../src/cli/client/start-agent.ts";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "matriarch-start-"));
  chmodSync(home, 0o755);
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Writes its pid, then listens; ends when it is sent a byte. */
const goodAgent = `
const { appendFileSync } = require("node:fs");
const { createServer } = require("node:net");
const home = process.argv[process.argv.indexOf("--home") + 1];
appendFileSync(home + "/pids", process.pid + "\\n");
setTimeout(() => createServer((socket) => socket.on("error", () => {}).on("data", () => process.exit(0))).listen(home + "/agent.sock"), 200);
`;

async function program(source: string) {
  const script = join(home, "agent.cjs");
  await writeFile(script, source);
  return { script, home };
}

async function stopAgent(): Promise<void> {
  const socket = createConnection(join(home, "agent.sock"));
  socket.write("end");
  socket.on("error", () => {});
  await once(socket, "close");
}

test("several commands at once start one agent", async () => {
  const agent = await program(goodAgent);
  const started = await Promise.all(Array.from({ length: 5 }, () => ensureAgent(agent, () => {})));
  assert.equal(started.filter((one) => one).length, 1);
  assert.equal((await readFile(join(home, "pids"), "utf8")).trim().split("\n").length, 1);
  assert.equal(await ensureAgent(agent, () => assert.fail("it runs already")), false);
  await stopAgent();
});

test("a command that was killed while it started the agent does not block the next", async () => {
  const agent = await program(goodAgent);
  await writeFile(join(home, "agent.starting"), "999999999");
  assert.equal(await ensureAgent(agent, () => {}), true);
  await stopAgent();
});

test("an agent that fails: its last words, and where its log is", async () => {
  await writeFile(join(home, "agent.log"), "an older line\n");
  const agent = await program(`console.error("the store is damaged"); process.exit(3)`);
  await assert.rejects(
    ensureAgent(agent, () => {}),
    {
      code: "agent-start-failed",
      detail: "It ended with exit code 3.\nthe store is damaged",
      hint: /agent\.log/,
    },
  );
  assert.equal(await agentAnswers(join(home, "agent.sock")), false);
});

test("a secret in a variable of the command does not stay in the environment of the agent", async (t) => {
  const secrets = ["OLD_URL", "DATABASE_URL", "PGPASSWORD", "MATRIARCH_TOKEN", "NODE_AUTH_TOKEN"];
  const kept = {
    LC_MEASUREMENT: "C",
    XDG_DATA_DIRS: "/usr/share",
    https_proxy: "http://proxy:1",
    MATRIARCH_CGROUP: "off",
  };
  const before = { ...process.env };
  t.after(() => void (process.env = before));
  for (const name of secrets) process.env[name] = "postgres://boss:secret@old/shop";
  Object.assign(process.env, kept);
  const agent = await program(goodAgent);
  assert.equal(await ensureAgent(agent, () => {}), true);
  const pid = (await readFile(join(home, "pids"), "utf8")).trim();
  const environment = process.platform === "linux" ? await readFile(`/proc/${pid}/environ`, "utf8") : "";
  await stopAgent();
  if (environment === "") return t.skip("environments are read in /proc");
  const lines = environment.split("\0");
  assert.ok(!environment.includes("secret"), lines.filter((line) => line.includes("secret")).join("\n"));
  for (const [name, value] of Object.entries({ ...kept, MATRIARCH_HOME: home, PATH: process.env["PATH"] }))
    assert.ok(lines.includes(`${name}=${value}`), `${name} is not there`);
});

test("a home that cannot be made is refused before anything is started", async () => {
  const agent = await program(goodAgent);
  await writeFile(join(home, "file"), "");
  await assert.rejects(
    ensureAgent({ ...agent, home: join(home, "file", "x") }, () => {}),
    { code: "home-unwritable" },
  );
});
