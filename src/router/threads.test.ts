/** Threads of a router that fail: the others go on, and none is left with sessions that nobody can cut. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Log } from "../links/log.ts";
import { defaultLimits } from "./shared.ts";
import { Threads } from "./threads.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "threads-"));
});
after(() => rm(directory, { recursive: true, force: true }));

/** @param wanted what is waited for; the rest of the message is the result */
function logUntil(wanted: readonly string[]): { readonly log: Log; readonly heard: readonly Promise<string>[] } {
  const waiting = wanted.map((start) => ({ start, ...Promise.withResolvers<string>() }));
  const say = (message: string) => {
    for (const { start, resolve } of waiting) if (message.startsWith(start)) resolve(message.slice(start.length));
  };
  return { log: { info: say, error: say }, heard: waiting.map(({ promise }) => promise) };
}

async function threadsOf(program: string, log: Log): Promise<Threads> {
  const threadFile = join(directory, "thread.mjs");
  await writeFile(threadFile, program);
  return new Threads({
    version: "1",
    limits: { ...defaultLimits, threads: 2 },
    log,
    threadFile,
    drained: () => undefined,
    clientWaits: () => undefined,
  });
}

test("a thread that does not answer is ended, and its connections with it", async () => {
  const { log, heard } = logUntil(["port ", "thread ended"]);
  const mute = `import { createServer } from "node:net";
    import { parentPort } from "node:worker_threads";
    const server = createServer(() => undefined).listen(0, "127.0.0.1", () => {
      const message = "port " + server.address().port;
      parentPort.postMessage({ kind: "news", news: { kind: "log", level: "info", message, fields: {} } });
      setTimeout(() => parentPort.postMessage({ kind: "news", news: { kind: "ready" } }), 100);
    });
    parentPort.on("message", () => { for (;;); });`;
  const threads = await threadsOf(mute, log);
  threads.grow(2);
  const client = connect(Number(await heard[0]), "127.0.0.1");
  client.on("error", () => undefined);
  const closed = once(client, "close");
  await once(client, "connect");
  await heard[1];
  await closed;
  assert.equal((await threads.handle({ id: 1, kind: "status" }))?.threads, 1);
});

test("a thread that fails at once does not keep the main one from its work", async () => {
  const { log, heard } = logUntil(["thread failed"]);
  const threads = await threadsOf("throw new Error('no');", log);
  threads.grow(2);
  await heard[0];
  await threads.handle({ id: 1, kind: "configure", endpoints: [] });
  await threads.handle({ id: 2, kind: "route", routes: [] });
});
