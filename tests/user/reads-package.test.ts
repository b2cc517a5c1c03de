/** packages/reads in Express, Fastify and Hono, in two regions of a real cluster whose replica replays late. */
// oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 and Fastify hear of a handler that rejects.
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { Pool } from "pg";
import { createReads, type Database, type Reads } from "../../packages/reads/index.js";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";

const secret = "of the tests";
const insert = "INSERT INTO notes (text) VALUES ('x')";
const count = "SELECT count(*)::int AS n FROM notes";

/** What every framework serves. */
interface Site {
  readonly origin: string;
  close(): Promise<void>;
}

async function siteOf(server: Server): Promise<Site> {
  if (!server.listening) await once(server, "listening");
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { origin: `http://127.0.0.1:${address.port}`, close };
}

const countFor = async (db: Database): Promise<unknown> => (await db.query<{ n: number }>(count)).rows[0]?.n;

const frameworks: Readonly<Record<string, (reads: Reads) => Promise<Site>>> = {
  async Express(reads) {
    const app = express().set("env", "test");
    const { on, errors } = reads.express();
    app.use(on);
    app.get("/notes", async (request, response) => void response.json(await countFor(Reflect.get(request, "db"))));
    app.post("/notes", async (request, response) => {
      await Reflect.get(request, "db").write(insert);
      response.status(201).end();
    });
    app.get(
      "/hidden-write",
      async (request, response) => void response.json(await Reflect.get(request, "db").query(insert)),
    );
    app.use(errors);
    return siteOf(createServer(app).listen(0, "127.0.0.1"));
  },
  async Fastify(reads) {
    const app = fastify();
    await app.register(reads.fastify);
    app.get("/notes", async (request) => countFor(Reflect.get(request, "db")));
    app.post("/notes", async (request, reply) => {
      await Reflect.get(request, "db").write(insert);
      return reply.code(201).send();
    });
    app.get("/hidden-write", (request) => Reflect.get(request, "db").query(insert));
    await app.listen({ port: 0, host: "127.0.0.1" });
    return siteOf(app.server);
  },
  async Hono(reads) {
    const app = new Hono<{ Variables: { db: Database } }>();
    app.use(reads.hono());
    app.onError((_, c) => c.text("failed", 500));
    app.get("/notes", async (c) => c.json(await countFor(c.get("db"))));
    app.post("/notes", async (c) => {
      await c.get("db").write(insert);
      return c.body(null, 201);
    });
    app.get("/hidden-write", async (c) => c.json(await c.get("db").query(insert)));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    assert.ok("closeAllConnections" in server);
    return siteOf(server);
  },
};

/** A browser: it keeps the cookie. */
class Browser {
  readonly #origin: string;
  #cookie: string | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  async ask(method: string, path = "/notes", headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const cookie = this.#cookie === undefined ? {} : { cookie: this.#cookie };
    const answer = await fetch(this.#origin + path, { method, headers: { ...cookie, ...headers } });
    const [given] = answer.headers.getSetCookie();
    if (given !== undefined) this.#cookie = given.split(";")[0];
    return answer;
  }

  async count(): Promise<unknown> {
    return (await this.ask("GET")).json();
  }
}

describe("packages/reads (2 members)", () => {
  let installation: Installation;
  let cluster: Cluster;
  let primary: Pool;
  let read: Pool;
  let replay: (what: "pause" | "resume") => Promise<unknown>;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "2");
    await cluster.healthy();
    await cluster.query("CREATE TABLE notes (id bigserial PRIMARY KEY, text text)");
    const standby = await cluster.standby();
    const direct = cluster.direct(standby);
    replay = (what) => cluster.query(`SELECT pg_wal_replay_${what}()`, direct);
    primary = new Pool({ ...cluster.target(), max: 4 });
    read = new Pool({ ...cluster.target("read"), max: 4 });
  });
  after(async () => {
    await Promise.all([primary.end(), read.end()]);
    await installation[Symbol.asyncDispose]();
  });

  for (const [name, start] of Object.entries(frameworks)) {
    test(`${name}: a read directly after a write never sees the old state, on the replica or on the primary`, async () => {
      const site = await start(createReads({ primary, read, secret, waitMs: 1000 }));
      let resumed: Promise<unknown> | undefined;
      try {
        const [writer, other] = [new Browser(site.origin), new Browser(site.origin)];
        const turn = async (meanwhile: () => unknown): Promise<void> => {
          const begun = await writer.count();
          await meanwhile();
          assert.equal((await writer.ask("POST")).status, 201);
          assert.equal(await writer.count(), Number(begun) + 1);
        };
        for (let at = 0; at < 20; at += 1) await turn(() => undefined);
        // The replica comes to it a moment later, while the read waits for that.
        await turn(async () => {
          await replay("pause");
          resumed = sleep(300).then(() => replay("resume"));
        });
        await resumed;
        // It does not come to it at all: the primary is read; who has not written sees what the replica has.
        await turn(() => replay("pause"));
        assert.equal(await other.count(), Number(await writer.count()) - 1);
      } finally {
        await resumed;
        await replay("resume");
        await site.close();
      }
    });

    test(`${name}: away from the primary region a write is replayed there, once; a hidden one as well`, async () => {
      const site = await start(createReads({ primary, read, region: "us", primaryRegion: "eu" }));
      try {
        const browser = new Browser(site.origin);
        const before = (await cluster.query(count))[0]?.["n"];
        for (const answer of [await browser.ask("POST"), await browser.ask("GET", "/hidden-write")])
          assert.deepEqual([answer.status, answer.headers.get("fly-replay")], [409, "region=eu"]);
        assert.equal((await cluster.query(count))[0]?.["n"], before);
        const again = await browser.ask("POST", "/notes", { "fly-replay-src": "region=us" });
        assert.deepEqual([again.status, again.headers.get("fly-replay")], [201, null]);
        const failed = await browser.ask("GET", "/hidden-write", { "fly-replay-src": "region=us" });
        assert.deepEqual([failed.status, failed.headers.get("fly-replay")], [500, null]);
      } finally {
        await site.close();
      }
    });
  }

  test("a cookie that is not ours, or of no position, is none", async () => {
    const reads = createReads({ primary, read, secret, waitMs: 60_000 });
    for (const cookie of ["matriarch-lsn=FFFFFFFF-0", "matriarch-lsn=FFFFFFFF-0.x", "matriarch-lsn=';--", "=;;="]) {
      const header = (name: string) => (name === "cookie" ? cookie : undefined);
      const { db } = reads.begin({ method: "GET", header, setCookie: () => assert.fail("no write") });
      assert.ok(db);
      assert.equal((await db.query("SELECT 1 AS one")).rows[0]?.["one"], 1);
    }
  });

  test("a transaction that fails is undone, and its session goes on; reads do not write on the primary either", async () => {
    const cookies: string[] = [];
    const reads = createReads({ primary, read, waitMs: 0 });
    const begin = (cookie?: string) => {
      const header = (name: string) => (name === "cookie" ? cookie : undefined);
      const { db } = reads.begin({ method: "POST", header, setCookie: (text) => cookies.push(text) });
      return db ?? assert.fail("no database");
    };
    const before = (await cluster.query(count))[0]?.["n"];
    const failing = begin().write(async (client) => {
      await client.query(insert);
      await client.query("SELECT 1 / 0");
    });
    await assert.rejects(failing, { code: "22012" });
    assert.equal((await cluster.query(count))[0]?.["n"], before);
    assert.deepEqual(cookies, []);
    await assert.rejects(begin("matriarch-lsn=FFFFFFFF-0").query(insert), { code: "25006" });
  });
});
