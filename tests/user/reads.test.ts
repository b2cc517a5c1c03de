/** Reads from standbys as a client meets them: real servers, one of which really does not replay for a while. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Client } from "pg";
import type { ClusterEvent } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster, type Running } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

const codeOf = (error: unknown): unknown => (error instanceof Error ? Reflect.get(error, "code") : undefined);

describe("reads (3 members)", () => {
  let installation: Installation;
  let cluster: Cluster;
  let standbys: readonly Running[];
  let writer: Client;
  /** told before each test: what comes after */
  let since = 0;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "3");
    await cluster.healthy();
    standbys = await cluster.standbys();
    writer = await cluster.connect();
    await writer.query("CREATE TABLE notes (id int PRIMARY KEY)");
    since = await cluster.lastEvent();
  });
  after(async () => {
    await writer.end();
    await installation[Symbol.asyncDispose]();
  });

  const read = (options?: string): Promise<Client> =>
    cluster.connect({ ...cluster.target("read"), ...(options === undefined ? {} : { options }) });
  const portOf = async (client: Client): Promise<number> =>
    Number((await client.query("SELECT current_setting('port') AS port")).rows[0]?.["port"]);
  const portFor = async (options?: string): Promise<number> => {
    const client = await read(options);
    const port = await portOf(client);
    await client.end();
    return port;
  };
  const replay = (what: "pause" | "resume", ...members: readonly Running[]): Promise<unknown> =>
    Promise.all(members.map((member) => cluster.query(`SELECT pg_wal_replay_${what}()`, cluster.direct(member))));
  const readEvents = async (): Promise<readonly ClusterEvent[]> =>
    (await cluster.events()).filter(({ id, type }) => id > since && type.startsWith("reads."));
  const standby = (at: 0 | 1): Running => standbys[at] ?? assert.fail("no standby");
  let last = 0;
  /** @returns the position of the log that has it */
  const write = async (): Promise<string> => {
    await writer.query("INSERT INTO notes VALUES ($1)", [(last += 1)]);
    return String((await writer.query("SELECT pg_current_wal_insert_lsn() AS lsn")).rows[0]?.["lsn"]);
  };

  test("several standbys share: twenty sessions are ten and ten", async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => read()));
    const ports = await Promise.all(clients.map(portOf));
    assert.deepEqual(
      standbys.map(({ port }) => ports.filter((used) => used === port).length),
      [10, 10],
    );
    await Promise.all(clients.map((client) => client.end()));
  });

  test("a write on a read connection gives Postgres' own error, also after everything is reset", async () => {
    const client = await read();
    for (const reset of ["SELECT 1", "DISCARD ALL", "RESET ALL"]) {
      await client.query(reset);
      await assert.rejects(client.query("INSERT INTO notes VALUES (-1)"), {
        code: "25006",
        message: "cannot execute INSERT in a read-only transaction",
      });
    }
    await client.end();
  });

  test("with the application's option of psql, and what makes no sense is refused in Postgres' words", async () => {
    await assert.rejects(read("-c matriarch.max_lag=soon"), (error) => codeOf(error) === "22023");
    await assert.rejects(read("-c matriarch.fresh=1s"), (error) => codeOf(error) === "42704");
    const { uri } = JSON.parse(await installation.ok("uri", "shop", "--role", "read", "--max-lag", "5s", "--json"));
    assert.equal(new URL(uri).searchParams.get("options"), "-c matriarch.max_lag=5000ms");
    const refused = await installation.run(["uri", "shop", "--max-lag", "5s"]);
    assert.deepEqual([refused.code !== 0, /for reads/.test(refused.stderr)], [true, true], refused.stderr);
  });

  test("a session that names a position of the log is let in once its server has it, or told that it is late", async () => {
    await replay("pause", ...standbys);
    const lsn = await write();
    await assert.rejects(read(`-c matriarch.after_lsn=${lsn} -c matriarch.wait=300ms`), (error) => {
      assert.equal(codeOf(error), "57P03");
      assert.match(String(error), new RegExp(`has not come to ${lsn} of the log within 0.3 s`));
      return true;
    });
    const waiting = read(`-c matriarch.after_lsn=${lsn} -c matriarch.wait=20s`);
    const early = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 500, "waits"))]);
    assert.equal(early, "waits");
    await replay("resume", ...standbys);
    const client = await waiting;
    assert.equal((await client.query("SELECT id FROM notes WHERE id = $1", [last])).rowCount, 1);
    await client.end();
  });

  test("read directly after write, a hundred times: never the old state", async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      const client = await read(`-c matriarch.after_lsn=${await write()}`);
      assert.equal((await client.query("SELECT max(id) AS id FROM notes")).rows[0]?.["id"], last);
      await client.end();
    }
  });

  test("a client's own limit is held though the cluster's is wide: others still read there", async () => {
    const [late, other] = [standby(0), standby(1)];
    const strict = await Promise.all([0, 1].map(() => read("-c matriarch.max_lag=3s")));
    const ports = await Promise.all(strict.map(portOf));
    const onLate = strict[ports.indexOf(late.port)] ?? assert.fail(`none on ${late.id}: ${ports.join()}`);
    const cut = new Promise<unknown>((resolve) => onLate.once("error", resolve));
    await replay("pause", late);
    await write();
    assert.equal(codeOf(await cut), "57P01", "its session is cut when the limit is passed");
    for (let turn = 0; turn < 4; turn += 1) assert.equal(await portFor("-c matriarch.max_lag=3s"), other.port);
    const easy = await Promise.all([read(), read(), read(), read()]);
    const used = new Set(await Promise.all(easy.map(portOf)));
    assert.ok(used.has(late.port), "within the cluster's own limit");
    await Promise.all([...strict.filter((client) => client !== onLate), ...easy].map((client) => client.end()));
    assert.deepEqual(await readEvents(), []);
    await replay("resume", late);
  });

  test("a standby beyond the cluster's limit leaves and is back, with one event each", async () => {
    const [late, other] = [standby(0), standby(1)];
    await installation.ok("reads", "shop", "--max-lag", "3s");
    await replay("pause", late);
    const writing = setInterval(() => void write(), 100);
    const left = await cluster.event("reads.left", since, late.id);
    assert.match(left.message, /is .* s and 0 MB behind and serves no reads/);
    for (let turn = 0; turn < 4; turn += 1) assert.equal(await portFor(), other.port);
    const { members } = JSON.parse(await installation.ok("reads", "shop", "--json"));
    const told = members.find(({ member }: { member: string }) => member === late.id);
    assert.deepEqual([told.read.serves, told.read.lag_ms > 3000], [false, true]);
    await replay("resume", late);
    await cluster.event("reads.back", since, late.id);
    clearInterval(writing);
    const ports = await until("reads on both", async () => {
      const clients = await Promise.all([read(), read()]);
      const used = new Set(await Promise.all(clients.map(portOf)));
      await Promise.all(clients.map((client) => client.end()));
      return used.size === 2 ? used : undefined;
    });
    assert.ok(ports.has(late.port));
    assert.deepEqual(
      (await readEvents()).map(({ type }) => type),
      ["reads.left", "reads.back"],
    );
  });

  test("no standby fit: the primary serves reads and takes no writes, or nobody serves", async () => {
    const primary = await cluster.primary();
    const begun = await cluster.lastEvent();
    await replay("pause", ...standbys);
    await write();
    for (const { id } of standbys) await cluster.event("reads.left", begun, id);
    const client = await read();
    assert.equal(await portOf(client), primary.port);
    await assert.rejects(client.query("INSERT INTO notes VALUES (-1)"), { code: "25006" });
    await client.end();
    await installation.ok("reads", "shop", "--fallback", "refuse");
    const waiting = read();
    const early = await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 500, "waits"))]);
    assert.equal(early, "waits");
    await replay("resume", ...standbys);
    const served = await waiting;
    assert.notEqual(await portOf(served), primary.port);
    await served.end();
    assert.match(await installation.ok("reads", "shop"), /up to 3\.0 s and 64 MB behind; with none fit reads wait/);
  });

  test("an idle primary makes no lag", async () => {
    const begun = await cluster.lastEvent();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const { members } = JSON.parse(await installation.ok("reads", "shop", "--json"));
    const lags = members.flatMap(({ read: lag }: { read: { lag_ms: number } | null }) => lag?.lag_ms ?? []);
    assert.deepEqual(lags, [0, 0]);
    assert.equal((await cluster.events()).filter(({ id, type }) => id > begun && type.startsWith("reads.")).length, 0);
  });
});
