/** Who is let in, what happens at every kind of end, and that no byte is lost: two relays and plain servers behind them. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { signalAll } from "../../../tests/faults/processes.ts";
import { factsOf } from "../certificates/files.ts";
import type { TlsFiles } from "../../links/tls-files.ts";
import { TestHosts, until, type TestHost } from "./testing.ts";

const port = 5432;
const member = "shop-1";
let hosts: TestHosts;
let a: TestHost;
let b: TestHost;
/** stands for the member's server on host a */
let server: Server;
let sessions: Socket[] = [];
/** what the server does with a connection */
let serve: (session: Socket) => void;
const echo = (session: Socket) => void session.pipe(session);

before(async () => {
  hosts = await TestHosts.create();
  [a, b] = [await hosts.add("a", "127.0.0.2"), await hosts.add("b", "127.0.0.3")];
  server = createServer({ allowHalfOpen: true }, (session) => {
    sessions.push(session);
    session.on("error", () => session.destroy());
    serve(session);
  });
  server.listen(join(a.directory, `.s.PGSQL.${port}`));
  await once(server, "listening");
});
after(async () => {
  for (const session of sessions) session.destroy();
  server.close();
  await hosts.remove();
});

const here = () => ({ member, socketDirectory: a.directory, port });
const there = (to = a.address, what = member) => ({ member: what, host: to, socketDirectory: b.socketsOf(a), port });

async function configure(): Promise<void> {
  serve = echo;
  sessions = [];
  await a.driver.configure([here()], []);
  await b.driver.configure([], [there()]);
}

/** As a local process of host b. */
function call(): Socket {
  const client = connect(join(b.socketsOf(a), `.s.PGSQL.${port}`));
  client.on("error", () => client.destroy());
  return client;
}

async function hear(client: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  client.on("data", (chunk: Buffer) => chunks.push(chunk));
  client.once("end", () => client.destroy());
  // An error is an end like any other.
  if (!client.closed) await new Promise((resolve) => void client.once("close", resolve));
  return Buffer.concat(chunks).toString();
}

/** As somebody who speaks to the relay of host a. @returns what it says before it hangs up */
async function knock(tls: Partial<TlsFiles>, line: string | Buffer): Promise<string> {
  const read = async (file: string | undefined) => (file === undefined ? undefined : readFile(file));
  const client: TLSSocket = connectTls({
    host: a.address.address,
    port: a.address.basePort + 2,
    ca: await readFile(a.tls.caFile),
    cert: await read(tls.certFile),
    key: await read(tls.keyFile),
    checkServerIdentity: () => undefined,
  });
  client.on("error", () => client.destroy());
  client.once("secureConnect", () => client.write(line));
  return hear(client);
}

const hello = (what = member, via = "socket") => `${JSON.stringify({ member: what, via })}\n`;

test("only hosts of the installation are heard", async () => {
  await configure();
  const strangers: readonly (readonly [string, Partial<TlsFiles>, RegExp])[] = [
    ["no certificate", {}, /^$/],
    ["another authority's host", await hosts.certify("b", { OU: "host", authority: "other" }), /^$/],
    ["an expired host", await hosts.certify("b", { OU: "host", ended: true }), /^$/],
    ["a viewer", await hosts.certify("b", { OU: "viewer" }), /only hosts of the installation/],
    ["an admin", await hosts.certify("b", { OU: "admin" }), /only hosts of the installation/],
  ];
  for (const [who, tls, answer] of strangers) assert.match(await knock(tls, hello()), answer, who);
  assert.equal(sessions.length, 0);
  assert.match(await a.log(), /caller refused/);
});

test("a host that was removed is not heard, and its connections end", async () => {
  await configure();
  const known = { name: "b", keyFingerprint: await keyOf(b.tls) };
  const client = call();
  client.write("x");
  await once(client, "data");
  const strict = a.again();
  await strict.ensure();
  a.self.hosts = [{ ...known, keyFingerprint: "0".repeat(64) }];
  await a.driver.configure([here()], []);
  assert.match(await hear(call()), /only hosts of the installation/);
  client.destroy();
  a.self.hosts = [known];
  await a.driver.configure([here()], []);
  const again = call();
  again.write("x");
  await once(again, "data");
  a.self.hosts = [];
  const closed = once(again, "close");
  await a.driver.configure([here()], []);
  await closed;
  delete a.self.hosts;
  await strict.close();
});

