/**
 * The alert rules that are shipped, with a real Prometheus that scrapes a cluster which is being broken: alerts come, and go
 * by themselves. With the long tests; the rules alone are tried in tests/rules.test.ts.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Client } from "pg";
import { z } from "zod";
import { findPgbouncer } from "../../src/drivers/pgbouncer/program.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation } from "../faults/installation.ts";
import { postmasterGroup, signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { freePort } from "../fixtures/ports.ts";

const shipped = new URL("../../monitoring/prometheus/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, shipped), "utf8");
const find = (name: string): string | undefined => [`/usr/bin/${name}`, `/usr/local/bin/${name}`].find(existsSync);
const prometheus = find("prometheus");

const hasPooler = await findPgbouncer().then(
  () => true,
  () => false,
);

describe("a real Prometheus (3 members, quorum)", { skip: !prometheus }, () => {
  let installation: Installation;
  let cluster: Cluster;
  let watching: Watching;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
    const targets = (await installation.ok("metrics", "shop", "--targets")).trim().split("\n");
    watching = await startPrometheus(targets);
  });
  after(async () => {
    await watching?.end();
    await installation[Symbol.asyncDispose]();
  });

  const comes = (alert: string, withinMs = 30_000): Promise<true> =>
    until(`alert ${alert}`, async () => ((await watching.firing()).includes(alert) ? true : undefined), { withinMs });
  const goes = (alert: string): Promise<true> =>
    until(`the end of alert ${alert}`, async () => ((await watching.firing()).includes(alert) ? undefined : true));

  test("while all is well nobody is paged", async () => {
    await until("all targets to be scraped", async () => ((await watching.query("sum(up)")) === 3 ? true : undefined));
    assert.equal(await watching.query("count(matriarch_member_up == 1)"), 3);
    assert.equal(await watching.query("sum(patroni_primary)"), 1);
    const urgent = (await watching.firing("page")).filter((alert) => !ofThisMachine.test(alert));
    assert.deepEqual(urgent, []);
  });

  test("a standby that is lost and does not come back: MatriarchMemberDown, until it is back", async () => {
    const { id, pid, data_directory: directory } = await cluster.standby();
    await installation.ok("pause", "shop");
    signalAll(postmasterGroup(installation.home, pid), "SIGKILL");
    await rename(directory, `${directory}.aside`);
    await comes("MatriarchMemberDown");
    assert.equal(await watching.query(`matriarch_member_up{member="${id}"}`), 0);
    await comes("MatriarchMemberMissing");
    await comes("MatriarchPaused");
    await rename(`${directory}.aside`, directory);
    await installation.ok("resume", "shop");
    await cluster.healthy();
    for (const alert of ["MatriarchMemberDown", "MatriarchMemberMissing", "MatriarchPaused"]) await goes(alert);
  });

  test("the primary is lost: a failover takes less than an alert, and is told afterwards", async () => {
    const { pid } = await cluster.primary();
    await installation.ok("switchover", "shop");
    await comes("MatriarchPrimaryChanged");
    assert.ok(pid > 0 && !(await watching.firing()).includes("MatriarchTwoPrimaries"));
    await cluster.healthy();
  });

  test("no primary, and clients that wait for one: each has its alert, until it is back", async () => {
    await installation.ok("pause", "shop");
    const { pid } = await cluster.primary();
    signalAll(postmasterGroup(installation.home, pid), "SIGKILL");
    const waiting = [1, 2].map(() => cluster.query("SELECT 1 AS one"));
    for (const alert of ["MatriarchNoPrimary", "MatriarchClientsWait", "MatriarchWritesWait"]) await comes(alert);
    await installation.ok("resume", "shop");
    for (const answer of waiting) assert.deepEqual(await answer, [{ one: 1 }]);
    await cluster.healthy();
    for (const alert of ["MatriarchNoPrimary", "MatriarchClientsWait", "MatriarchWritesWait"]) await goes(alert);
  });

  test("sessions that idle, work for long and wait for each other, and too many of them", async () => {
    await cluster.query("CREATE TABLE queue (id int)");
    const idle = await cluster.connect();
    await idle.query("BEGIN");
    await idle.query("LOCK TABLE queue");
    const others: Client[] = [];
    // Not all at once: each has a few seconds to greet.
    while (others.length < 185) others.push(...(await Promise.all(Array.from({ length: 5 }, () => cluster.connect()))));
    const blocked = others.slice(0, 3).map((client) => client.query("SELECT * FROM queue"));
    const alerts = [
      "MatriarchIdleInTransaction",
      "MatriarchQueryRunsLong",
      "MatriarchSessionsBlock",
      "MatriarchConnectionsHigh",
      "MatriarchConnectionsAlmostOut",
    ];
    for (const alert of alerts) await comes(alert);
    const { stdout, code } = await installation.run(["check", "shop", "--group", "pg"]);
    assert.equal(code, 0, stdout);
    await idle.query("COMMIT");
    await Promise.all(blocked);
    await Promise.all([idle, ...others].map((client) => client.end()));
    for (const alert of alerts) await goes(alert);
  });

  test("a standby that replays nothing, and one that reads nothing: lag, and a slot that keeps the log", async () => {
    await installation.ok("config", "set", "shop", "max_slot_wal_keep_size=64MB");
    await cluster.healthy();
    const [late, away] = await cluster.standbys();
    assert.ok(late && away);
    await installation.ok("pause", "shop");
    await cluster.query("SELECT pg_wal_replay_pause()", cluster.direct(late));
    signalAll(postmasterGroup(installation.home, away.pid), "SIGKILL");
    for (let written = 0; written < 48; written += 1)
      await cluster.query("SELECT pg_logical_emit_message(false, 'tests', repeat('x', 1000000))");
    for (const alert of ["MatriarchReplicationLag", "MatriarchSlotUnused"]) await comes(alert);
    // A setting is known a minute after it was changed.
    await comes("MatriarchSlotKeepsMuchLog", 90_000);
    assert.equal(await watching.query(`matriarch_member_lag_seconds{member="${late.id}"} > bool 1`), 1);
    await cluster.query("SELECT pg_wal_replay_resume()", cluster.direct(late));
    await installation.ok("resume", "shop");
    await cluster.healthy();
    for (const alert of ["MatriarchReplicationLag", "MatriarchSlotUnused", "MatriarchSlotKeepsMuchLog"])
      await goes(alert);
    await installation.ok("config", "unset", "shop", "max_slot_wal_keep_size");
  });

  test("clients that wait for a server of a pool", { skip: !hasPooler }, async () => {
    await installation.ok("pool", "set", "shop", "--on", "--size", "1", "--reserve", "0");
    const { endpoints } = await cluster.until("the pooled endpoint", (status) => status.endpoints.pooled !== null);
    const target = { ...cluster.target(), port: endpoints.pooled?.port };
    const first = await cluster.connect(target);
    const queue = await Promise.all(Array.from({ length: 3 }, () => cluster.connect(target)));
    await first.query("BEGIN");
    const waiting = queue.map((client) => client.query("SELECT 1"));
    await comes("MatriarchPoolQueue");
    await first.query("COMMIT");
    await Promise.all(waiting);
    await goes("MatriarchPoolQueue");
    await Promise.all([first, ...queue].map((client) => client.end()));
    await installation.ok("pool", "set", "shop", "--off", "--yes");
  });

  test("no agent: MatriarchAgentDown, until there is one", async () => {
    await installation.killAgent();
    await comes("MatriarchAgentDown");
    await installation.startAgent();
    await cluster.healthy();
    await goes("MatriarchAgentDown");
  });
});

/** What the machine of the tests does is not the cluster's doing. */
const ofThisMachine = /^Matriarch(Host|Volume)/;

