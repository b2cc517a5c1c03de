/** A tunnel from end to end over real TLS: an echo for a server, agents that refuse, go away, or are lost. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { createMemoryInstallation, statusOf } from "../../../tests/cli/memory-installation.ts";
import { createApi, type Api } from "../../api/server.ts";
import type { EventContext } from "../../events/event-log.ts";
import type { EventType } from "../../events/catalog.ts";
import { createTestAuthority, type TestAuthority } from "../../links/testing.ts";
import type { TlsFiles } from "../../links/tls-files.ts";
import { createClient } from "../client/client.ts";
import { RemoteAgent } from "../client/remote-agent.ts";
import { LocalPort } from "./local-port.ts";

const withinMs = 15_000;
let directory: string;
let authority: TestAuthority;
let host: TlsFiles;
let people: Readonly<Record<"operator" | "viewer", TlsFiles>>;
const ending: (() => unknown)[] = [];
const revoked = new Set<string>();
const audited: string[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "matriarch-tunnel-"));
  authority = await createTestAuthority(directory);
  host = await authority.issue("a", "CN=a,OU=host");
  const operator = await authority.issue("operator", "CN=ada,OU=operator");
  people = { operator, viewer: await authority.issue("viewer", "CN=eve,OU=viewer") };
});
afterEach(async () => {
  for (const end of ending.splice(0).toReversed()) await end();
  revoked.clear();
  audited.length = 0;
});
after(() => rm(directory, { recursive: true, force: true }));

function portOf(server: Server): number {
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

/** In place of an endpoint. */
async function endpoint(serve: (socket: Socket) => void): Promise<{ port: number; open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy()));
    serve(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  ending.push(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return { port: portOf(server), open };
}

const echo = (): ReturnType<typeof endpoint> => endpoint((socket) => void socket.pipe(socket));

async function agent(port: number, apiPort = 0): Promise<{ api: Api; url: URL }> {
  const installation = createMemoryInstallation(directory);
  installation.clusters.set("shop", statusOf({ name: "shop" }, directory));
  const found = await installation.connection("shop", { role: "primary" });
  installation.connection = async (cluster) => {
    await installation.status(cluster);
    return { ...found, host: "127.0.0.1", port };
  };
  const emit = (type: EventType, { actor }: EventContext, ...fields: readonly unknown[]) =>
    void audited.push(`${type} ${actor} ${JSON.stringify(fields)}`);
  const api = createApi(
    installation,
    { info: () => {}, error: () => {} },
    {
      gate: { isAllowed: ({ name }) => !revoked.has(name), ownerOf: () => undefined },
      audit: { emit, list: () => [] },
    },
  );
  const { port: own } = await api.listenTls({ host: "127.0.0.1", port: apiPort, tls: host });
  ending.push(() => api.close());
  return { api, url: new URL(`https://127.0.0.1:${own}`) };
}

function clientOf(hosts: readonly URL[], who: keyof typeof people = "operator") {
  const { certFile, keyFile } = people[who];
  const certificate = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  const ca = readFileSync(authority.caFile);
  const remote = new RemoteAgent({ hosts, caFile: authority.caFile, ca, certificate, token: undefined });
  return createClient({ to: { kind: "remote", agent: remote }, user: "ignored" });
}

async function tunnel(hosts: readonly URL[], who?: keyof typeof people, cluster = "shop") {
  const client = clientOf(hosts, who);
  const refusals: string[] = [];
  const dial = () => client.tunnel(cluster, "primary");
  const local = await LocalPort.open({ port: 0, dial, trouble: ({ message }) => void refusals.push(message) });
  ending.push(() => local.close());
  return { local, refusals };
}

function open(port: number, address = "127.0.0.1"): Socket {
  const socket = connect({ port, host: address, allowHalfOpen: true }).on("error", () => {});
  ending.push(() => socket.destroy());
  return socket;
}

async function until(what: string, is: () => boolean): Promise<void> {
  for (const end = Date.now() + withinMs; !is(); await sleep(20)) assert.ok(Date.now() < end, `${what}: not in time`);
}

test("what is said comes through and back, also after the client has ended its side", async () => {
  const { url } = await agent((await echo()).port);
  const { local } = await tunnel([url]);
  const socket = open(local.port);
  socket.end("hello");
  assert.equal(await text(socket), "hello");
});

test("the port is of this machine alone", async () => {
  const { url } = await agent((await echo()).port);
  const { local } = await tunnel([url]);
  const loopback6 = connect(local.port, "::1");
  await Promise.race([once(loopback6, "connect"), once(loopback6, "error")]);
  loopback6.destroy();
  const other = connect(local.port, "127.0.0.2");
  await assert.rejects(once(other, "connect"), /ECONNREFUSED/);
});

test("two hundred connections at once, and none is left behind", async () => {
  const { port, open: there } = await echo();
  const { url } = await agent(port);
  const { local } = await tunnel([url]);
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      const socket = open(local.port);
      socket.end(`number ${at}`);
      return text(socket);
    }),
  );
  assert.deepEqual(
    answers,
    answers.map((_, at) => `number ${at}`),
  );
  assert.equal(local.connections, 200);
  await until("the connections to end", () => there.size === 0);
});

