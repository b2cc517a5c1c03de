/**
 * Scale to zero over several hosts: it falls asleep only when every host agrees, a client of any host wakes it, also one
 * without a member, and a host that is lost meanwhile is no reason not to.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterEvent, ClusterStatus } from "../../src/contract/cluster.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import { tryTool } from "./lab/shell.ts";

const idleMs = 1000;

describe("autostop over hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  /** it has no member */
  let bare: Host;

  before(
    async () => {
      lab = await Lab.make({ hosts: 4 });
      cluster = await LabCluster.create(lab, "dev", "--members", "3", "--autostop", `${idleMs}ms`);
      const { members } = await cluster.until("its members", ({ members: { length } }) => length === 3);
      const found = lab.hosts.find(({ name }) => members.every(({ host }) => host !== name));
      assert.ok(found);
      bare = found;
    },
    { timeout: 120_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  const isAsleep = ({ state, members }: ClusterStatus): boolean =>
    state === "asleep" && members.every(({ state: its }) => its === "stopped");
  const asleep = (): Promise<ClusterStatus> => cluster.until("asleep", isAsleep);
  const postmasters = (): readonly Host[] => lab.hosts.filter((host) => host.isBooted() && host.has("postmaster"));

  /** A client on the client's machine, through this host. @returns what it was answered, and when */
  async function ask(host: Host, sql = "select 'answered'", kind: "primary" | "read" = "primary") {
    const { port, user, password } = cluster.target(host, kind);
    const env = { PATH: "/usr/bin:/bin", PGPASSWORD: String(password), PGSSLMODE: "require", PGCONNECT_TIMEOUT: "40" };
    const command = ["psql", "-XAtq", "-h", host.address, "-p", String(port), "-U", String(user), "-d", "postgres"];
    const begun = performance.now();
    const ran = await tryTool([...lab.client, ...command, "-c", sql], { env, withinMs: 45_000 });
    return { said: ran.stdout.trim() || ran.stderr.trim(), ms: performance.now() - begun };
  }

  async function eventsSince(at: number): Promise<readonly ClusterEvent[]> {
    return (await cluster.events()).filter((event) => Date.parse(event.at) >= at);
  }

  test(
    "it falls asleep on every host; a client through a host without a member wakes it",
    { timeout: 60_000 },
    async () => {
      const since = Date.now();
      for (const host of [bare, ...lab.hosts]) {
        await asleep();
        assert.deepEqual(postmasters(), []);
        const { said, ms } = await ask(host);
        assert.equal(said, "answered");
        process.stderr.write(`woken through ${host.name} in ${ms.toFixed(0)} ms\n`);
      }
      await asleep();
      const told = await until("each to be told once", async () => {
        const types = (await eventsSince(since)).map(({ type }) => type);
        return types.filter((type) => type === "cluster.woken").length === 5 ? types : undefined;
      });
      const usual = /^(cluster\.(asleep|woken|autostop)|standby\.|server\.)/;
      assert.deepEqual(
        told.filter((type) => !usual.test(type)),
        [],
      );
    },
  );

  test("clients of all hosts at once wake it once, and all are answered", { timeout: 60_000 }, async () => {
    await asleep();
    const since = Date.now();
    const kinds = ["primary", "read"] as const;
    const asked = Array.from({ length: 24 }, (_, at) => {
      const host = lab.hosts[at % lab.hosts.length];
      assert.ok(host);
      return ask(host, `select 'answered ${at}'`, kinds[at % 2]);
    });
    const answers = await Promise.all(asked);
    assert.deepEqual(
      answers.map(({ said }) => said),
      answers.map((_, at) => `answered ${at}`),
    );
    await sleep(1500);
    assert.equal((await eventsSince(since)).filter(({ type }) => type === "cluster.woken").length, 1);
  });

  test(
    "a client that comes while it falls asleep only waits, whatever the moment and the host",
    { timeout: 120_000 },
    async () => {
      for (let turn = 0; turn < 12; turn += 1) {
        await cluster.until("awake", ({ primary }) => primary !== null);
        // From before the doze until after the last server has stopped.
        await sleep(idleMs + turn * 250);
        const host = lab.hosts[turn % lab.hosts.length];
        assert.ok(host);
        const { said, ms } = await ask(host);
        assert.equal(said, "answered", `turn ${turn}`);
        assert.ok(ms < 10_000, `turn ${turn}: ${ms} ms`);
      }
    },
  );

  test("a host that cannot be asked may have clients: it stays awake", { timeout: 60_000 }, async () => {
    await ask(bare);
    await bare.vanish();
    await sleep(idleMs + 5000);
    assert.equal((await cluster.status(lab.others(bare)[0]))?.state, "healthy");
    await lab.network.mend();
    await asleep();
  });

  test(
    "the primary's host is lost while it sleeps: no alarm of the cluster, and the next client gets another primary",
    { timeout: 120_000 },
    async () => {
      await asleep();
      const status = await asleep();
      const holder = status.members.find(({ role }) => role === "primary");
      assert.ok(holder);
      const lost = lab.host(holder.host);
      const since = Date.now();
      await lost.kill();
      await sleep(4000);
      const [other] = lab.others(lost);
      assert.ok(other);
      assert.deepEqual(
        (await eventsSince(since)).filter(({ type }) => /^(failover|primary|cluster|vote)\./.test(type)),
        [],
      );
      assert.deepEqual(postmasters(), []);
      const { said, ms } = await ask(other);
      assert.equal(said, "answered");
      process.stderr.write(`woken without the primary's host in ${ms.toFixed(0)} ms\n`);
      lost.boot();
      await cluster.healthy();
      await asleep();
    },
  );

  test(
    "a store that is away: nobody can wake it, who waits is told, and it wakes when the store is back",
    { timeout: 120_000 },
    async () => {
      await asleep();
      const etcds = lab.hosts.filter((host) => host.has("etcd"));
      for (const host of etcds) host.signal("etcd", "SIGSTOP");
      const waiting = ask(bare);
      await sleep(3000);
      for (const host of etcds) host.signal("etcd", "SIGCONT");
      assert.equal((await waiting).said, "answered");
    },
  );
});
