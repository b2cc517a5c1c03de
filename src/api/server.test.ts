/** The API over a real Unix socket, with a small installation behind it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";

import { createMemoryInstallation, statusOf, type MemoryInstallation } from "../../tests/cli/memory-installation.ts";
import { createApi, type Api } from "./server.ts";

let home: string;
let socket: string;
let installation: MemoryInstallation;
let api: Api;
const logged: { message: string; fields: Readonly<Record<string, unknown>> }[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "matriarch-api-"));
  socket = join(home, "agent.sock");
  installation = createMemoryInstallation(home);
  installation.clusters.set("shop", statusOf({ name: "shop" }, home));
  logged.length = 0;
  const log = {
    info: (fields: Readonly<Record<string, unknown>>, message: string) => void logged.push({ message, fields }),
    error: (fields: Readonly<Record<string, unknown>>, message: string) => void logged.push({ message, fields }),
  };
  api = createApi(installation, log);
  await api.listen(socket);
});

afterEach(async () => {
  await api.close();
  await rm(home, { recursive: true, force: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly body: unknown;
}

async function ask(method: string, path: string, body?: string, user = "alice"): Promise<Answer> {
  const sent = request({ socketPath: socket, method, path, headers: { "x-matriarch-user": user }, agent: false });
  sent.end(body);
  const [answer] = await once(sent, "response");
  return { status: answer.statusCode, body: JSON.parse(await text(answer)) };
}

test("socket: only its owner can open it", async () => {
  assert.equal((await stat(socket)).mode & 0o777, 0o600);
});

test("socket: that of a living agent is not stolen", async () => {
  const second = createApi(installation, { info: () => {}, error: () => {} });
  await assert.rejects(second.listen(socket), { code: "agent-running" });
  assert.equal((await ask("GET", "/v1/agent")).status, 200);
});

test("socket: what a killed agent has left is taken over", async () => {
  const stale = join(home, "stale.sock");
  const script = `require("node:net").createServer().listen(${JSON.stringify(stale)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script]), "exit");
  assert.ok((await stat(stale)).isSocket());
  const second = createApi(installation, { info: () => {}, error: () => {} });
  await second.listen(stale);
  await second.close();
});

test("socket: one that accepts and never answers counts as living", async () => {
  const silent = createServer();
  const path = join(home, "silent.sock");
  silent.listen(path);
  await once(silent, "listening");
  await assert.rejects(createApi(installation, { info: () => {}, error: () => {} }).listen(path), {
    code: "agent-running",
  });
  silent.close();
});

test("errors: one shape, the catalog's status, and a suggestion", async () => {
  assert.deepEqual(await ask("GET", "/v1/clusters/shpo"), {
    status: 404,
    body: {
      error: { code: "cluster-not-found", message: 'cluster "shpo" does not exist', hint: 'Did you mean "shop"?' },
    },
  });
});

test("errors: a defect says so and is logged, without its stack in the answer", async () => {
  installation.explain = async () => {
    throw new TypeError("x is not a function");
  };
  const { status, body } = await ask("GET", "/v1/clusters/shop/explain");
  assert.equal(status, 500);
  assert.match(JSON.stringify(body), /"code":"internal".*x is not a function/);
  assert.doesNotMatch(JSON.stringify(body), /server\.test\.ts/);
  assert.equal(logged[0]?.message, "request failed unexpectedly");
});

test("bodies: every problem at once, with its path; unknown keys are refused", async () => {
  const { status, body } = await ask(
    "POST",
    "/v1/clusters",
    JSON.stringify({ members: "three", sise: 1, port: 1.5, name: "new" }),
  );
  assert.equal(status, 422);
  const { error } = body as { error: { code: string; message: string; detail: string } };
  assert.equal(error.code, "bad-value");
  assert.equal(error.message, "the request's body has 3 problems");
  assert.match(error.detail, /^members: .*\nport: .*\nsise: not a known key\.$/s);
  assert.deepEqual(installation.calls, []);
});

test("bodies: no JSON, too large, a bad name: nothing is done", async () => {
  assert.equal((await ask("POST", "/v1/clusters", "{")).status, 400);
  assert.equal((await ask("POST", "/v1/clusters", JSON.stringify({ name: "x".repeat(100_000) }))).status, 413);
  assert.equal((await ask("POST", "/v1/clusters", JSON.stringify({ name: "../x" }))).status, 422);
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", JSON.stringify({ now: true }))).status, 422);
  assert.equal((await ask("GET", "/v1/clusters/shop/events?limit=5000")).status, 422);
  assert.equal((await ask("GET", "/v1/nothing")).status, 404);
  assert.deepEqual(installation.calls, []);
});

test("audit: who asked is handed on and logged; a name that would forge a line is cleaned", async () => {
  await ask("POST", "/v1/clusters/shop/stop", "{}");
  await ask("POST", "/v1/clusters/shop/start", "{}", "bob {level:error}");
  assert.deepEqual(
    installation.calls.map(({ name, by }) => [name, by]),
    [
      ["stop", "alice"],
      ["start", "boblevelerror"],
    ],
  );
  assert.deepEqual(
    logged.map(({ fields }) => [fields["method"], fields["path"], fields["by"], fields["status"]]),
    [
      ["POST", "/v1/clusters/shop/stop", "alice", 202],
      ["POST", "/v1/clusters/shop/start", "boblevelerror", 202],
    ],
  );
});

/** Server-sent events as they arrive. */
async function* events(path: string, signal: AbortSignal): AsyncGenerator<{ event: string; data: unknown }> {
  const sent = request({ socketPath: socket, path, agent: false, signal });
  sent.end();
  const [answer] = await once(sent, "response");
  assert.equal(answer.headers["content-type"], "text/event-stream");
  let rest = "";
  for await (const chunk of answer) {
    rest += String(chunk);
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
      yield { event: field("event"), data: field("data") === "" ? undefined : JSON.parse(field("data")) };
    }
  }
}

