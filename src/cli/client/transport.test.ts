/** What is said when an answer does not come: a change may have happened, a look changed nothing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { call, openStream } from "./transport.ts";

async function withServer(answer: RequestListener, run: (socket: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), "matriarch-transport-"));
  const socket = join(home, "agent.sock");
  const server = createServer(answer).listen(socket);
  await once(server, "listening");
  try {
    await run(socket);
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(home, { recursive: true, force: true });
  }
}

const outcomes: readonly (readonly [what: string, answer: RequestListener])[] = [
  ["the connection breaks", (request) => request.socket.destroy()],
  ["nothing comes", () => {}],
  [
    "half an answer comes",
    (_request, response) => void response.writeHead(200, { "content-length": 50 }).write('{"a":'),
  ],
];

for (const [what, answer] of outcomes) {
  test(`${what}: unknown for a change, unreachable for a look`, () =>
    withServer(answer, async (socket) => {
      const options = { to: { kind: "socket", path: socket }, user: "alice" } as const;
      const change = call(options, { method: "POST", path: "/", body: {}, deadlineMs: 200 });
      await assert.rejects(change, { code: "interrupted" });
      const look = call(options, { method: "GET", path: "/", deadlineMs: 200 });
      await assert.rejects(look, { code: "agent-unreachable" });
    }));
}

test("no socket: nothing was changed, so a change has not happened", async () => {
  const options = { to: { kind: "socket", path: join(tmpdir(), "matriarch-none.sock") }, user: "alice" } as const;
  const change = call(options, { method: "POST", path: "/", body: {}, deadlineMs: 200 });
  await assert.rejects(change, { code: "agent-unreachable" });
});

test("a stream that goes quiet ends, and what is no JSON is named", async () => {
  const quiet: RequestListener = (_request, response) =>
    void response.writeHead(200).write('event: data\ndata: {"a":1}\n\n');
  await withServer(quiet, async (socket) => {
    const seen: unknown[] = [];
    const stream = openStream(
      { to: { kind: "socket", path: socket }, user: "a" },
      { path: "/", quietMs: 200, signal: AbortSignal.timeout(10_000) },
    );
    await assert.rejects(
      async () => {
        for await (const document of stream) seen.push(document);
      },
      { code: "agent-unreachable" },
    );
    assert.deepEqual(seen, [{ a: 1 }]);
  });
  await withServer(
    (_request, response) => void response.end("<html>"),
    (socket) =>
      assert.rejects(
        call({ to: { kind: "socket", path: socket }, user: "a" }, { method: "GET", path: "/", deadlineMs: 1000 }),
        {
          message: /not JSON/,
        },
      ),
  );
});
