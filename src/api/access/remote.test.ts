/** The API over real TLS: who is let in, and as what; what strangers can do to it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, beforeEach, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";

import { createMemoryInstallation, statusOf, type MemoryInstallation } from "../../../tests/cli/memory-installation.ts";
import { MemoryStore } from "../../drivers/store/memory.ts";
import type { EventContext } from "../../events/event-log.ts";
import type { EventType } from "../../events/catalog.ts";
import { AccessTokens } from "../../installation/tokens.ts";
import type { PeerIdentity } from "../../links/peer-identity.ts";
import { createTestAuthority, type TestAuthority } from "../../links/testing.ts";
import type { TlsFiles } from "../../links/tls-files.ts";
import type { Access } from "../route.ts";
import { accessTo, servedRoutes } from "../routes/served.ts";
import { createApi, createApp, type Api } from "../server.ts";
import type { Gate } from "./caller.ts";

let directory: string;
let authority: TestAuthority;
let server: TlsFiles;
let api: Api;
let port: number;
let installation: MemoryInstallation;
const shutOut = new Set<string>();
const looks: { host: string; message: unknown }[] = [];

const tokens = { "tok-viewer": "viewer", "tok-operator": "operator", "tok-admin": "admin" } as const;
const gate: Gate = {
  isAllowed: ({ name }: PeerIdentity) => !shutOut.has(name),
  ownerOf: (token) =>
    token === "tok-viewer" || token === "tok-operator" || token === "tok-admin"
      ? { name: `ci-${tokens[token]}`, role: tokens[token] }
      : undefined,
};
/** What it is about here is who may do what. */
const many = { burst: 1e6, perSecond: 1e6 };
const unlimited = { socket: many, known: many, stranger: many };
const silent = { info: () => {}, error: () => {} };
const peer = {
  backupBook: async () => ({ book: null }),
  drainToken: async () => ({ token: null }),
  looks: async (host: string, message: unknown) => void looks.push({ host, message }),
  claimPorts: async ({ count }: { readonly count: number }) => ({
    ports: Array.from({ length: count }, (_, at) => 16_000 + at),
    clusters_directory: "/clusters",
    engine_version: null,
  }),
  prepareEngine: async () => ({ version: "18.4" }),
  erase: async () => undefined,
  contents: async () => ({ extensions: [], libraries: [], packages: [] }),
  installPackage: async () => undefined,
  trySettings: async () => ({ problems: [], settings: [] }),
  archivedFile: async () => ({ content: null, written_ms: 0 }),
  replacing: async () => undefined,
  replaced: async () => ({ snapshot: null, kept_until_ms: null }),
  journal: async ({ after }: { readonly after: number }) => ({ origin: "h1", head: after, rows: [] }),
};

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "matriarch-remote-"));
  authority = await createTestAuthority(directory);
  server = await authority.issue("server", "CN=a,OU=host");
  installation = createMemoryInstallation(directory);
  api = createApi(installation, silent, { gate, peer, limits: unlimited, ...nothing });
  ({ port } = await api.listenTls({ host: "127.0.0.1", port: 0, tls: server }));
});
beforeEach(() => {
  shutOut.clear();
  looks.length = 0;
  installation.calls.length = 0;
  installation.clusters.set("shop", statusOf({ name: "shop" }, directory));
});
after(async () => {
  await api.close();
  await rm(directory, { recursive: true, force: true });
});

interface Asking {
  readonly files?: TlsFiles | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly socket?: TLSSocket;
}

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly detail: string | undefined;
}

async function ask(method: string, path: string, { files, headers = {}, body, socket }: Asking = {}): Promise<Answer> {
  const sent = request({
    host: "127.0.0.1",
    port,
    method,
    path,
    headers,
    ca: readFileSync(authority.caFile),
    checkServerIdentity: () => undefined,
    ...(files && { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) }),
    ...(socket ? { createConnection: () => socket } : { agent: false }),
  });
  sent.end(body);
  const [response] = await once(sent, "response", { signal: AbortSignal.timeout(20_000) });
  const type = String(response.headers["content-type"]);
  const isStream = type.startsWith("text/event-stream");
  const answer: unknown = isStream || type.startsWith("text/plain") ? {} : JSON.parse((await text(response)) || "{}");
  if (isStream) response.destroy();
  const { error } = answer as { error?: { code: string; detail?: string } };
  return { status: response.statusCode, code: error?.code, detail: error?.detail };
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