interface Watching {
  firing(severity?: string): Promise<readonly string[]>;
  /** value of the first sample; undefined for none */
  query(expression: string): Promise<number | undefined>;
  end(): Promise<void>;
}

const alertsSchema = z.object({
  data: z.object({
    alerts: z.array(z.object({ state: z.string(), labels: z.record(z.string(), z.string()) })),
  }),
});
const querySchema = z.object({
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

/** The shipped rules, but looked at each second and without patience: a test has not fifteen minutes. */
async function startPrometheus(targets: readonly string[]): Promise<Watching> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-prometheus-"));
  const hurried = read("matriarch.rules.yml")
    .replaceAll(/interval: \d+s/g, "interval: 1s")
    .replaceAll(/ for: \w+/g, " for: 2s")
    .replaceAll(/ > (?:15|1800)$/gm, " > 2");
  await writeFile(join(directory, "rules.yml"), hurried);
  await writeFile(
    join(directory, "prometheus.yml"),
    `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: matriarch
    static_configs: [{ targets: ${JSON.stringify(targets)} }]
`,
  );
  const port = await freePort();
  const child: ChildProcess = spawn(
    prometheus ?? "",
    [
      `--config.file=${join(directory, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: "ignore" },
  );
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5000) });
    return answer.ok ? answer.json() : undefined;
  };
  await until("Prometheus to be ready", () => get("/api/v1/alerts").catch(() => undefined));
  return {
    firing: async (severity) => {
      const { data } = alertsSchema.parse(await get("/api/v1/alerts"));
      return data.alerts
        .filter(
          ({ state, labels }) => state === "firing" && (severity === undefined || labels["severity"] === severity),
        )
        .map(({ labels }) => labels["alertname"] ?? "");
    },
    query: async (expression) => {
      const { data } = querySchema.parse(await get(`/api/v1/query?query=${encodeURIComponent(expression)}`));
      const value = data.result[0]?.value[1];
      return value === undefined ? undefined : Number(value);
    },
    end: async () => {
      await endAll([child.pid ?? 0].filter((pid) => pid > 0));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
