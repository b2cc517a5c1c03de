/** Scale to zero as a user meets it: the real command line, clients and probes, a real router and real servers. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { ClusterEvent, ClusterStatus } from "../../src/contract/cluster.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const idleMs = 1000;
/** A start of a server or two, on a machine that does other things too; bench/wake measures it. */
const wakeMs = 10_000;
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const cancelRequest = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 2]);

describe("autostop (2 members)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "dev", "--members", "2", "--autostop", `${idleMs}ms`);
  });
  after(() => installation[Symbol.asyncDispose]());

  const asleep = (): Promise<ClusterStatus> =>
    cluster.until(
      "to be asleep",
      ({ state, members }) => state === "asleep" && members.every(({ pid }) => pid === null),
    );
  const postmasters = (): number => processesIn(installation.home).filter(({ command }) => / -D /.test(command)).length;
  const refused = async (code: number, pattern: RegExp, ...args: readonly string[]): Promise<void> => {
    const ran = await installation.run(args);
    assert.equal(ran.code, code, `${args.join(" ")}: ${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stderr, pattern);
  };
  const eventsSince = async (id: number): Promise<readonly ClusterEvent[]> =>
    (await cluster.events()).filter((event) => event.id > id);

  test("whoever scrapes and checks it keeps it awake no more than he wakes it", async () => {
    const over = new AbortController();
    const watching = (async () => {
      for (; !over.signal.aborted; await sleep(200)) {
        for (const { id } of (await cluster.status())?.members ?? [])
          await Promise.all([
            fetch(`${(await cluster.member(id)).status_url}/metrics`).then((answer) => answer.text()),
            fetch(`${(await cluster.member(id)).status_url}/flycheck/pg`).then((answer) => answer.text()),
          ]);
      }
    })();
    await asleep();
    await sleep(2 * idleMs);
    assert.equal((await cluster.status())?.state, "asleep");
    over.abort();
    await watching;
    await cluster.query("select 1");
  });

  test("without a client it falls asleep: no server runs, and it says so; a client waits a moment and is answered", async () => {
    const since = await cluster.lastEvent();
    const status = await asleep();
    assert.equal(postmasters(), 0);
    assert.equal(status.autostop_ms, idleMs);
    assert.ok(Date.now() - Date.parse(status.asleep_since ?? "") < 60_000);
    assert.match(await installation.ok("status", "dev"), /dev is asleep[^]*matriarch start dev[^]*autostop dev off/);
    const begun = performance.now();
    assert.deepEqual(await cluster.query("select pg_is_in_recovery() as standby"), [{ standby: false }]);
    const tookMs = performance.now() - begun;
    assert.ok(tookMs < wakeMs, `answered after ${tookMs} ms`);
    const woken = await cluster.event("cluster.woken", since);
    assert.match(woken.message, /woken by a client of endpoint "primary"/);
    const told = (await eventsSince(since)).filter(({ type }) => type !== "standby.joined").map(({ type }) => type);
    assert.deepEqual(told, ["cluster.asleep", "cluster.woken"], "sleep is no alarm, and is told once");
  });

  test("who does not say what it wants wakes nobody: a port scan, a TLS handshake, a cancel request", async () => {
    const { endpoints } = await asleep();
    const since = await cluster.lastEvent();
    for (const { port } of [endpoints.primary, endpoints.read]) {
      for (const bytes of [Buffer.alloc(0), sslRequest, cancelRequest, Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
        const socket = connectTcp(port, "127.0.0.1");
        await once(socket, "connect");
        socket.on("error", () => undefined).resume();
        socket.write(bytes);
        await sleep(50);
        socket.destroy();
      }
      const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["postgresql"] });
      await once(socket, "secureConnect");
      socket.destroy();
    }
    await sleep(1500);
    assert.equal((await cluster.status())?.state, "asleep");
    assert.equal(postmasters(), 0);
    assert.deepEqual(await eventsSince(since), []);
  });

  test("a hundred clients at once, some of whom give up, at the endpoint for reads too: all others are answered", async () => {
    await asleep();
    const givesUp = Array.from({ length: 5 }, async () => {
      const client = cluster.connect({ ...cluster.target(), connectionTimeoutMillis: 20 });
      await client.then((open) => open.end()).catch(() => undefined);
    });
    const answers = Array.from({ length: 100 }, (_, at) =>
      cluster.query(`select ${at} as n`, cluster.target(at % 2 === 0 ? "primary" : "read")),
    );
    await Promise.all(givesUp);
    const rows = await Promise.all(answers);
    assert.deepEqual(
      rows.map(([row]) => row?.["n"]),
      Array.from({ length: 100 }, (_, at) => at),
    );
  });

  test("a wrong password wakes it, for Postgres has to answer it", async () => {
    await asleep();
    await assert.rejects(
      cluster.query("select 1", { ...cluster.target(), password: "wrong" }),
      /password authentication/,
    );
    assert.equal((await cluster.until("to be awake", ({ primary }) => primary !== null)).primary !== null, true);
  });

  test("a client that does nothing keeps it awake, at a member's own port too; its end counts from then on", async () => {
    const [member] = (await cluster.status())?.members ?? [];
    const through = await cluster.connect();
    const direct = await cluster.connect(cluster.direct(member ?? { port: 0 }));
    for (const client of [through, direct]) {
      await sleep(idleMs + 2000);
      assert.notEqual((await cluster.status())?.state, "asleep");
      assert.equal((await client.query("select 1")).rowCount, 1);
      await client.end();
    }
    await asleep();
  });

  test("an agent that was killed, or a machine that was started anew, finds it asleep, leaves it so, and wakes it", async () => {
    await asleep();
    const since = await cluster.lastEvent();
    await installation.killAgent();
    const waiting = cluster.query("select 1 as one");
    await installation.startAgent();
    assert.deepEqual(await waiting, [{ one: 1 }]);
    await asleep();
    await installation.killEverything();
    await installation.startAgent();
    await sleep(1500);
    assert.equal(postmasters(), 0);
    assert.deepEqual(await cluster.query("select 1 as one"), [{ one: 1 }]);
    const alarms = (await eventsSince(since)).filter(
      ({ level, type }) => level !== "info" && !type.startsWith("router."),
    );
    assert.deepEqual(alarms, []);
  });

  test("commands that need the primary wake it", async () => {
    for (const [args, said] of [
      [["database", "list", "dev"], /postgres/],
      [["connect", "dev", "-c", "select 41 + 1 as n"], /42/],
      [["start", "dev"], /./],
      [["switchover", "dev", "--yes"], /./],
    ] as const) {
      await asleep();
      assert.match(await installation.ok(...args), said, args.join(" "));
    }
  });

  test("a stopped cluster is stopped, asleep or not: no client wakes it", async () => {
    await asleep();
    await installation.ok("stop", "dev");
    await assert.rejects(cluster.query("select 1"), /is stopped/);
    assert.equal((await cluster.status())?.state, "stopped");
    await installation.ok("start", "dev");
    await asleep();
  });

  test("one command turns it off, and wakes it; others ask, set, and refuse nonsense", async () => {
    const since = await cluster.lastEvent();
    assert.match(await installation.ok("autostop", "dev", "off"), /never falls asleep/);
    assert.equal((await cluster.status())?.primary !== null, true);
    await sleep(idleMs + 2500);
    assert.notEqual((await cluster.status())?.state, "asleep");
    assert.match(await installation.ok("autostop", "dev"), /never falls asleep/);
    await refused(2, /no duration|1s to 365d/, "autostop", "dev", "soon");
    await refused(2, /1s to 365d/, "autostop", "dev", "10ms");
    await refused(2, /1s to 365d/, "autostop", "dev", "400d");
    await refused(2, /no duration/, "autostop", "dev", "1h; touch pwned");
    await refused(5, /does not exist/, "autostop", "nobody", "1h");
    await refused(5, /does not exist/, "autostop", "a'b\"c", "off");
    await refused(2, /1s to 365d/, "create", "other", "--autostop", "0s");
    assert.match(await installation.ok("autostop", "dev", "2h"), /after 2 h without a client/);
    const told = (await eventsSince(since)).filter(({ type }) => type === "cluster.autostop");
    assert.deepEqual(
      told.map(({ message }) => message),
      ["autostop turned off", "autostop set: asleep after 2 h without a client"],
    );
    await until("the answer to be kept", async () =>
      (await cluster.status())?.autostop_ms === 7_200_000 ? true : undefined,
    );
  });
});
