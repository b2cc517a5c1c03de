/** The client against agents on other machines: real TLS, hosts that are dead, silent, somebody else, or break off. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttps, type Server } from "node:https";
import { createServer, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { createMemoryInstallation, statusOf } from "../../../tests/cli/memory-installation.ts";
import { createApi, type Api } from "../../api/server.ts";
import { createTestAuthority, type TestAuthority } from "../../links/testing.ts";
import type { TlsFiles } from "../../links/tls-files.ts";
import { createClient, type Client } from "./client.ts";
import { fetchAuthority } from "./fetch-authority.ts";
import { RemoteAgent } from "./remote-agent.ts";

let directory: string;
let authority: TestAuthority;
let host: TlsFiles;
const opened: (Api | Server | TcpServer)[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "matriarch-remote-cli-"));
  authority = await createTestAuthority(directory);
  host = await authority.issue("a", "CN=a,OU=host");
});
afterEach(async () => {
  for (const server of opened.splice(0)) {
    if ("closeAllConnections" in server) server.closeAllConnections();
    await server.close();
  }
});
after(() => rm(directory, { recursive: true, force: true }));

const token = "tok";
const ownerOf = (given: string) => (given === token ? { name: "ci", role: "admin" as const } : undefined);

/** An agent that answers, as an address. */
async function agent(files: TlsFiles = host): Promise<{ url: URL; calls: readonly { name: string; by: string }[] }> {
  const installation = createMemoryInstallation(directory);
  installation.clusters.set("shop", statusOf({ name: "shop" }, directory));
  const api = createApi(
    installation,
    { info: () => {}, error: () => {} },
    { gate: { isAllowed: () => true, ownerOf } },
  );
  const { port } = await api.listenTls({ host: "127.0.0.1", port: 0, tls: files });
  opened.push(api);
  return { url: new URL(`https://127.0.0.1:${port}`), calls: installation.calls };
}

/** Accepts connections and says nothing, as a frozen host does, and as a lost one seems to. */
async function silent(): Promise<{ url: URL; asked: () => number }> {
  let asked = 0;
  const server = createServer((socket) => {
    asked += 1;
    socket.on("error", () => {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(server);
  return { url: new URL(`https://127.0.0.1:${portOf(server)}`), asked: () => asked };
}

/** Takes the request and ends the connection, as a host that dies at the worst moment. */
async function breaking(): Promise<{ url: URL; asked: string[] }> {
  const asked: string[] = [];
  const files = { cert: readFileSync(host.certFile), key: readFileSync(host.keyFile) };
  const server = createHttps(files, (request) => {
    asked.push(`${request.method} ${request.url}`);
    request.socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(server);
  return { url: new URL(`https://127.0.0.1:${portOf(server)}`), asked };
}

async function dead(): Promise<URL> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(`https://127.0.0.1:${portOf(server)}`);
  server.close();
  return url;
}

function portOf(server: TcpServer): number {
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

function clientOf(...hosts: readonly URL[]): Client {
  const ca = readFileSync(authority.caFile);
  const remote = new RemoteAgent({ hosts, caFile: authority.caFile, ca, certificate: undefined, token });
  return createClient({ to: { kind: "remote", agent: remote }, user: "ignored" });
}

test("a look and a change on another machine, by the name that the token stands for", async () => {
  const { url, calls } = await agent();
  const client = clientOf(url);
  assert.equal((await client.status("shop")).name, "shop");
  const { id } = await client.stop("shop");
  for await (const { state } of client.watchOperation(id, AbortSignal.timeout(10_000))) if (state === "done") break;
  assert.deepEqual(
    calls.map(({ name, by }) => [name, by]),
    [["stop", "ci"]],
  );
});

test("the first host refuses, the second is silent: the third answers, and is asked first then", async () => {
  const { url } = await agent();
  const second = await silent();
  const client = clientOf(await dead(), second.url, url);
  assert.equal((await client.list()).length, 1);
  assert.equal(second.asked(), 1);
  assert.equal((await client.list()).length, 1);
  assert.equal(second.asked(), 1);
});

test("a change goes to the next host when it never left, and is not repeated when it may have been done", async () => {
  const { url, calls } = await agent();
  await clientOf(await dead(), url).stop("shop");
  assert.equal(calls.length, 1);
  const broken = await breaking();
  await assert.rejects(clientOf(broken.url, url).stop("shop"), { code: "interrupted" });
  assert.deepEqual(broken.asked, ["POST /v1/clusters/shop/stop"]);
  assert.equal(calls.length, 1);
});

test("a look that broke off is asked of the next host; a stream, too", async () => {
  const { url } = await agent();
  const broken = await breaking();
  assert.equal((await clientOf(broken.url, url).list()).length, 1);
  for await (const { name } of clientOf(broken.url, url).watchStatus("shop", AbortSignal.timeout(10_000))) {
    assert.equal(name, "shop");
    break;
  }
  assert.equal(broken.asked.length, 2);
});

test("nobody answers: each host is named with its reason, and nothing was changed", async () => {
  const gone = await dead();
  const detail = new RegExp(`${gone.origin}: .*ECONNREFUSED`);
  await assert.rejects(clientOf(gone).stop("shop"), { code: "agent-unreachable", detail });
  await assert.rejects(clientOf(gone, await dead()).list(), {
    code: "agent-unreachable",
    message: "none of the hosts answers",
  });
});

test("a host of another installation, and one that is no host, are not talked to", async () => {
  const other = await createTestAuthority(directory, "other");
  for (const files of [await other.issue("o", "CN=a,OU=host"), await authority.issue("u", "CN=a,OU=admin")]) {
    const { url, calls } = await agent(files);
    await assert.rejects(clientOf(url).stop("shop"), { code: "agent-unreachable" });
    assert.equal(calls.length, 0);
  }
});

test("a refusal of one agent is the installation's: the next is not asked", async () => {
  const [first, second] = [await agent(), await agent()];
  await assert.rejects(clientOf(first.url, second.url).status("nope"), { code: "cluster-not-found" });
});

test("the authority is fetched by its fingerprint, and nothing else is taken for it", async () => {
  const { url } = await agent();
  const { fingerprint256 } = new X509Certificate(readFileSync(authority.caFile));
  const pem = await fetchAuthority(url, fingerprint256);
  assert.equal(new X509Certificate(pem).fingerprint256, fingerprint256);
  await assert.rejects(fetchAuthority(url, "00".repeat(32)), { code: "bad-value", message: /not of the installation/ });
  await assert.rejects(fetchAuthority(url, "beef"), { code: "bad-value", message: /fingerprint is not one/ });
  await assert.rejects(fetchAuthority(await dead(), "00".repeat(32)), { code: "agent-unreachable" });
});
