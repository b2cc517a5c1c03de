/** A burst of connections asks a server for sessions in turns: it is never asked by all at once, and all get through. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../tests/fixtures/ports.ts";
import { ensureServerCertificate } from "../certificates/ca.ts";
import { startRouter, type Certificates } from "./fixture.ts";

/** AuthenticationOk and ReadyForQuery. */
const welcome = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49]);
const startup = Buffer.from("\0\0\0\x11\0\x03\0\0user\0me\0\0", "latin1");

let directory: string;
let tls: Certificates;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "turns-"));
  tls = await ensureServerCertificate(directory, ["127.0.0.1"], Date.now());
});
after(() => rm(directory, { recursive: true, force: true }));

/** A server that takes each session after a while, or never. */
class SlowServer implements AsyncDisposable {
  readonly port: number;
  asked = 0;
  askedMax = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number, answerMs: number | undefined) {
    this.#server = server;
    this.port = port;
    server.on("connection", (socket) => this.#take(socket, answerMs));
  }

  static async start(answerMs?: number): Promise<SlowServer> {
    const server = createServer();
    const port = await freePort();
    const slow = new SlowServer(server, port, answerMs);
    await once(server.listen(port, "127.0.0.1"), "listening");
    return slow;
  }

  #take(socket: Socket, answerMs: number | undefined): void {
    this.#sockets.add(socket.on("error", () => socket.destroy()).resume());
    this.asked += 1;
    this.askedMax = Math.max(this.askedMax, this.asked);
    if (answerMs === undefined) return;
    setTimeout(() => {
      this.asked -= 1;
      socket.write(welcome);
    }, answerMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** @returns the first byte's letter and all that came with it */
async function ask(port: number): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write(startup);
    const [answer]: Buffer[] = await once(socket, "data", { signal: AbortSignal.timeout(20_000) });
    return answer?.toString("latin1") ?? "";
  } finally {
    socket.destroy();
  }
}

test("of a burst only so many ask at the same time, the others wait their turn, and each gets its session", async () => {
  await using server = await SlowServer.start(20);
  const port = await freePort();
  const router = await startRouter(port, tls, { dials: 4, threads: 1 });
  try {
    await router.route("open", [{ member: "shop-1", host: "127.0.0.1", port: server.port }]);
    const answers = await Promise.all(Array.from({ length: 60 }, () => ask(port)));
    assert.deepEqual([...new Set(answers.map((answer) => answer.charAt(0)))], ["R"]);
    assert.equal(server.askedMax, 4);
  } finally {
    await router.remove();
  }
});

test("whose turn does not come is told so, apart from those whom the server never answers", async () => {
  await using server = await SlowServer.start();
  const port = await freePort();
  const router = await startRouter(port, tls, { dials: 1, threads: 1, holdMs: 500 });
  try {
    await router.route("open", [{ member: "shop-1", host: "127.0.0.1", port: server.port }]);
    const first = ask(port);
    while (server.asked === 0) await sleep(5);
    const others = [ask(port), ask(port)];
    assert.match(await first, /C57P03.*has no server for this connection/s);
    const told = await Promise.all(others);
    assert.ok(
      told.some((text) => /C57P03.*more slowly than they arrive.*pool/s.test(text)),
      told.join("\n"),
    );
  } finally {
    await router.remove();
  }
});