const audited: (string | undefined)[] = [];
const nothing = {
  audit: {
    emit: (_type: EventType, { actor }: EventContext, ..._fields: unknown[]) => void audited.push(actor),
    list: () => [],
  },
  tokens: new AccessTokens({ store: new MemoryStore(), wallNow: Date.now, trouble: () => {} }),
};
const routes = createApp(createMemoryInstallation("/nowhere"), silent, nothing)
  .routes.filter(({ method }) => method !== "ALL")
  .map(({ method, path }) => ({ method, path }));

test("what is mounted is what is described, and nothing else has a role", () => {
  assert.deepEqual(
    [...new Set(routes.map(({ method, path }) => `${method} ${path}`))],
    servedRoutes.map(({ method, path }) => `${method} ${path}`),
  );
  assert.throws(() => accessTo({ method: "GET", path: "/v1/new" }), /no least role/);
});

/** Least role first. "stranger" shows nothing. */
const ladder = ["stranger", "viewer", "operator", "admin"] as const;

function mayPass(who: (typeof ladder)[number], access: Access): boolean {
  if (access === "anyone") return true;
  return access !== "host" && ladder.indexOf(who) >= ladder.indexOf(access);
}

for (const { method, path } of servedRoutes) {
  test(`${method} ${path}: each role`, async () => {
    const real = path.replace(/:(\w+)/g, (_, name: string) =>
      name === "cluster" ? "shop" : name === "what" ? "looks" : "nothing",
    );
    for (const who of ladder) {
      // What is let in finds a body that it refuses, so that nothing is changed.
      const body = method !== "POST" ? {} : { body: '{"not a key":1}' };
      const shown = who === "stranger" ? {} : bearer(`tok-${who}`);
      const { status, code } = await ask(method, real, { ...shown, ...body });
      const expected = mayPass(who, accessTo({ method, path })) ? "in" : who === "stranger" ? 401 : 403;
      if (expected === "in") assert.ok(status !== 401 && status !== 403, `${who}: ${status} ${code}`);
      else assert.equal(status, expected, `${who}: ${code}`);
      if (expected === 401) assert.equal(code, "not-authenticated");
      if (expected === 403) assert.equal(code, "not-allowed");
    }
  });
}

test("what does not exist is told to those who are known, and nothing to strangers", async () => {
  assert.equal((await ask("GET", "/v1/nothing")).status, 401);
  assert.equal((await ask("GET", "/")).status, 401);
  assert.equal((await ask("GET", "/v1/nothing", bearer("tok-viewer"))).status, 404);
  assert.equal((await ask("PUT", "/v1/clusters/shop", bearer("tok-viewer"))).status, 405);
});

test("an operator fails over, but may not accept a loss of data", async () => {
  const path = "/v1/clusters/shop/failover";
  const body = JSON.stringify({ force: true, accept_data_loss: true });
  assert.equal((await ask("POST", path, { ...bearer("tok-operator"), body })).status, 403);
  assert.deepEqual(installation.calls, []);
  assert.equal((await ask("POST", path, { ...bearer("tok-operator"), body: "{}" })).status, 202);
  assert.equal((await ask("POST", path, { ...bearer("tok-admin"), body })).status, 202);
});

test("a certificate of a user: its name and its role, whatever the headers say", async () => {
  const files = await authority.issue("ada", "CN=ada,OU=operator");
  const headers = { "x-matriarch-user": "root", "x-matriarch-role": "admin" };
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", { files, headers, body: "{}" })).status, 202);
  assert.equal(installation.calls[0]?.by, "ada");
  assert.equal((await ask("DELETE", "/v1/clusters/shop", { files, headers })).status, 403);
  assert.equal((await ask("POST", "/v1/peer/looks", { files, headers, body: "{}" })).status, 403);
  const viewer = await authority.issue("eve", "CN=eve,OU=viewer");
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", { files: viewer, ...bearer("tok-admin") })).status, 403);
});