async function keyOf(tls: TlsFiles): Promise<string> {
  const facts = factsOf(new X509Certificate(await readFile(tls.certFile)));
  return facts?.keyFingerprint ?? assert.fail("no facts");
}

test("what is no hello, or asks for what is not there, is refused and costs no server anything", async () => {
  await configure();
  const wrong = [
    "garbage\n",
    "{}\n",
    '{"member":"shop-1","via":"mail"}\n',
    "[1]\n",
    randomBytes(200),
    Buffer.concat([randomBytes(50), Buffer.from("\n")]),
    "x".repeat(5000),
  ];
  for (const line of wrong) assert.match(await knock(b.tls, line), /that is not what a relay is asked/);
  assert.match(await knock(b.tls, hello("shop-9")), /"shop-9\\" is not on this host/);
  assert.match(await knock(b.tls, ""), /that is not what a relay is asked/, "silence is heard for so long");
  assert.equal(sessions.length, 0);
});

test("200 connections at once: every byte arrives, in both directions", async () => {
  await configure();
  const sums = await Promise.all(
    Array.from({ length: 200 }, async (_, turn) => {
      const bytes = randomBytes(turn % 10 === 0 ? 3_000_001 : 10_000 + turn);
      const client = call();
      const back = createHash("sha256");
      client.on("data", (chunk: Buffer) => back.update(chunk));
      client.end(bytes);
      await once(client, "end");
      client.end();
      return [createHash("sha256").update(bytes).digest("hex"), back.digest("hex")];
    }),
  );
  for (const [sent, got] of sums) assert.equal(got, sent);
  await until("all have ended", async () => (await b.driver.status()).connections === 0);
  await until("all have ended", async () => (await a.driver.status()).connections === 0);
});

test("what a server says last arrives, though it is gone by then", async () => {
  await configure();
  const last = randomBytes(2_000_000);
  serve = (session) => session.end(last, () => session.destroy());
  const client = call();
  assert.equal((await hear(client)).length, last.toString().length);
});

test("either end's death is the other's at once", async () => {
  await configure();
  for (const dies of ["client", "server"] as const) {
    sessions = [];
    const client = call();
    client.write("x");
    await once(client, "data");
    const [session] = sessions;
    assert.ok(session);
    const since = performance.now();
    const other = once(dies === "client" ? session : client, "close");
    if (dies === "client") session.once("end", () => session.end());
    (dies === "client" ? client : session).destroy();
    await other;
    assert.ok(performance.now() - since < 20_000);
  }
});

test("a slow reader holds its server up, and costs no memory", async () => {
  await configure();
  const bytes = randomBytes(1_000_000);
  let sent = 0;
  serve = (session) => {
    const send = () => {
      while (!session.destroyed && sent < 300e6) {
        sent += bytes.length;
        if (!session.write(bytes)) return void session.once("drain", send);
      }
    };
    send();
  };
  const client = call();
  client.pause();
  let before = -1;
  await until("the server waits", async () => {
    const stands = sent === before;
    before = sent;
    await new Promise((resolve) => void setTimeout(resolve, 100));
    return stands && sent > 0;
  });
  assert.ok(sent < 50e6);
  for (const host of [a, b]) assert.ok((await residentBytes(host)) < 200e6);
  client.destroy();
});

