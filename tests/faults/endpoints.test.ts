/** The endpoints as clients meet them: waiting in a failover, cancelling, reading from standbys, verified TLS. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import type { Client } from "pg";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, signalAll } from "./processes.ts";
import { until } from "./until.ts";

const exec = promisify(execFile);
const cut = /terminating connection due to administrator command|Connection terminated unexpectedly|ECONNRESET/;

describe("endpoints (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  const serverPort = async (client: Client): Promise<number> =>
    Number((await client.query<{ port: string }>("SELECT current_setting('port') AS port")).rows[0]?.port);

  test("connections that arrive during a failover wait and succeed, fifty at once", async () => {
    const primary = await cluster.primary();
    signalAll(postmasterGroup(installation.home, primary.pid), "SIGKILL");
    const clients = await Promise.all(Array.from({ length: 50 }, () => cluster.connect()));
    for (const client of clients) {
      assert.equal((await client.query<{ r: boolean }>("SELECT pg_is_in_recovery() AS r")).rows[0]?.r, false);
      await client.end();
    }
    await cluster.healthy();
  });

  test("connections that arrive during a switchover wait and succeed", async () => {
    const over = new AbortController();
    const asked = installation.ok("switchover", cluster.name).finally(() => over.abort());
    let made = 0;
    while (!over.signal.aborted) {
      // Those that were there before the primary stopped may be cut; none may be refused, or fail in another way.
      await cluster.query("SELECT 1").catch((error: unknown) => assert.match(String(error), cut));
      made += 1;
    }
    await asked;
    assert.ok(made > 0);
    await cluster.healthy();
  });

  test("sessions on a deposed primary are cut at once, also when its server is only frozen", async () => {
    const primary = await cluster.primary();
    const client = await cluster.connect();
    assert.equal(await serverPort(client), primary.port);
    const cut = new Promise<number>((resolve) => client.on("end", () => resolve(performance.now())));
    const since = await cluster.lastEvent();
    signalAll(postmasterGroup(installation.home, primary.pid), "SIGSTOP");
    await cluster.event("failover.done", since);
    await Promise.race([cut, new Promise((_, reject) => setTimeout(() => reject(new Error("not cut")), 3000).unref())]);
    await cluster.healthy();
  });

  test("a cancel request reaches the right backend", async () => {
    const client = await cluster.connect();
    const slow = client.query("SELECT pg_sleep(30)");
    const failed = assert.rejects(slow, /canceling statement due to user request/);
    const other = await cluster.connect();
    const isSleeping = async (): Promise<true | undefined> =>
      ((await other.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).rowCount ?? 0) > 0
        ? true
        : undefined;
    await until("the statement to run", isSleeping);
    await cancel(client, cluster);
    await failed;
    assert.equal((await client.query("SELECT 1 AS one")).rows.length, 1);
    await client.end();
    await other.end();
  });

  test("read leads to standbys, and to the primary when there is none", async () => {
    const standbys = await cluster.standbys();
    const reader = await cluster.connect(cluster.target("read"));
    const port = await serverPort(reader);
    assert.ok(
      standbys.some((standby) => standby.port === port),
      `read leads to ${port}`,
    );
    await assert.rejects(reader.query("CREATE TABLE no (n int)"), /read-only transaction/);
    await reader.end();
    await installation.ok("scale", cluster.name, "--members", "1", "--yes");
    const { port: primaryPort } = await cluster.primary();
    await until("read to lead to the primary", async () => {
      const client = await cluster.connect(cluster.target("read"));
      const found = await serverPort(client);
      await client.end();
      return found === primaryPort ? true : undefined;
    });
    await installation.ok("scale", cluster.name, "--members", "3");
    await cluster.healthy();
  });

  test(
    "the printed URI works with psql: verify-full, direct TLS too",
    { skip: existsSync("/usr/bin/psql") ? false : "no psql" },
    async () => {
      const printed = await installation.json("user", "rotate", cluster.name);
      assert.ok(typeof printed === "object" && printed !== null && "uri" in printed);
      const uri = String(printed.uri);
      assert.match(uri, /sslmode=verify-full/);
      const { stdout } = await exec("psql", ["-X", "-At", uri, "-c", "SELECT 'seen'"]);
      assert.equal(stdout.trim(), "seen");
      // The certificate is of this installation's own authority: nobody else's will do.
      const wrong = uri.replace(/sslrootcert=[^&]+/, "sslrootcert=/etc/ssl/certs/ca-certificates.crt");
      await assert.rejects(exec("psql", ["-X", "-At", wrong, "-c", "SELECT 1"]));
      await directTls(cluster, installation.home);
    },
  );

  test("the router is killed in the middle of a failover: clients come through", async () => {
    const primary = await cluster.primary();
    const router = installation.routerPid ?? 0;
    await endAll([router, primary.pid]);
    await cluster.healthy();
    await until("the router", () => installation.routerPid);
  });
});

/** As libpq does it with sslnegotiation=direct (17 and later): TLS from the first byte, with the protocol's name. */
async function directTls(cluster: Cluster, home: string): Promise<void> {
  const target = cluster.target();
  const socket = connectTls({
    host: "localhost",
    port: Number(target.port),
    servername: "localhost",
    ca: readFileSync(`${home}/ca/ca.crt`),
    ALPNProtocols: ["postgresql"],
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", () => resolve());
    socket.once("error", reject);
  });
  assert.equal(socket.authorized, true);
  assert.equal(socket.alpnProtocol, "postgresql");
  socket.destroy();
}

/** As libpq does: another connection, with the key of the first. */
async function cancel(client: Client, cluster: Cluster): Promise<void> {
  const key: unknown = Reflect.get(client, "secretKey");
  const pid: unknown = Reflect.get(client, "processID");
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(80877102, 4);
  packet.writeInt32BE(Number(pid), 8);
  packet.writeInt32BE(Number(key), 12);
  const socket = connectTcp({ host: "localhost", port: Number(cluster.target().port) });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => resolve());
    socket.end(packet);
  });
}