test("a host: peers' routes for itself, others only for a user with a role", async () => {
  const files = await authority.issue("b", "CN=b,OU=host");
  assert.equal((await ask("POST", "/v1/peer/looks", { files, body: '{"seen":1}' })).status, 200);
  assert.deepEqual(looks, [{ host: "b", message: { seen: 1 } }]);
  assert.equal((await ask("POST", "/v1/peer/ports", { files, body: '{"count":-1}' })).status, 422);
  assert.equal((await ask("POST", "/v1/peer/nothing", { files, body: "{}" })).status, 409);
  assert.equal((await ask("GET", "/v1/clusters", { files })).status, 403);
  const headers = { "x-matriarch-user": "ada", "x-matriarch-role": "operator" };
  assert.equal((await ask("POST", "/v1/clusters/shop/stop", { files, headers, body: "{}" })).status, 202);
  assert.equal(installation.calls[0]?.by, "ada");
  assert.equal((await ask("DELETE", "/v1/clusters/shop", { files, headers })).status, 403);
  assert.equal((await ask("POST", "/v1/peer/looks", { files, headers, body: "{}" })).status, 403);
  const forged = { ...headers, "x-matriarch-role": "host" };
  assert.equal((await ask("GET", "/v1/clusters", { files, headers: forged })).status, 401);
});

test("root of a host that asks by hand is in the audit; what an agent hands on is in the audit of that one", async () => {
  const files = await authority.issue("c", "CN=c,OU=host");
  const headers = { "x-matriarch-user": "ada", "x-matriarch-role": "admin" };
  const path = "/v1/clusters/shop/stop";
  audited.length = 0;
  assert.equal((await ask("POST", path, { files, headers, body: "{}" })).status, 202);
  assert.deepEqual(audited, ["ada"]);
  const handedOn = { ...headers, "x-matriarch-handed-on": "yes" };
  assert.equal((await ask("POST", path, { files, headers: handedOn, body: "{}" })).status, 202);
  assert.deepEqual(audited, ["ada"]);
  // Of anybody but a host it is not believed.
  const user = await authority.issue("ada", "CN=ada,OU=operator");
  assert.equal((await ask("POST", path, { files: user, headers: handedOn, body: "{}" })).status, 202);
  assert.deepEqual(audited, ["ada", "ada"]);
});

test("certificates that are not good are refused in words, and a token beside them does not help", async () => {
  const other = await createTestAuthority(directory, "other");
  const cases: readonly (readonly [string, TlsFiles, RegExp])[] = [
    ["another authority", await other.issue("o", "CN=ada,OU=admin"), /TLS library says: UNABLE_TO/],
    ["expired", await authority.issue("x", "CN=ada,OU=admin", { expired: true }), /It has expired/],
    ["no OU", await authority.issue("n", "CN=ada"), /does not say what it is for/],
    ["two OUs", await authority.issue("t", "CN=ada,OU=viewer,OU=admin"), /does not say what it is for/],
    ["no name", await authority.issue("m", "OU=admin"), /names nobody/],
    ["an unknown OU", await authority.issue("u", "CN=ada,OU=root"), /may not call/],
  ];
  for (const [what, files, said] of cases) {
    const { status, detail } = await ask("GET", "/v1/clusters", { files, ...bearer("tok-admin") });
    assert.equal(status, 401, what);
    assert.match(detail ?? "", said, what);
  }
});

test("a removed host and a revoked user are refused at once, on open connections too", async () => {
  for (const subject of ["CN=c,OU=host", "CN=c,OU=admin"]) {
    const files = await authority.issue("c", subject);
    const headers = { "x-matriarch-user": "ada", "x-matriarch-role": "admin" };
    const socket = await open(files);
    assert.equal(
      (await ask("GET", "/v1/clusters", { socket, headers: { ...headers, connection: "keep-alive" } })).status,
      200,
    );
    shutOut.add("c");
    assert.equal((await ask("GET", "/v1/clusters", { socket, headers })).status, 401);
    assert.equal((await ask("GET", "/v1/clusters", { files, headers })).status, 401);
    shutOut.clear();
    socket.destroy();
  }
});

