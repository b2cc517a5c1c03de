/** Requests that are sent again, generations, and how much one caller may ask: over a real socket and a real file. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";

import { createMemoryInstallation, statusOf, type MemoryInstallation } from "../../tests/cli/memory-installation.ts";
import { OpError } from "../errors/op-error.ts";
import { openEventFile, type EventFile } from "../events/event-file.ts";
import { usualLimits } from "./limits.ts";
import { createApi, type Api } from "./server.ts";

let home: string;
let file: EventFile;
let api: Api;
let installation: MemoryInstallation;
let now = Date.now();
const limits = { ...usualLimits, socket: { burst: 20, perSecond: 10 } };

const begin = async (): Promise<void> => {
  file = openEventFile(join(home, "events.sqlite"), { now: () => now });
  api = createApi(installation, { info: () => {}, error: () => {} }, { requests: file.requests, limits });
  await api.listen(join(home, "agent.sock"));
};
const end = async (): Promise<void> => {
  await api.close();
  file.close();
};
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "matriarch-keys-"));
  installation = createMemoryInstallation(home);
  installation.clusters.set("shop", statusOf({ name: "shop" }, home));
  await begin();
});
afterEach(async () => {
  await end();
  await rm(home, { recursive: true, force: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
}
interface Asked {
  readonly key?: string;
  readonly ifMatch?: string;
  readonly by?: string;
}

async function ask(
  method: string,
  path: string,
  body: unknown,
  { key, ifMatch, by = "ada" }: Asked = {},
): Promise<Answer> {
  const headers = {
    "x-matriarch-user": by,
    ...(key === undefined ? {} : { "idempotency-key": key }),
    ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
  };
  const sent = request({ socketPath: join(home, "agent.sock"), method, path, headers, agent: false });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = await once(sent, "response");
  return { status: answer.statusCode, headers: answer.headers, body: JSON.parse(await text(answer)) };
}
const codeOf = ({ body }: Answer): string => (body as { error: { code: string } }).error.code;
const calls = (): readonly string[] => installation.calls.map(({ name }) => name);

test("the same key and body: one cluster, one answer, also from the next agent; the file has no password", async () => {
  const first = await ask("POST", "/v1/clusters", { name: "new" }, { key: "k-1" });
  assert.equal(first.status, 202);
  const again = await ask("POST", "/v1/clusters", { name: "new" }, { key: "k-1" });
  assert.deepEqual([again.status, again.body], [first.status, first.body]);
  assert.equal(again.headers["idempotent-replayed"], "true");
  assert.equal(first.headers["idempotent-replayed"], undefined);
  await end();
  await begin();
  assert.deepEqual((await ask("POST", "/v1/clusters", { name: "new" }, { key: "k-1" })).body, first.body);
  assert.deepEqual(calls(), ["create"]);
  assert.match(JSON.stringify(first.body), /s3cret/);
  const bytes = ["events.sqlite", "events.sqlite-wal"].map((name) => readFileSync(join(home, name), "latin1")).join("");
  assert.ok(!bytes.includes("s3cret") && !bytes.includes("k-1"));
});

test("many at once with one key are one change", async () => {
  installation.stepMs = 50;
  const all = await Promise.all(
    Array.from({ length: 8 }, () => ask("POST", "/v1/clusters/shop/stop", {}, { key: "together" })),
  );
  assert.equal(new Set(all.map(({ body }) => JSON.stringify(body))).size, 1);
  assert.deepEqual(calls(), ["stop"]);
});

test("another body or path with the key is refused, another caller or another key is another request", async () => {
  await ask("POST", "/v1/clusters/shop/pause", { for_ms: 5000 }, { key: "k" });
  const other = await ask("POST", "/v1/clusters/shop/pause", { for_ms: 6000 }, { key: "k" });
  assert.deepEqual([other.status, codeOf(other)], [422, "key-reused"]);
  assert.equal(codeOf(await ask("POST", "/v1/clusters/shop/stop", {}, { key: "k" })), "key-reused");
  assert.equal((await ask("POST", "/v1/clusters/shop/pause", { for_ms: 6000 }, { key: "k", by: "bob" })).status, 200);
  assert.equal((await ask("POST", "/v1/clusters/shop/pause", { for_ms: 6000 }, { key: "k2" })).status, 200);
  assert.equal(calls().length, 3);
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", {}, { key: "a b" })).status, 400);
});

test("what was refused may be sent again; what nobody knows the end of is not done again", async () => {
  assert.equal((await ask("POST", "/v1/clusters/nope/stop", {}, { key: "r" })).status, 404);
  installation.clusters.set("nope", statusOf({ name: "nope" }, home));
  assert.equal((await ask("POST", "/v1/clusters/nope/stop", {}, { key: "r" })).status, 202);
  const stop = installation.stop.bind(installation);
  installation.stop = async () => {
    throw new OpError("store-outcome-unknown", { message: "the store did not answer" });
  };
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", {}, { key: "u" })).status, 503);
  installation.stop = stop;
  const unknown = await ask("POST", "/v1/clusters/shop/stop", {}, { key: "u" });
  assert.deepEqual([unknown.status, codeOf(unknown)], [503, "interrupted"]);
  assert.deepEqual(calls(), ["stop"]);
});

test("a key is forgotten after a day", async () => {
  await ask("POST", "/v1/clusters/shop/stop", {}, { key: "day" });
  now += 25 * 3_600_000;
  await ask("POST", "/v1/clusters/shop/stop", {}, { key: "day" });
  assert.deepEqual(calls(), ["stop", "stop"]);
});

test("a change for another generation is refused, and nothing is done", async () => {
  const { body } = await ask("GET", "/v1/clusters/shop", undefined);
  assert.equal((body as { generation: number }).generation, 1);
  const refused = await ask("POST", "/v1/clusters/shop/stop", {}, { ifMatch: '"2"' });
  assert.deepEqual([refused.status, codeOf(refused)], [412, "generation-changed"]);
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", {}, { ifMatch: "new" })).status, 400);
  assert.deepEqual(calls(), []);
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", {}, { ifMatch: '"1"' })).status, 202);
});

test("a flood is held back with a time to wait, and nobody else is", async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => ask("GET", "/v1/agent", undefined, { by: "flood" })),
  );
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length >= 10, String(refused.length));
  assert.ok(refused.every((answer) => Number(answer.headers["retry-after"]) >= 1 && codeOf(answer) === "rate-limited"));
  assert.equal((await ask("GET", "/v1/agent", undefined, { by: "calm" })).status, 200);
});

test("a path with another method says which there are", async () => {
  const { status, headers } = await ask("PATCH", "/v1/clusters/shop", {});
  assert.deepEqual([status, headers.allow], [405, "GET, DELETE"]);
  assert.equal((await ask("GET", "/v2/clusters", undefined)).status, 404);
});