async function residentBytes(host: TestHost): Promise<number> {
  const status = await readFile(`/proc/${host.driver.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}

test("no server, no such member, another host at that address: said in Postgres' words", async () => {
  await configure();
  await b.driver.configure([], [there(a.address, "shop-9")]);
  assert.match(await hear(call()), /FATAL.*C57P03.*"shop-9" on host "a" cannot be reached.*is not on this host/s);
  await b.driver.configure([], [there({ ...a.address, name: "c" })]);
  assert.match(await hear(call()), /the certificate is of host "a", not of host "c"/);
  await a.driver.configure([{ ...here(), port: 1 }], []);
  await b.driver.configure([], [there()]);
  assert.match(await hear(call()), /server of member "shop-1".*ENOENT/);
});

test("a host that swallows everything is given up long before the kernel would", async () => {
  await configure();
  const hole = await blackHole("127.0.0.4");
  try {
    await b.driver.configure([], [there({ name: "a", address: "127.0.0.4", basePort: hole.port - 2 })]);
    const since = performance.now();
    assert.match(await hear(call()), /it cannot be reached/);
    assert.ok(performance.now() - since < 20_000);
  } finally {
    hole.close();
  }
});

/** A port whose queue is full: the kernel answers nothing any more. */
async function blackHole(address: string): Promise<{ readonly port: number; close(): void }> {
  const program = `require("net").createServer().listen({host:"${address}",port:0,backlog:1},function(){console.log(this.address().port)})`;
  const child: ChildProcess = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [said] = await once(child.stdout ?? assert.fail("no output"), "data");
  const holePort = Number(String(said));
  signalAll([child.pid ?? 0], "SIGSTOP");
  const fillers: Socket[] = [];
  for (let full = false; !full;) {
    const filler = connect(holePort, address);
    filler.on("error", () => undefined);
    fillers.push(filler);
    full = await Promise.race([once(filler, "connect").then(() => false), later(300).then(() => true)]);
  }
  return {
    port: holePort,
    close: () => {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
    },
  };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

test("a relay that is frozen: callers are told so, and it is replaced", async () => {
  await configure();
  const replaced = new Promise((resolve) => a.driver.onRestart(resolve));
  signalAll([a.driver.pid ?? 0], "SIGSTOP");
  assert.match(await hear(call()), /"shop-1" on host "a" cannot be reached/);
  await replaced;
});

test("cut: connections of a lost host end at once, on both sides", async () => {
  await configure();
  for (const [at, host] of [
    [b, "a"],
    [a, "b"],
  ] as const) {
    const client = call();
    client.write("x");
    await once(client, "data");
    const closed = once(client, "close");
    await at.driver.cut("somebody else");
    assert.ok(!client.destroyed);
    await at.driver.cut(host);
    await closed;
  }
});

test("members and upstreams that are no longer there: their connections end, and the socket is gone", async () => {
  await configure();
  for (const change of [() => a.driver.configure([], []), () => b.driver.configure([], [])]) {
    await configure();
    const client = call();
    client.write("x");
    await once(client, "data");
    const closed = once(client, "close");
    await change();
    await closed;
  }
  const client = call();
  const error = new Promise((resolve) => client.once("error", resolve));
  assert.equal(Reflect.get(Object(await error), "code"), "ENOENT");
});

test("a renewed certificate is used without a restart, a damaged one is not", async () => {
  await configure();
  const fingerprint = async () => {
    const client = connectTls({
      host: a.address.address,
      port: a.address.basePort + 2,
      ca: await readFile(a.tls.caFile),
      cert: await readFile(b.tls.certFile),
      key: await readFile(b.tls.keyFile),
      checkServerIdentity: () => undefined,
    });
    client.on("error", () => undefined);
    await once(client, "secureConnect");
    const found = client.getPeerCertificate().fingerprint256;
    client.destroy();
    return found;
  };
  const before = await fingerprint();
  const renewed = await hosts.certify("a", { OU: "host" });
  await copyFile(renewed.keyFile, a.tls.keyFile);
  await copyFile(renewed.certFile, a.tls.certFile);
  await until("it is shown", async () => (await fingerprint()) !== before);
  const after_ = await fingerprint();
  await copyFile(a.tls.keyFile, a.tls.certFile);
  await until("it has been looked at", async () => {
    await fingerprint();
    return /certificate cannot be read/.test(await a.log());
  });
  assert.equal(await fingerprint(), after_);
  await copyFile(renewed.certFile, a.tls.certFile);
});