test("tokens: wrong ones, other schemes and torn headers are refused", async () => {
  for (const authorization of ["Bearer nope", "Bearer", "Basic dG9rLWFkbWluOng=", "tok-admin", "Bearer tok-admin x"]) {
    assert.equal((await ask("GET", "/v1/clusters", { headers: { authorization } })).status, 401, authorization);
  }
  assert.equal((await ask("GET", "/v1/clusters", { headers: { authorization: "bearer  tok-admin" } })).status, 200);
});

test("older TLS is not spoken", async () => {
  const socket = connect({ host: "127.0.0.1", port, maxVersion: "TLSv1.2", rejectUnauthorized: false });
  const [error] = await once(socket, "error");
  assert.match(String(error), /alert|ECONNRESET|protocol version/i);
});

async function open(files?: TlsFiles): Promise<TLSSocket> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca: readFileSync(authority.caFile),
    checkServerIdentity: () => undefined,
    ...(files && { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) }),
  });
  socket.on("error", () => {});
  await once(socket, "secureConnect", { signal: AbortSignal.timeout(20_000) });
  return socket;
}

const closed = (socket: Socket) =>
  socket.destroyed ? Promise.resolve([]) : once(socket, "close", { signal: AbortSignal.timeout(20_000) });

test("slow and mute clients are cut off in seconds: no handshake, no request, a header or a body a byte at a time", async () => {
  const raw = connectTcp(port, "127.0.0.1").on("error", () => {});
  const mute = await open();
  const slowHeader = await open();
  const slowBody = await open();
  slowHeader.write("GET /v1/clusters HTTP/1.1\r\nHost: a\r\n");
  slowBody.write(
    "POST /v1/clusters HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer tok-admin\r\nContent-Length: 1000\r\n\r\n",
  );
  const sockets = [raw, mute, slowHeader, slowBody];
  const dripping = setInterval(() => {
    if (!slowHeader.destroyed) slowHeader.write("X-A: 1\r\n");
    if (!slowBody.destroyed) slowBody.write("x");
  }, 250);
  const began = Date.now();
  await Promise.all(sockets.map((socket) => (socket.resume(), closed(socket))));
  clearInterval(dripping);
  assert.ok(Date.now() - began < 60_000);
});

test("a thousand idle connections do no harm, and go first when there are too many", async () => {
  const files = await authority.issue("b", "CN=b,OU=host");
  const known = await open(files);
  const headers = { "x-matriarch-user": "ada", "x-matriarch-role": "admin", "connection": "keep-alive" };
  assert.equal((await ask("GET", "/v1/clusters", { socket: known, headers })).status, 200);
  const idle: Socket[] = [];
  for (let batch = 0; batch < 10; batch += 1) {
    idle.push(...(await Promise.all(Array.from({ length: 100 }, () => openTcp()))));
  }
  assert.equal((await ask("GET", "/v1/clusters", bearer("tok-viewer"))).status, 200);
  assert.equal((await ask("GET", "/v1/clusters", { socket: known, headers })).status, 200);
  const left = idle.filter((socket) => !socket.destroyed).length;
  assert.ok(left > 0, "answered only after the idle ones had been cut off for their silence");
  // At most five hundred strangers at a time.
  const deadline = Date.now() + 10_000;
  while (idle.filter((socket) => socket.destroyed).length < 500) {
    assert.ok(Date.now() < deadline);
    await sleep(10);
  }
  for (const socket of idle) socket.destroy();
  known.destroy();
});

async function openTcp(): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1").on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

const anyName = { checkServerIdentity: () => undefined };

test("closing waits for nobody: idle ones, and one that shakes hands at that moment, are cut off", async () => {
  const closed = createApi(installation, silent, { gate, peer, limits: unlimited, ...nothing });
  const address = await closed.listenTls({ host: "127.0.0.1", port: 0, tls: server });
  const idle = connect({ port: address.port, host: "127.0.0.1", ca: readFileSync(authority.caFile), ...anyName });
  await once(idle, "secureConnect");
  const late = connectTcp(address.port, "127.0.0.1");
  await once(late, "connect");
  for (const socket of [idle, late]) socket.on("error", () => undefined);
  const shaking = connect({ socket: late, ca: readFileSync(authority.caFile), ...anyName });
  shaking.on("error", () => undefined);
  const since = performance.now();
  await closed.close();
  assert.ok(performance.now() - since < 4000, "it waited until the others gave up");
  shaking.destroy();
  idle.destroy();
});
