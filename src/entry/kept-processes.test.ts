/** A real router that dies, falls silent or cannot be started: what is told of it. The same holds for guard and relay. */
import assert from "node:assert/strict";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../../tests/faults/until.ts";
import type { RouterDriver } from "../drivers/router/port.ts";
import { createRouterDriver } from "../drivers/router/process.ts";
import { openEventFile, type EventFile } from "../events/event-file.ts";
import { tellRestarts } from "./kept-processes.ts";

let directory: string;
let file: EventFile;
let router: RouterDriver;
let script: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "kept-"));
  file = openEventFile(join(directory, "events.sqlite"));
  // One whose program can be taken away.
  script = join(directory, "router.ts");
  await symlink(join(import.meta.dirname, "router.ts"), script);
  router = createRouterDriver({
    command: process.execPath,
    args: [script],
    controlPath: join(directory, "router.sock"),
    logPath: join(directory, "router.log"),
    version: "1",
  });
  tellRestarts(file.events, "router", router);
  await router.ensure();
});
after(async () => {
  await router.stop();
  file.close();
  await rm(directory, { recursive: true, force: true });
});

const told = () => file.events.list({ limit: 100 }).map(({ type, message }) => `${type}: ${message}`);

function kill(signal: NodeJS.Signals): void {
  assert.ok(router.pid);
  process.kill(router.pid, signal);
}

test("one that has fallen silent is replaced, and told of as such", async () => {
  kill("SIGSTOP");
  await until("a word of it", () => (told().length > 0 ? true : undefined), { seen: () => told().join("; ") });
  assert.deepEqual(told(), ["router.restarted: router started again: it had stopped answering"]);
});

test("one that cannot be started is told of once, with where to look; and again when it is there", async () => {
  await rm(script);
  kill("SIGKILL");
  await until("a word of it", () => (told().length > 1 ? true : undefined));
  assert.match(told()[1] ?? "", /^router\.failed: router cannot be started: .*could not be started.*router\.log/);
  await symlink(join(import.meta.dirname, "router.ts"), script);
  await until("the router", () => (told().length > 2 ? true : undefined), { seen: () => told().join("; ") });
  assert.equal(told()[2], "router.restarted: router started again: its process had ended");
  assert.equal(told().length, 3);
});
