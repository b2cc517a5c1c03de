/**
 * Checks and figures as those who watch meet them: groups that fail while something hangs, names that dashboards of
 * others ask for, a frozen server that keeps back nobody's figures, no sample for each of many tables, bad input.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { checkReportSchema, type CheckReport } from "../../src/contract/monitoring.ts";
import { findPgbouncer } from "../../src/drivers/pgbouncer/program.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { postmasterGroup, signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const promtool = ["/usr/bin/promtool", "/usr/local/bin/promtool"].find((path) => existsSync(path));
const hasPooler = await findPgbouncer().then(
  () => true,
  () => false,
);
const names = readFileSync(new URL("../fixtures/dashboard-names.txt", import.meta.url), "utf8");

describe("monitoring (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  const get = async (url: string): Promise<{ readonly status: number; readonly text: string }> => {
    const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    return { status: answer.status, text: await answer.text() };
  };
  const scrape = async (member: string): Promise<string> => {
    const { status, text } = await get(`${(await cluster.member(member)).status_url}/metrics`);
    assert.equal(status, 200, text);
    return text;
  };
  /** Whoever asks a frozen server waits for ever. */
  const patient = 30_000;
  const check = async (...flags: readonly string[]): Promise<{ code: number | null; report: CheckReport }> => {
    const { code, stdout } = await installation.run(["check", "shop", "--json", ...flags]);
    return { code, report: checkReportSchema.parse(JSON.parse(stdout)) };
  };

  /** A server that answers late has none of its figures in a scrape. */
  const answered = (member: string): Promise<string> =>
    until(`${member} to answer a scrape`, async () => {
      const text = await scrape(member);
      return text.includes(`pg_up{cluster="shop",member="${member}"} 1\n`) ? text : undefined;
    });

  test("checks of servers and roles are well, as text and over HTTP", async () => {
    for (const group of ["pg", "role"]) {
      const { code, report } = await check("--group", group);
      assert.deepEqual([code, report.ok, report.missing], [0, true, []], JSON.stringify(report));
      assert.ok(report.lines.every((line) => line.group === group && line.hint === null));
    }
    const { report } = await check();
    const found = (member: string | null): readonly string[] =>
      report.lines.filter((line) => line.member === member).map((line) => line.check);
    const { id: primary } = await cluster.primary();
    const { id: standby, status_url: url } = await cluster.standby();
    assert.deepEqual(found(null), ["load", "memory", "cpu", "io", "hooks"]);
    assert.deepEqual(found(primary), ["disk", "connections", "cluster-locks", "disk-capacity", "role"]);
    assert.deepEqual(found(standby), ["disk", "connections", "replication", "role"]);
    const { status, text } = await get(`${url}/flycheck/role`);
    assert.equal(status, 200);
    assert.match(text, /^\[✓\] role: replica \([\d.]+ms\)\n$/);
  });

  test("names and labels that dashboards and rules of others ask for", async () => {
    const { id } = await cluster.primary();
    const { id: standby } = await cluster.standby();
    await scrape(id);
    await scrape(standby);
    const isSlowPartThere = async (): Promise<true | undefined> => {
      const text = await scrape(id);
      return text.includes("matriarch_volume_used_bytes{") && text.includes("matriarch_archive_state{")
        ? true
        : undefined;
    };
    await until("figures of volumes and of the archive", isSlowPartThere);
    const found = (await answered(id)) + (await answered(standby));
    const wanted = names.split("\n").filter((line) => /^[a-z]/.test(line));
    assert.ok(wanted.length > 120);
    const missing = wanted.filter((line) => !isThere(found, line));
    assert.deepEqual(missing, []);
    // What the shipped rules and dashboard ask for is there as well.
    const shipped = ["prometheus/matriarch.rules.yml", "grafana/matriarch.json"].map((path) =>
      readFileSync(new URL(`../../monitoring/${path}`, import.meta.url), "utf8"),
    );
    const asked = new Set(shipped.join("\n").match(/\b(?:pg|matriarch|patroni|process)_\w+/g));
    const lacking = [...asked].filter(
      (name) => !notAtFirst.has(name) && !name.startsWith("matriarch_backup_") && !isThere(found, name),
    );
    assert.deepEqual(lacking, []);
    assert.match(found, /^patroni_primary\{scope="shop",name="shop-\d"\} 1$/m);
    assert.match(found, /^pg_up\{cluster="shop",member="shop-\d"\} 1$/m);
  });

  test("the text is Prometheus' own, also of names that somebody made in SQL", { skip: !promtool }, async () => {
    await cluster.query(`CREATE DATABASE "odd ""\\ name"`);
    const text = await until("figures of it", async () => {
      const all = await installation.ok("metrics", "shop");
      return /datname="odd \\"\\\\ name"/.test(all) ? all : undefined;
    });
    await cluster.query(`DROP DATABASE "odd ""\\ name"`);
    const checking = promisify(execFile)(promtool ?? "", ["check", "metrics"]);
    checking.child.stdin?.end(`${text}\n`);
    // It ends with 3 for names that it would have chosen otherwise; what it cannot read is an error of another kind.
    const said = await checking.then(
      ({ stderr }) => stderr,
      ({ code, stderr }: { code: number; stderr: string }) => (assert.equal(code, 3, stderr), stderr),
    );
    assert.doesNotMatch(said, /error while linting|text format parsing error/);
  });

  test("a thousand tables more, and not a sample more", async () => {
    const { id } = await cluster.primary();
    const names = async (): Promise<readonly string[]> =>
      (await answered(id))
        .split("\n")
        .filter((line) => line.startsWith("pg_"))
        .map((line) => line.slice(0, line.lastIndexOf(" ")));
    const before = new Set(await names());
    await cluster.query(
      "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE many_%s (id int PRIMARY KEY)', i); END LOOP; END $$",
    );
    await sleep(600);
    const more = (await names()).filter((name) => !before.has(name));
    // What has been archived meanwhile has a few samples of its own.
    assert.ok(more.length < 10, more.join("\n"));
  });

  test("a frozen standby fails its checks and holds none up, and keeps back nobody's figures", async () => {
    await installation.ok("pause", "shop");
    const { id, pid, status_url: url } = await cluster.standby();
    const { id: primary } = await cluster.primary();
    const group = postmasterGroup(installation.home, pid);
    signalAll(group, "SIGSTOP");
    try {
      // At once, before the agent has found it to be silent, and afterwards.
      for (const when of ["at once", "later"]) {
        if (when === "later")
          await cluster.until("silence", ({ members }) => members.some((one) => one.state === "unreachable"));
        const begun = performance.now();
        const { code, report } = await check("--group", "pg");
        assert.ok(performance.now() - begun < patient, `${when}: ${performance.now() - begun}`);
        assert.equal(code, 1);
        const failing = report.lines.filter(({ ok }) => !ok);
        assert.ok(
          failing.some(({ member, check: what }) => member === id && what === "connections"),
          JSON.stringify(failing),
        );
        assert.ok(
          failing.every(({ member, hint }) => member === id && hint !== null),
          JSON.stringify(failing),
        );
        const text = await until("a scrape that the primary answered", async () => {
          const all = await installation.ok("metrics", "shop");
          assert.match(all, new RegExp(`^pg_up\\{cluster="shop",member="${id}"\\} 0$`, "m"));
          return new RegExp(`^pg_up\\{cluster="shop",member="${primary}"\\} 1$`, "m").test(all) ? all : undefined;
        });
        assert.match(text, new RegExp(`^pg_stat_database_xact_commit\\{cluster="shop",member="${primary}"`, "m"));
      }
      assert.equal((await get(`${url}/flycheck/role`)).status, 500);
    } finally {
      signalAll(group, "SIGCONT");
    }
    await installation.ok("resume", "shop");
    await cluster.healthy();
    assert.equal((await get(`${url}/flycheck/pg`)).status, 200);
  });

  test("a frozen primary fails its checks, and nobody else's", async () => {
    await installation.ok("pause", "shop");
    const { id, pid } = await cluster.primary();
    const group = postmasterGroup(installation.home, pid);
    signalAll(group, "SIGSTOP");
    try {
      const { code, report } = await check("--group", "pg");
      assert.equal(code, 1);
      const failing = report.lines.filter(({ ok }) => !ok);
      assert.ok(
        failing.some(({ member, check: what }) => member === id && what === "connections"),
        JSON.stringify(failing),
      );
      for (const { took_ms: took, hint } of failing)
        assert.ok(took < patient && hint !== null, JSON.stringify(failing));
      const others = report.lines.filter(({ member, check: what }) => member !== id && what === "connections");
      assert.deepEqual(
        others.map(({ ok }) => ok),
        [true, true],
      );
    } finally {
      signalAll(group, "SIGCONT");
    }
    await installation.ok("resume", "shop");
    await cluster.healthy();
  });

  test("a frozen agent: whoever asks is told, with what to type, and a change is not left for later", async () => {
    const agent = installation.agentPid ?? 0;
    const { status_url: url, pid } = await cluster.primary();
    const group = postmasterGroup(installation.home, pid);
    const told = /process is stopped\n.*Nothing was changed\.\nHINT: {2}Let it go on: kill -CONT (\d+)\n/;
    signalAll([agent], "SIGSTOP");
    try {
      const asked = ["check shop", "status shop", "list", "agent status", "pause shop"];
      const paths = ["flycheck/vm", "flycheck/pg", "flycheck/role", "metrics"];
      const [ran, answers] = await Promise.all([
        Promise.all(asked.map((words) => installation.run(words.split(" ")))),
        Promise.all(paths.map((path) => get(`${url}/${path}`))),
      ]);
      for (const [at, { code, stderr }] of ran.entries()) {
        assert.equal(code, 1, `${asked[at]}: ${stderr}`);
        assert.equal(told.exec(stderr)?.[1], String(agent), `${asked[at]}: ${stderr}`);
      }
      assert.deepEqual(
        answers.map(({ status }) => status),
        [500, 500, 500, 503],
      );
      for (const { text } of answers) assert.match(text, /does not answer; see: matriarch agent status/);
      assert.equal((await get(`${url}/primary`)).status, 200, "its server serves");
      signalAll(group, "SIGSTOP");
      for (const path of ["primary", "health"]) assert.equal((await get(`${url}/${path}`)).status, 503, path);
    } finally {
      signalAll([...group, agent], "SIGCONT");
    }
    assert.equal((await cluster.healthy()).paused_until, null);
  });

  test("an agent that goes on while a command waits for it answers that command", async () => {
    const agent = installation.agentPid ?? 0;
    signalAll([agent], "SIGSTOP");
    const waiting = installation.begin(["status", "shop", "--json"]);
    try {
      const gone = once(waiting, "exit");
      waiting.stdin.end();
      let noted = "";
      waiting.stderr.on("data", (part: Buffer) => {
        noted += part.toString();
        if (noted.includes("waiting for it to go on")) signalAll([agent], "SIGCONT");
      });
      waiting.stdout.resume();
      assert.deepEqual(await gone, [0, null], noted);
    } finally {
      signalAll([agent], "SIGCONT");
    }
  });

  test("status --watch waits for an agent that somebody stopped, says so once, and does not start it", async () => {
    const watching = installation.begin(["status", "shop", "--watch"]);
    const gone = once(watching, "exit");
    watching.stdin.end();
    let [shown, noted] = ["", ""];
    watching.stdout.on("data", (part: Buffer) => (shown += part.toString()));
    watching.stderr.on("data", (part: Buffer) => (noted += part.toString()));
    const says = (what: string, holds: () => boolean) => until(what, () => (holds() ? true : undefined));
    try {
      await says("a first look", () => shown.includes("shop healthy"));
      await installation.ok("agent", "stop");
      await says("its word about the agent", () => noted.includes("matriarch agent start"));
      assert.match(noted, /the agent does not run; waiting for it\n/);
      shown = "";
      assert.equal(installation.agentPid, undefined, "it has started an agent");
      await installation.startAgent();
      await says("what the next agent says", () => shown.includes("shop healthy"));
      assert.equal(noted.split("does not run").length, 2, `told once: ${noted}`);
    } finally {
      watching.kill("SIGINT");
      assert.deepEqual(await gone, [0, null]);
    }
    await cluster.healthy();
  });

  test("a pooler has the names of PgBouncer's own exporter", { skip: !hasPooler }, async () => {
    await installation.ok("pool", "set", "shop", "--on");
    const { endpoints } = await cluster.until("the pooled endpoint", (status) => status.endpoints.pooled !== null);
    await cluster.query("SELECT 1", { ...cluster.target(), port: endpoints.pooled?.port });
    const { id } = await cluster.primary();
    const names = [
      /^pgbouncer_stats_sql_transactions_pooled_total\{cluster="shop",database="postgres"\} [1-9]/m,
      /^pgbouncer_up\{cluster="shop"\} 1$/m,
      /^pgbouncer_pools_server_idle_connections\{cluster="shop",database="postgres",user="postgres"\}/m,
    ];
    // A scrape does not wait for what is slow, and has none of its figures then.
    const areThere = async (): Promise<true | undefined> => {
      const text = await scrape(id);
      return names.every((name) => name.test(text)) ? true : undefined;
    };
    await until("figures of the pool", areThere);
  });

  test("bad input is refused in words", async () => {
    assert.equal((await installation.run(["check", "nothing"])).code, 5);
    assert.equal((await installation.run(["check", "shop", "--member", "nothing"])).code, 5);
    assert.equal((await installation.run(["check", "shop", "--group", "all"])).code, 2);
    assert.equal((await installation.run(["metrics", "nothing"])).code, 5);
    for (const path of [
      "/v1/clusters/shop/check?group=all",
      "/v1/clusters/shop/check?here=maybe",
      "/v1/clusters/shop/check?unheard=1",
      "/v1/checks/all?member=shop-1",
      "/v1/checks/pg",
      "/v1/checks/pg?member=nothing",
      "/v1/metrics?member=nothing",
      `/v1/metrics?member=${"x".repeat(200)}`,
      "/v1/clusters/shop/metrics?here=2",
    ])
      assert.match(
        JSON.stringify(await installation.api(path)),
        /^\{"error":\{"code":"(bad-value|member-not-found)"/,
        path,
      );
  });

  test("a cluster that is stopped has nothing to check, and its figures say so", async () => {
    await installation.ok("stop", "shop");
    const { code, stderr } = await installation.run(["check", "shop"]);
    assert.equal(code, 3);
    assert.match(stderr, /is stopped: there is nothing to check/);
    const text = await installation.ok("metrics", "shop");
    assert.match(text, /^matriarch_cluster_state\{cluster="shop",state="stopped"\} 1$/m);
    assert.match(text, /^patroni_postgres_running\{scope="shop",name="shop-1"\} 0$/m);
    await installation.ok("start", "shop");
    await cluster.healthy();
  });
});

/** Not names of figures, or there only some time after a cluster was made. */
const notAtFirst: ReadonlySet<string> = new Set([
  "pg_drop_replication_slot",
  "pg_blocking_pids",
  "pg_stat_activity",
  "pg_wal",
  "matriarch_archive_lag_seconds",
  "matriarch_volume_full_in_seconds",
  "matriarch_volume_growth_bytes_per_day",
]);

/** `name` or `name{label,label}`: a sample of that name which has these labels. */
function isThere(text: string, wanted: string): boolean {
  const [, name = "", labels = ""] = /^(\w+)(?:\{([\w,]+)\})?$/.exec(wanted) ?? [];
  const samples = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return samples.some((line) => labels.split(",").every((label) => label === "" || line.includes(`${label}="`)));
}
