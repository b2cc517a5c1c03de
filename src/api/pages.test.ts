/** Lists in pages, and streams that go on where they were cut off: over a real socket, with the real event file behind it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";

import { createMemoryInstallation, statusOf, type MemoryInstallation } from "../../tests/cli/memory-installation.ts";
import { openEventFile, type EventFile } from "../events/event-file.ts";
import { createApi, type Api } from "./server.ts";

let home: string;
let file: EventFile;
let installation: MemoryInstallation;
let api: Api;
let now = 1_700_000_000_000;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "matriarch-pages-"));
  installation = createMemoryInstallation(home);
  installation.clusters.set("shop", statusOf({ name: "shop" }, home));
  await serve(undefined);
});
afterEach(async () => {
  await stop();
  await rm(home, { recursive: true, force: true });
});

/** @param host of one of several */
async function serve(host: string | undefined): Promise<void> {
  const options = { now: () => (now += 1000), ...(host === undefined ? {} : { host }) };
  file = openEventFile(join(home, `events-${host ?? ""}.sqlite`), options);
  const { events, operations } = file;
  installation.events = async (cluster, query) => events.list({ cluster, ...query });
  installation.watchEvents = (cluster, happened, signal) => events.subscribe({ cluster }, happened, signal);
  installation.operations = async (query) => operations.page(query);
  api = createApi(installation, { info: () => {}, error: () => {} }, { audit: events });
  await api.listen(join(home, "agent.sock"));
}

async function stop(): Promise<void> {
  await api.close();
  file.close();
}

async function open(path: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
  const sent = request({ socketPath: join(home, "agent.sock"), path, headers, agent: false });
  sent.end();
  const [answer]: IncomingMessage[] = await once(sent, "response");
  assert.ok(answer);
  return answer;
}

/** Every page from the newest on, by the links alone. */
async function pages<T>(first: string, meanwhile = (): void => {}): Promise<T[][]> {
  const found: T[][] = [];
  for (let path: string | undefined = first; path !== undefined;) {
    const answer: IncomingMessage = await open(path);
    found.push(JSON.parse(await text(answer)) as T[]);
    assert.equal(answer.statusCode, 200);
    path = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers["link"] ?? ""))?.[1];
    assert.ok(found.length < 20);
    meanwhile();
  }
  return found;
}

const tell = (count: number): void => {
  for (let index = 0; index < count; index += 1)
    file.events.emit("user.rotated", { cluster: "shop" }, { user: `u${index}` });
};

for (const host of [undefined, "a"]) {
  test(`events: all of them once, page by page, also when more happen meanwhile (${host ?? "one host"})`, async () => {
    await stop();
    await serve(host);
    tell(25);
    const path = "/v1/clusters/shop/events?limit=10&type=user";
    const found = await pages<{ id: number; type: string }>(path, () => tell(3));
    assert.deepEqual(
      found.map((page) => page.length),
      [10, 10, 5],
    );
    const ids = found.toReversed().flatMap((page) => page.map(({ id }) => id));
    assert.deepEqual(
      ids,
      Array.from(ids, (_, index) => (ids[0] ?? 0) + index),
    );
  });
}

test("operations and the audit: newest first, and older ones by the link", async () => {
  for (let index = 0; index < 7; index += 1) {
    const { id } = file.operations.begin({ kind: `kind-${index}`, cluster: "shop", by: "ada" });
    if (index % 2 === 0) file.operations.finish(id, { state: "done" });
    const sent = request({ socketPath: join(home, "agent.sock"), method: "POST", path: "/v1/clusters/shop/stop" });
    await once(sent.end(), "response");
  }
  const kinds = (await pages<{ kind: string }>("/v1/operations?limit=3")).map((page) => page.map(({ kind }) => kind));
  assert.deepEqual(kinds, [["kind-6", "kind-5", "kind-4"], ["kind-3", "kind-2", "kind-1"], ["kind-0"]]);
  assert.equal((await pages("/v1/operations?state=running&cluster=shop&limit=2")).flat().length, 3);
  assert.deepEqual(
    (await pages("/v1/audit?limit=3")).map((page) => page.length),
    [3, 3, 1],
  );
  assert.equal((await open("/v1/operations?cursor=x")).statusCode, 422);
});

interface Told {
  readonly id: string;
  readonly data: { readonly id: number };
}

/** So many documents of a stream, then it is cut off. */
async function take(count: number, path: string, lastEventId?: string): Promise<readonly Told[]> {
  const answer = await open(path, lastEventId === undefined ? {} : { "last-event-id": lastEventId });
  const found: Told[] = [];
  let rest = "";
  for await (const chunk of answer) {
    rest += String(chunk);
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const field = (name: string) =>
        block
          .split("\n")
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      if (field("event") === "data")
        found.push({ id: field("id") ?? "", data: JSON.parse(field("data") ?? "") as Told["data"] });
    }
    if (found.length >= count) break;
  }
  answer.destroy();
  return found.slice(0, count);
}

const stream = "/v1/clusters/shop/events/stream?type=user";

test("a stream of events goes on after the last that arrived, however many came meanwhile", async () => {
  tell(5);
  const before = await take(5, stream);
  tell(2500);
  const seen = before.map(({ data }) => data.id);
  for (let last = before.at(-1)?.id; seen.length < 2505;) {
    const more = await take(Math.min(1000, 2505 - seen.length), stream, last);
    assert.ok(more.length > 0);
    seen.push(...more.map(({ data }) => data.id));
    last = more.at(-1)?.id;
  }
  assert.deepEqual(
    seen,
    Array.from(seen, (_, index) => (seen[0] ?? 0) + index),
  );
  assert.equal((await open(stream, { "last-event-id": "yesterday" })).statusCode, 400);
});

test("an id that another host gave is found by its time: nothing is missed", async () => {
  tell(4);
  const [, second] = await take(2, stream);
  const at = second?.id.split(".")[1];
  const found = await take(3, stream, `9000.${at}`);
  assert.deepEqual(
    found.map(({ data }) => data.id),
    [2, 3, 4],
  );
});

test("a status that the reader has is not told again", async () => {
  const [first] = await take(1, "/v1/clusters/shop/stream");
  setTimeout(() => installation.update("shop", { epoch: 9 }), 100);
  const [next] = await take(1, "/v1/clusters/shop/stream", first?.id);
  assert.equal((next?.data as { epoch?: number } | undefined)?.epoch, 9);
  assert.notEqual(next?.id, first?.id);
});
