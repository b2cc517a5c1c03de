/** The audit of changing requests, on a real event file. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";

import { createMemoryInstallation, statusOf } from "../../tests/cli/memory-installation.ts";
import type { ClusterEvent } from "../contract/cluster.ts";
import { openEventFile, type EventFile } from "../events/event-file.ts";
import { createApi, type Api } from "./server.ts";

let home: string;
let file: EventFile;
let api: Api;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "matriarch-audit-"));
  const installation = createMemoryInstallation(home);
  installation.clusters.set("shop", statusOf({ name: "shop" }, home));
  installation.clusters.set("blog", statusOf({ name: "blog" }, home));
  file = openEventFile(join(home, "events.sqlite"));
  api = createApi(installation, { info: () => {}, error: () => {} }, { audit: file.events });
  await api.listen(join(home, "agent.sock"));
});
afterEach(async () => {
  await api.close();
  file.close();
  await rm(home, { recursive: true, force: true });
});

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const headers = { "x-matriarch-user": "ada" };
  const sent = request({ socketPath: join(home, "agent.sock"), method, path, headers, agent: false });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = await once(sent, "response");
  return JSON.parse(await text(answer));
}

async function audited(query = ""): Promise<readonly ClusterEvent[]> {
  return (await ask("GET", `/v1/audit${query}`)) as ClusterEvent[];
}

test("what was done, refused and failed: who, what, how, and no secret", async () => {
  await ask("GET", "/v1/clusters");
  await ask("POST", "/v1/clusters", { name: "new", password: "hunter2", settings: { work_mem: "4MB" } });
  await ask("POST", "/v1/clusters/shop/switchover", { to: "shop-3" });
  await ask("POST", "/v1/clusters/shop/stop", {});
  const events = await audited();
  assert.deepEqual(
    events.map(({ type, cluster, actor, details }) => [type, cluster, actor, details["request"], details["error"]]),
    [
      ["audit.done", "new", "ada", "POST /v1/clusters", null],
      ["audit.refused", "shop", "ada", "POST /v1/clusters/shop/switchover", "candidate-behind"],
      ["audit.done", "shop", "ada", "POST /v1/clusters/shop/stop", null],
    ],
  );
  assert.match(String(events[0]?.details["parameters"]), /"password":"?\*\*\*.*work_mem/);
  assert.equal(events[0]?.details["via"], "socket");
  assert.equal(events[0]?.details["role"], "admin");
  assert.ok(!JSON.stringify(events).includes("hunter2"));
});

test("a stream of its own: not among the events of a cluster; by cluster when asked", async () => {
  await ask("POST", "/v1/clusters/shop/stop", {});
  await ask("POST", "/v1/clusters/blog/stop", {});
  file.events.emit("user.rotated", { cluster: "shop", actor: "ada" }, { user: "app" });
  const types = (list: readonly { type: string }[]) => list.map(({ type }) => type);
  assert.deepEqual(types(file.events.list({ cluster: "shop", limit: 10 })), ["user.rotated"]);
  assert.deepEqual(types(await audited("?cluster=shop")), ["audit.done"]);
  assert.equal((await audited()).length, 2);
  assert.equal((await audited("?limit=1")).at(0)?.cluster, "blog");
});

test("a body that is no JSON leaves a line, too", async () => {
  await ask("POST", "/v1/clusters/shop/stop", ["not", "an", "object"]);
  assert.deepEqual(
    (await audited()).map(({ type, details }) => [type, details["error"], details["status"]]),
    [["audit.refused", "bad-value", 422]],
  );
});
