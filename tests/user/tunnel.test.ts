/** `matriarch tunnel` as a user meets it: the real command, real servers, and clients that come through its port. */
import assert from "node:assert/strict";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { Client } from "pg";

import { connectionSchema, type Connection } from "../../src/contract/cluster.ts";
import { poolStatusSchema } from "../../src/contract/pool.ts";
import { findPgbouncer } from "../../src/drivers/pgbouncer/program.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";

const hasPooler = await findPgbouncer().then(
  () => true,
  () => false,
);

describe("tunnel", () => {
  let installation: Installation;
  let cluster: Cluster;
  let password: string;

  before(
    async () => {
      installation = await makeInstallation();
      cluster = await createCluster(installation, "shop", "--members", "2");
      const made = connectionSchema.parse(await installation.json("user", "create", "shop", "ada"));
      password = made.password ?? "";
    },
    { timeout: 60_000 },
  );
  after(() => installation?.[Symbol.asyncDispose]());

  async function query(uri: string, sql: string): Promise<unknown> {
    const { hostname, port, username, pathname, searchParams } = new URL(uri);
    const client = new Client({
      host: hostname,
      port: Number(port),
      user: decodeURIComponent(username),
      password,
      database: decodeURIComponent(pathname.slice(1)),
      ssl: { ca: readFileSync(searchParams.get("sslrootcert") ?? "", "utf8") },
      connectionTimeoutMillis: 15_000,
    });
    client.on("error", () => undefined);
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(sql);
      return Object.values(rows[0] ?? {})[0];
    } finally {
      await client.end();
    }
  }

  async function begun(...args: readonly string[]): Promise<{ child: ChildProcessWithoutNullStreams; line: string }> {
    const child = installation.begin(["tunnel", "shop", "--user", "ada", ...args]);
    const [line] = await once(createInterface(child.stdout), "line", { signal: AbortSignal.timeout(60_000) });
    return { child, line: String(line) };
  }

  test("leads to the primary, before and after a switchover, and ends with Ctrl-C", { timeout: 60_000 }, async () => {
    const { child, line: uri } = await begun();
    try {
      assert.match(uri, /^postgresql:\/\/ada@localhost:\d+\/postgres\?sslmode=verify-full&/);
      const isStandby = "SELECT pg_catalog.pg_is_in_recovery()";
      assert.equal(await query(uri, isStandby), false);
      const before = (await cluster.status())?.primary;
      await installation.ok("switchover", "shop");
      assert.notEqual((await cluster.status())?.primary, before);
      assert.equal(await query(uri, isStandby), false);
      assert.equal(await query(uri, "SELECT pg_catalog.length(pg_catalog.repeat('x', 20000000))"), 20_000_000);
      // While no agent answers a new connection waits for the next one.
      await installation.killAgent();
      const waiting = query(uri, "SELECT 1");
      await installation.startAgent();
      assert.equal(await waiting, 1);
    } finally {
      child.kill("SIGINT");
    }
    const [code, said] = await Promise.all([once(child, "exit"), text(child.stderr)]);
    assert.deepEqual(code, [0, null], said);
    assert.match(said, /primary endpoint of "shop"[^]*Tunnel closed after 4 connections/);
    const socket = createConnection({ host: "127.0.0.1", port: Number(new URL(uri).port) });
    await assert.rejects(once(socket, "connect"), /ECONNREFUSED/);
  });

  test("--json and --role read: a document, and a standby behind it", { timeout: 120_000 }, async () => {
    await cluster.healthy();
    const child = installation.begin(["tunnel", "shop", "--user", "ada", "--role", "read", "--json"]);
    try {
      const [line] = await once(createInterface(child.stdout), "line", { signal: AbortSignal.timeout(60_000) });
      const near: Connection = connectionSchema.parse(JSON.parse(String(line)));
      assert.equal(near.password, null);
      assert.equal(await query(near.uri, "SELECT pg_catalog.pg_is_in_recovery()"), true);
    } finally {
      child.kill("SIGTERM");
    }
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  test("--role pooled: refused without a pool, then through it", { timeout: 120_000, skip: !hasPooler }, async () => {
    const refused = await installation.run(["tunnel", "shop", "--role", "pooled"]);
    assert.equal(refused.code, 3, refused.stdout);
    assert.match(refused.stderr, /no pooled endpoint[^]*pool set shop --on/);
    await installation.ok("pool", "set", "shop", "--on");
    const { child, line: uri } = await begun("--role", "pooled");
    try {
      assert.equal(await query(uri, "SELECT current_user"), "ada");
      const { hosts } = poolStatusSchema.parse(await installation.json("pool", "show", "shop"));
      assert.deepEqual(
        hosts.flatMap(({ pools }) => pools.map(({ user }) => user)),
        ["ada"],
      );
    } finally {
      child.kill("SIGINT");
    }
    const [code, said] = await Promise.all([once(child, "exit"), text(child.stderr)]);
    assert.deepEqual(code, [0, null], said);
    await installation.ok("pool", "set", "shop", "--off", "--yes");
  });

  test("--exec: the command has the URI, its own exit code, and stdout for itself", { timeout: 120_000 }, async () => {
    const who = ["--user", "o'brien; $(x)", "--database", 'a "b"'];
    const ran = await installation.run(["tunnel", "shop", ...who, "--exec", 'printf "%s" "$DATABASE_URL"; exit 7']);
    assert.equal(ran.code, 7, ran.stderr);
    assert.match(ran.stdout, /^postgresql:\/\/o%27brien%3B%20%24%28x%29@localhost:\d+\/a%20%22b%22\?/);
  });

  test("refused before anything is opened, and written down where it is done", { timeout: 120_000 }, async () => {
    const refused: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [5, /cluster "nope'" does not exist/, ["nope'"]],
      [2, /whole number from 1 to 65535/, ["shop", "70000"]],
      [2, /whole number from 1 to 65535/, ["shop", "5432; rm"]],
      [3, /port \d+ of this machine is taken/, ["shop", String(cluster.target().port)]],
    ];
    for (const [code, says, args] of refused) {
      const ran = await installation.run(["tunnel", ...args]);
      assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
      assert.match(ran.stderr, says);
      assert.equal(ran.stdout, "");
    }
    assert.match(await installation.ok("audit", "shop"), /done +POST \/v1\/clusters\/shop\/tunnel/);
  });
});