test("stream: an operation is told step by step and ends with its end", async () => {
  installation.stepMs = 400;
  const { body } = await ask("POST", "/v1/clusters/shop/switchover", "{}");
  const { id } = body as { id: string };
  const states: string[] = [];
  for await (const { data } of events(`/v1/operations/${id}/stream`, AbortSignal.timeout(10_000))) {
    states.push((data as { state: string }).state);
  }
  assert.equal(states.at(-1), "done");
  assert.ok(states.length >= 3, states.join());
});

test("stream: events follow the past without a gap, and a filter holds for both", async () => {
  for (const type of ["failover.started", "failover.done", "pause.started"]) installation.emit({ type });
  const read = installation.events.bind(installation);
  installation.events = (cluster, query) => {
    // Happens between the watch and the look at the past, so both have it.
    installation.emit({ type: "failover.again" });
    return read(cluster, query);
  };
  const seen: number[] = [];
  const stop = new AbortController();
  try {
    for await (const { event, data } of events("/v1/clusters/shop/events/stream?type=failover", stop.signal)) {
      if (event !== "data") continue;
      seen.push((data as { id: number }).id);
      if (seen.length === 3) {
        installation.emit({ type: "pause.done" });
        installation.emit({ type: "failover.failed" });
      }
      if (seen.length === 4) stop.abort();
    }
  } catch (error) {
    assert.ok(stop.signal.aborted, String(error));
  }
  assert.deepEqual(seen, [1, 2, 4, 6]);
});

test("stream: a reader that goes away is no longer served", async () => {
  let watching: AbortSignal | undefined;
  const watch = installation.watchStatus.bind(installation);
  installation.watchStatus = (cluster, changed, signal) => {
    watching = signal;
    watch(cluster, changed, signal);
  };
  const stop = new AbortController();
  for await (const { data } of events("/v1/clusters/shop/stream", stop.signal)) {
    assert.equal((data as { name: string }).name, "shop");
    break;
  }
  stop.abort();
  assert.ok(watching);
  if (!watching.aborted) await once(watching, "abort", { signal: AbortSignal.timeout(5000) });
});

test("stream: what does not exist is a plain error and no stream", async () => {
  assert.equal((await ask("GET", "/v1/operations/op-99/stream")).status, 404);
  assert.equal((await ask("GET", "/v1/clusters/nope/stream")).status, 404);
});