test("a client that does not read is not read for: little is in the air, and all arrives at last", async () => {
  const total = 64 * 1024 * 1024;
  let sent = 0;
  const chunk = Buffer.alloc(64 * 1024, "x");
  const { port } = await endpoint((socket) => {
    const push = (): void => {
      for (; sent < total;) {
        sent += chunk.length;
        if (!socket.write(chunk)) return void socket.once("drain", push);
      }
      socket.end();
    };
    push();
  });
  const { url } = await agent(port);
  const { local } = await tunnel([url]);
  const socket = open(local.port);
  let before = -1;
  await until("the flow to stand still", () => {
    const still = sent > 0 && sent === before;
    before = sent;
    return still;
  });
  // What four sockets hold, each in the kernel and in the process.
  assert.ok(sent < total / 2, `${sent} bytes were taken from the server`);
  let received = 0;
  socket.on("data", (bytes: Buffer) => (received += bytes.length));
  await once(socket, "end", { signal: AbortSignal.timeout(withinMs) });
  assert.equal(received, total);
});

test("the server ends a connection, or breaks it: so does the tunnel", async () => {
  const { port, open: there } = await endpoint((socket) => socket.write("hi"));
  const { url } = await agent(port);
  const { local } = await tunnel([url]);
  for (const end of [(socket: Socket) => void socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const socket = open(local.port);
    await once(socket, "data");
    for (const one of there) end(one);
    await once(socket.resume(), "end", { signal: AbortSignal.timeout(withinMs) }).catch(() => undefined);
    socket.end();
    await until("the socket to close", () => socket.closed);
  }
});

test("the client goes away without a word: the server's side ends", async () => {
  const { port, open: there } = await echo();
  const { url } = await agent(port);
  const { local } = await tunnel([url]);
  const socket = open(local.port);
  socket.write("x");
  await once(socket, "data");
  socket.resetAndDestroy();
  await until("the server's side to end", () => there.size === 0);
});

test("who may not is told so, the server sees nothing of it, and the audit has it", async () => {
  const { port, open: there } = await echo();
  const { url } = await agent(port);
  const { local, refusals } = await tunnel([url], "viewer");
  const said = await text(open(local.port));
  assert.match(said, /^E.*SFATAL.*may not do this/s);
  assert.deepEqual(refusals, ['"eve" may not do this']);
  assert.equal(there.size, 0);
  await assert.rejects(clientOf([url], "viewer").openTunnel("shop", {}), { code: "not-allowed" });
  assert.equal(audited.filter((line) => /^audit.refused eve/.test(line)).length, 1, audited.join("\n"));
});

test("a cluster that does not exist is named, at once", async () => {
  const { url } = await agent((await echo()).port);
  const { local, refusals } = await tunnel([url], "operator", "nope'; --");
  assert.match(await text(open(local.port)), /does not exist/);
  assert.equal(refusals.length, 1);
});

test("the audit has a tunnel once, not each of its connections", async () => {
  const { url } = await agent((await echo()).port);
  await clientOf([url]).openTunnel("shop", { role: "primary" });
  const { local } = await tunnel([url]);
  for (let turn = 0; turn < 5; turn += 1) {
    const socket = open(local.port);
    socket.end("x");
    assert.equal(await text(socket), "x");
  }
  assert.equal(audited.length, 1, audited.join("\n"));
  assert.match(audited[0] ?? "", /^audit.done ada .*POST \/v1\/clusters\/shop\/tunnel/);
  // Another host is not told when a tunnel goes over to it.
  const other = await agent((await echo()).port);
  const over = await tunnel([other.url]);
  for (let turn = 0; turn < 3; turn += 1) {
    const socket = open(over.local.port);
    socket.end("x");
    await text(socket);
  }
  assert.equal(audited.length, 2, audited.join("\n"));
  assert.match(audited[1] ?? "", /^audit.done ada .*GET \/v1\/clusters\/shop\/tunnel/);
});

test("revoked while it is open: the connection ends, and there is no other", async () => {
  const { url } = await agent((await echo()).port);
  const { local } = await tunnel([url]);
  const socket = open(local.port);
  socket.write("x");
  await once(socket, "data");
  revoked.add("ada");
  await once(socket.resume(), "end", { signal: AbortSignal.timeout(withinMs) });
  assert.match(await text(open(local.port)), /certificate is not accepted/);
});

test("the first host is lost, or the agent is away for a moment: the next connection is there all the same", async () => {
  const { port } = await echo();
  const first = await agent(port);
  const second = await agent(port);
  const { local } = await tunnel([first.url, second.url]);
  await first.api.close();
  const socket = open(local.port);
  socket.end("over the second");
  assert.equal(await text(socket), "over the second");
  await second.api.close();
  const waiting = open(local.port);
  waiting.end("later");
  await sleep(600);
  await agent(port, Number(second.url.port));
  assert.equal(await text(waiting), "later");
});

test(
  "the endpoint does not listen: told in words after a while, and no connection hangs",
  { timeout: 30_000 },
  async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const port = portOf(server);
    server.close();
    const { url } = await agent(port);
    const { local } = await tunnel([url]);
    assert.match(await text(open(local.port)), /endpoint does not answer/);
  },
);

test("a port that is taken is refused by name", async () => {
  const { port } = await echo();
  const wish = { port, dial: () => Promise.reject(new Error("not asked")), trouble: () => {} };
  await assert.rejects(LocalPort.open(wish), { code: "port-in-use", message: `port ${port} of this machine is taken` });
});
