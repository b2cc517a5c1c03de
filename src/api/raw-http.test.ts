/** HTTP as only odd, old or hostile clients speak it, over a real socket: every one gets an answer, and nothing is done. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";

import { createMemoryInstallation, statusOf, type MemoryInstallation } from "../../tests/cli/memory-installation.ts";
import { createApi, type Api } from "./server.ts";

let home: string;
let api: Api;
let installation: MemoryInstallation;
const defects: string[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "matriarch-raw-"));
  installation = createMemoryInstallation(home);
  installation.clusters.set("shop", statusOf({ name: "shop" }, home));
  api = createApi(installation, {
    info: () => {},
    error: (fields, message) => void defects.push(`${message}: ${String(fields["err"])}`),
  });
  await api.listen(join(home, "agent.sock"));
});

afterEach(async () => {
  const { status } = await say("GET /v1/agent HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await api.close();
  await rm(home, { recursive: true, force: true });
  assert.deepEqual([status, defects.splice(0), installation.calls], [[200], [], []]);
});

interface Heard {
  /** of each answer */
  readonly status: readonly number[];
  readonly text: string;
}

/** What is answered until the connection ends. @param more written as long as it is taken */
async function say(words: string | Buffer, more?: (socket: Socket) => Promise<void>): Promise<Heard> {
  const socket = connect(join(home, "agent.sock"));
  let text = "";
  socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
  // Cut off while it writes: what was answered before that counts.
  socket.on("error", () => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "connect");
  socket.write(words);
  await more?.(socket);
  await closed;
  return { status: [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code)), text };
}

/** In pieces of 64 KB, as far as somebody reads them. @returns how much was taken */
async function pour(socket: Socket, bytes: number, frame: (piece: Buffer) => Buffer): Promise<number> {
  const piece = frame(Buffer.alloc(64 * 1024, 0x20));
  let poured = 0;
  while (poured < bytes && !socket.destroyed && socket.writable) {
    const isTaken = socket.write(piece);
    poured += piece.length;
    if (isTaken) continue;
    const next = Promise.withResolvers<void>();
    for (const event of ["drain", "close"]) socket.once(event, next.resolve);
    await next.promise;
  }
  return poured;
}

const head = (line: string, ...headers: readonly string[]): string =>
  [line, "host: a", ...headers, "", ""].join("\r\n");

test("HTTP/1.0 is answered, and the connection ends", async () => {
  const { status, text } = await say("GET /v1/agent HTTP/1.0\r\n\r\n");
  assert.deepEqual(status, [200]);
  assert.match(text, /connection: close/i);
});

test("requests one behind the other without waiting are answered in their order", async () => {
  const ask = (path: string, last = false): string =>
    head(`GET ${path} HTTP/1.1`, ...(last ? ["connection: close"] : []));
  const { status, text } = await say(ask("/v1/agent") + ask("/v1/clusters/none") + ask("/v1/clusters/shop", true));
  assert.deepEqual(status, [200, 404, 200]);
  assert.ok(text.indexOf('"pid"') < text.indexOf("cluster-not-found") && text.includes('"name":"shop"'));
});

test("an address in full is understood; its host and scheme change nothing", async () => {
  const { status } = await say(head("GET http://elsewhere.example/v1/clusters/shop HTTP/1.1", "connection: close"));
  assert.deepEqual(status, [200]);
});

test("a body of 100 MB is refused by its length, before it is read", async () => {
  const bytes = 100 * 1024 * 1024;
  let poured = 0;
  const { status, text } = await say(
    head("POST /v1/clusters HTTP/1.1", `content-length: ${bytes}`, "connection: close"),
    async (socket) => void (poured = await pour(socket, bytes, (piece) => piece)),
  );
  assert.deepEqual(status, [413]);
  assert.match(text, /"code":"usage".*at most 65536 bytes/i);
  assert.ok(poured < bytes / 2, "it was read");
});

test("one that does not say how long it is ends where it is too long", async () => {
  const { status } = await say(
    head("POST /v1/clusters HTTP/1.1", "transfer-encoding: chunked", "connection: close"),
    async (socket) =>
      void (await pour(socket, 100 * 1024 * 1024, (piece) =>
        Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]),
      )),
  );
  assert.deepEqual(status, [413]);
});

test("a body that says it is packed is not unpacked", async () => {
  const bomb = gzipSync(`{"name":"new"}${" ".repeat(50 * 1024 * 1024)}`, { level: 9 });
  assert.ok(bomb.length < 60_000);
  const asked = head(
    "POST /v1/clusters HTTP/1.1",
    "content-encoding: gzip",
    "content-type: application/json",
    `content-length: ${bomb.length}`,
    "connection: close",
  );
  const { status, text } = await say(Buffer.concat([Buffer.from(asked), bomb]));
  assert.deepEqual(status, [400]);
  assert.match(text, /"message":"the request's body is not JSON"/);
});

test("what could be read in two ways is read in none", async () => {
  const smuggled = "0\r\n\r\nGET /v1/clusters HTTP/1.1\r\nhost: a\r\n\r\n";
  const refused = [
    head("POST /v1/clusters/shop/stop HTTP/1.1", "content-length: 4", "transfer-encoding: chunked") + smuggled,
    head("POST /v1/clusters/shop/stop HTTP/1.1", "content-length: 2", "content-length: 3") + "{}x",
    head("POST /v1/clusters/shop/stop HTTP/1.1", "content-length: -1"),
    head("POST /v1/clusters/shop/stop HTTP/1.1", "transfer-encoding: gzip, identity"),
    "GET /v1/clusters HTTP/1.1\r\n\r\n",
    head("GET /v1/clusters HTTP/3.7"),
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  ];
  for (const words of refused) {
    const { status } = await say(words);
    assert.deepEqual([status, defects], [[400], []], JSON.stringify(words));
  }
});

test("a head without end is refused", async () => {
  const { status } = await say(head("GET /v1/clusters HTTP/1.1", `x: ${"y".repeat(70_000)}`));
  assert.deepEqual(status, [431]);
});

test("a client that goes away in the middle of its body is no defect", async () => {
  const words = head("POST /v1/clusters/shop/stop HTTP/1.1", "content-length: 100") + "{";
  await say(words, async (socket) => void socket.end());
  const chunked = head("POST /v1/clusters/shop/stop HTTP/1.1", "transfer-encoding: chunked") + "1\r\n{\r\n";
  await say(chunked, async (socket) => void socket.end());
});

test("tunnels to anywhere are not made", async () => {
  const { status } = await say("CONNECT db.example:5432 HTTP/1.1\r\nhost: a\r\n\r\n");
  assert.ok(
    status.every((code) => code >= 400),
    String(status),
  );
});
