/** The client of other agents, against real TLS servers that answer, refuse, stay silent or are somebody else. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { readFileSync } from "node:fs";

import type { HostAddress } from "../../domain/host.ts";
import { createTestAuthority, type TestAuthority } from "../../links/testing.ts";
import type { TlsFiles } from "../../links/tls-files.ts";
import { createNeighbours } from "./https.ts";
import type { Neighbours } from "./port.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let directory: string;
let authority: TestAuthority;
let a: TlsFiles;
let b: TlsFiles;
let neighbours: Neighbours;
const servers: Server[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "matriarch-neighbours-"));
  authority = await createTestAuthority(directory);
  a = await authority.issue("a", "CN=a,OU=host");
  b = await authority.issue("b", "CN=b,OU=host");
});
beforeEach(() => {
  neighbours = createNeighbours(a);
});
afterEach(() => {
  neighbours.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
after(() => rm(directory, { recursive: true, force: true }));

async function serve(files: TlsFiles, answer: Answer, port = 0): Promise<{ server: Server; host: HostAddress }> {
  const server = createServer(
    {
      ca: readFileSync(files.caFile),
      cert: readFileSync(files.certFile),
      key: readFileSync(files.keyFile),
      requestCert: true,
      rejectUnauthorized: true,
    },
    answer,
  );
  servers.push(server);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return { server, host: { name: "b", address: "127.0.0.1", basePort: address.port } };
}

const json = (response: ServerResponse, status: number, body: unknown) =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

test("a call carries its body and this host's certificate, and one connection serves many", async () => {
  const names: unknown[] = [];
  let connections = 0;
  const { server, host } = await serve(b, async (request, response) => {
    names.push((request.socket as TLSSocket).getPeerCertificate().subject.CN);
    json(response, 200, { got: JSON.parse(await text(request)) });
  });
  server.on("secureConnection", () => (connections += 1));
  for (let turn = 0; turn < 20; turn += 1) {
    const answer = await neighbours.call(host, {
      method: "POST",
      path: "/v1/peer/looks",
      body: { turn },
      deadlineMs: 5000,
    });
    assert.deepEqual(answer, { got: { turn } });
  }
  assert.deepEqual(new Set(names), new Set(["a"]));
  assert.equal(connections, 1);
});

test("on behalf of a user: name and role go along", async () => {
  const { host } = await serve(b, ({ headers }, response) =>
    json(response, 200, [headers["x-matriarch-user"], headers["x-matriarch-role"]]),
  );
  const as = { by: "ada", role: "operator" } as const;
  assert.deepEqual(await neighbours.call(host, { method: "GET", path: "/", deadlineMs: 5000, as }), [
    "ada",
    "operator",
  ]);
  assert.deepEqual(await neighbours.call(host, { method: "GET", path: "/", deadlineMs: 5000 }), [null, null]);
});

test("an error of the other agent is the same error here", async () => {
  const error = { code: "busy", message: "an operation runs", hint: "Wait." };
  const { host } = await serve(b, (_, response) => json(response, 409, { error }));
  await assert.rejects(neighbours.call(host, { method: "POST", path: "/", body: {}, deadlineMs: 5000 }), error);
});

test("nobody listens: never left", async () => {
  const { server, host } = await serve(b, () => {});
  server.close();
  await assert.rejects(neighbours.call(host, { method: "POST", path: "/", body: {}, deadlineMs: 5000 }), {
    code: "host-unreachable",
  });
});

test("accepts and says nothing: given up at the deadline, never left", async () => {
  const silent = createTcpServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  assert.ok(typeof address === "object" && address !== null);
  const host = { name: "b", address: "127.0.0.1", basePort: address.port };
  const began = performance.now();
  await assert.rejects(neighbours.call(host, { method: "POST", path: "/", body: {}, deadlineMs: 200 }), {
    code: "host-unreachable",
  });
  assert.ok(performance.now() - began < 20_000);
  silent.close();
});

test("silent after the request: unknown for a change, plain for a look; its connections are not used again", async () => {
  let silent = true;
  const used: (number | undefined)[] = [];
  const { host } = await serve(b, (request, response) => {
    used.push(request.socket.remotePort);
    if (!silent) json(response, 200, "awake");
  });
  silent = false;
  // Two connections that are kept.
  const quick = { method: "GET", path: "/", deadlineMs: 5000 } as const;
  await Promise.all([neighbours.call(host, quick), neighbours.call(host, quick)]);
  silent = true;
  await assert.rejects(neighbours.call(host, { method: "POST", path: "/", body: {}, deadlineMs: 100 }), {
    code: "interrupted",
  });
  await assert.rejects(neighbours.call(host, { method: "GET", path: "/", deadlineMs: 100 }), {
    code: "host-unreachable",
  });
  silent = false;
  assert.equal(await neighbours.call(host, quick), "awake");
  assert.equal(new Set(used.slice(0, 2)).size, 2);
  assert.ok(used.slice(0, 2).includes(used[2]), "the kept connection was used");
  // The look may have been given up before it reached the server.
  assert.ok(!used.slice(0, -1).includes(used.at(-1)), "a new connection after the silence");
});

test("a half answer counts as none", async () => {
  const { host } = await serve(b, (_, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("{");
  });
  await assert.rejects(neighbours.call(host, { method: "POST", path: "/", body: {}, deadlineMs: 200 }), {
    code: "interrupted",
  });
});

test("the caller's signal ends a call at once", async () => {
  const { host } = await serve(b, () => {});
  const stop = new AbortController();
  const call = neighbours.call(host, { method: "GET", path: "/", deadlineMs: 60_000, signal: stop.signal });
  setImmediate(() => stop.abort());
  await assert.rejects(call, { code: "host-unreachable" });
});

test("who is no host of that name, or of another authority, gets nothing", async () => {
  const other = await createTestAuthority(directory, "other");
  const impostors = [
    await authority.issue("c", "CN=c,OU=host"),
    await authority.issue("user-b", "CN=b,OU=admin"),
    await authority.issue("no-unit", "CN=b"),
    await authority.issue("two-units", "CN=b,OU=host,OU=admin"),
    await authority.issue("old", "CN=b,OU=host", { expired: true }),
  ];
  let asked = 0;
  const told = (_: IncomingMessage, response: ServerResponse) => {
    asked += 1;
    json(response, 200, {});
  };
  for (const files of impostors) {
    const { host } = await serve(files, told);
    const call = { method: "POST", path: "/", body: { secret: 1 }, deadlineMs: 5000 } as const;
    await assert.rejects(neighbours.call(host, call), { code: "host-unreachable" }, files.certFile);
  }
  const { host } = await serve(await other.issue("other-b", "CN=b,OU=host"), told);
  await assert.rejects(neighbours.call(host, { method: "POST", path: "/", body: {}, deadlineMs: 5000 }), {
    code: "host-unreachable",
  });
  assert.equal(asked, 0);
});

test("a renewed certificate of ours is taken up", async () => {
  const own = {
    caFile: a.caFile,
    certFile: join(directory, "own.crt"),
    keyFile: join(directory, "own.key"),
  };
  const copy = async (from: TlsFiles) => {
    await copyFile(from.keyFile, own.keyFile);
    await copyFile(from.certFile, own.certFile);
  };
  await copy(a);
  const renewing = createNeighbours(own);
  const { host } = await serve(b, (request, response) =>
    json(response, 200, (request.socket as TLSSocket).getPeerCertificate().subject.CN),
  );
  const call = { method: "GET", path: "/", deadlineMs: 5000 } as const;
  assert.equal(await renewing.call(host, call), "a");
  await copy(await authority.issue("a2", "CN=a2,OU=host"));
  const deadline = Date.now() + 10_000;
  while ((await renewing.call(host, call)) !== "a2") assert.ok(Date.now() < deadline, "not taken up in time");
  renewing.close();
});
