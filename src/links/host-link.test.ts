/** Links between hosts on real sockets: who is let in, what garbage does, and how soon words flow again after a cut. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { readFileSync } from "node:fs";
import { freePort } from "../../tests/fixtures/ports.ts";
import { HostLink } from "./host-link.ts";
import { HostServer } from "./host-server.ts";
import { createTestAuthority, type TestAuthority } from "./testing.ts";
import { TlsIdentity, type TlsFiles } from "./tls-files.ts";

let directory: string;
let authority: TestAuthority;
let own: TlsFiles;
let peer: TlsFiles;
const open: { close(): unknown }[] = [];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "links-"));
  authority = await createTestAuthority(directory);
  own = await authority.issue("a", "CN=a,OU=host");
  peer = await authority.issue("b", "CN=b,OU=host");
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
after(() => rm(directory, { recursive: true, force: true }));

/** Host b: answers everything. */
async function startServer(
  files = peer,
): Promise<{ readonly port: number; readonly heard: unknown[]; readonly refused: string[] }> {
  const heard: unknown[] = [];
  const refused: string[] = [];
  const server = new HostServer({
    identity: new TlsIdentity(files),
    isKnown: (host) => host === "a",
    hear: (_host, said) => {
      heard.push(said);
      return { ok: true };
    },
    trouble: (error) => refused.push(error instanceof Error ? error.message : String(error)),
  });
  const port = await freePort();
  await server.listen("127.0.0.1", port);
  open.push(server);
  return { port, heard, refused };
}

function startLink(port: number, files = own, says = "good") {
  const state = { heard: 0, opened: 0, error: "" };
  const link: HostLink = new HostLink({
    host: "b",
    identity: new TlsIdentity(files),
    where: () => ({ address: "127.0.0.1", port }),
    opened: () => {
      state.opened += 1;
      link.send({ says });
    },
    hear: () => {
      state.heard += 1;
    },
    turned: (_isUp, error) => {
      state.error = error instanceof Error ? error.message : "";
    },
  });
  open.push(link);
  return { link, state };
}

async function until(what: string, condition: () => boolean, withinMs = 30_000): Promise<number> {
  const since = performance.now();
  for (; !condition(); await sleep(5)) assert.ok(performance.now() - since < withinMs, `never came: ${what}`);
  return performance.now() - since;
}

/** A wire that can be cut so that nothing arrives and nobody is told, as when a host is gone. */
async function startWire(to: number): Promise<{ readonly port: number; cut: boolean; readonly tries: () => number }> {
  const port = await freePort();
  const pairs = new Set<readonly [Socket, Socket]>();
  let tries = 0;
  const server: Server = createServer((near) => {
    tries += 1;
    near.on("error", () => near.destroy());
    // Taken, as by a machine whose kernel still answers, and led nowhere.
    if (wire.cut) return;
    const far = connectTcp(to, "127.0.0.1");
    far.on("error", () => far.destroy());
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, into] of [pair, [far, near]] as const) {
      from.on("data", (bytes) => wire.cut || into.write(bytes));
      from.on("close", () => wire.cut || into.destroy());
    }
  });
  const wire = { port, cut: false, tries: () => tries };
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  open.push({
    close: () => {
      server.close();
      for (const socket of [...pairs].flat()) socket.destroy();
    },
  });
  return wire;
}

test("each message gets its answer", async () => {
  const server = await startServer();
  const { link, state } = startLink(server.port);
  await until("the first answer", () => state.heard === 1);
  for (let i = 0; i < 100; i += 1) link.send({ i });
  await until("all answers", () => state.heard >= 101);
});

test("the other end comes up later: it is heard", async () => {
  const port = await freePort();
  const { state } = startLink(port);
  await sleep(600);
  const server = new HostServer({
    identity: new TlsIdentity(peer),
    isKnown: () => true,
    hear: () => ({ ok: true }),
    trouble: () => undefined,
  });
  open.push(server);
  await server.listen("127.0.0.1", port);
  await until("an answer", () => state.heard > 0);
});

test("a silent wire: other connections are tried, and it is in use again when it heals", async (t) => {
  const server = await startServer();
  const wire = await startWire(server.port);
  const { link, state } = startLink(wire.port);
  await until("an answer", () => state.heard > 0);
  const beat = setInterval(() => link.send({ beat: true }), 200);
  open.push({ close: () => clearInterval(beat) });
  wire.cut = true;
  await until("other connections", () => wire.tries() >= 4);
  const before = state.heard;
  wire.cut = false;
  const tookMs = await until("an answer", () => state.heard > before);
  t.diagnostic(`healed to heard: ${tookMs.toFixed(0)} ms`);
});

test("a renewed certificate is used from the next connection on", async () => {
  const files = await authority.issue("renewed", "CN=b,OU=host", { expired: true });
  const server = await startServer(files);
  const { state } = startLink(server.port);
  await sleep(700);
  assert.equal(state.heard, 0);
  await authority.issue("renewed", "CN=b,OU=host");
  await until("an answer", () => state.heard > 0);
});

const refusedCallers = [
  ["of another authority", async () => (await createTestAuthority(directory, "other")).issue("x1", "CN=a,OU=host")],
  ["that has expired", () => authority.issue("x2", "CN=a,OU=host", { expired: true })],
  ["of a user", () => authority.issue("x3", "CN=a,OU=admin")],
  ["of a host that nobody knows", () => authority.issue("x4", "CN=z,OU=host")],
] as const;
for (const [what, make] of refusedCallers) {
  test(`a caller with a certificate ${what} is not heard`, async () => {
    const server = await startServer();
    const good = startLink(server.port);
    await until("the good one", () => good.state.heard > 0);
    const { state } = startLink(server.port, { ...(await make()), caFile: own.caFile }, "bad");
    await until("a refusal", () => server.refused.length > 0);
    assert.equal(state.heard, 0);
    assert.ok(!JSON.stringify(server.heard).includes("bad"));
  });
}

for (const [what, subject] of [
  ["another host", "CN=c,OU=host"],
  ["a user", "CN=b,OU=admin"],
] as const) {
  test(`nothing is said to one that shows the certificate of ${what}`, async () => {
    const server = await startServer(await authority.issue(`wrong-${what.replace(" ", "-")}`, subject));
    const { state } = startLink(server.port);
    await sleep(800);
    assert.deepEqual([state.opened, server.heard.length], [0, 0]);
  });
}

test("garbage ends its own connection and no other", async () => {
  const server = await startServer();
  const { link, state } = startLink(server.port);
  await until("an answer", () => state.heard > 0);
  const tls = { ca: readFileSync(own.caFile), cert: readFileSync(own.certFile), key: readFileSync(own.keyFile) };
  for (const bytes of ["{\n", "x".repeat(300_000), "\u0000\u0001\n", '"']) {
    const socket = connectTls({ ...tls, port: server.port, host: "127.0.0.1", checkServerIdentity: () => undefined });
    socket.on("error", () => undefined);
    await once(socket, "secureConnect");
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
  }
  for (const bytes of ["GET / HTTP/1.1\r\n\r\n", "\u0016\u0003\u0001\u0000"]) {
    const socket = connectTcp(server.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.end(bytes);
    socket.resume();
    await new Promise((resolve) => socket.once("close", resolve));
  }
  const before = state.heard;
  link.send({});
  await until("an answer", () => state.heard > before);
});
