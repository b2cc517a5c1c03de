/**
 * Status, checks and figures over several hosts: each host's own port tells of its members by the cluster's name, a check
 * asked of one host looks at all, and a host that is lost is named. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { checkReportSchema, clusterMetricsSchema, type CheckReport } from "../../src/contract/monitoring.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";

const statusPort = 7405;

describe("monitoring over several hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;

  before(
    async () => {
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop");
    },
    { timeout: 120_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  /** Asked from another host, as a load balancer would. @returns status code and body */
  const ask = async (from: Host, url: string): Promise<{ readonly status: number; readonly body: string }> => {
    const script = `fetch(process.argv[1], { signal: AbortSignal.timeout(9000) }).then(
      async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.text() })),
      (error) => console.log(JSON.stringify({ status: 0, body: String(error.cause ?? error) })));`;
    const ran = await from.run([process.execPath, "-e", script, url], { withinMs: 15_000 });
    return JSON.parse(ran.stdout);
  };
  const at = (host: Host, path: string): string => `http://${host.address}:${statusPort}${path}`;
  const from = (host: Host): Host => lab.others(host)[0] ?? host;
  const check = async (asked: Host, ...flags: readonly string[]): Promise<CheckReport> => {
    const { stdout } = await asked.matriarch(["check", "shop", "--json", ...flags]);
    return checkReportSchema.parse(JSON.parse(stdout));
  };
  const primaries = async (): Promise<readonly string[]> => {
    const answers = await Promise.all(
      lab.hosts.map(async (host) => ({ host, ...(await ask(from(host), at(host, "/shop/primary"))) })),
    );
    return answers.filter(({ status }) => status === 200).map(({ host }) => host.name);
  };

  test("one path for all hosts leads to the primary, before and after a switchover", async () => {
    const primary = await cluster.primary();
    assert.deepEqual(await primaries(), [primary.name]);
    for (const host of lab.hosts) {
      const isPrimary = host === primary;
      assert.equal((await ask(from(host), at(host, "/shop/replica?lag=64MB"))).status, isPrimary ? 503 : 200);
      assert.equal((await ask(from(host), at(host, "/nothing/primary"))).status, 404);
    }
    await primary.ok("switchover", "shop");
    const next = await cluster.primary();
    assert.notEqual(next.name, primary.name);
    await until("the new primary alone", async () => ((await primaries()).join(" ") === next.name ? true : undefined));
    await cluster.healthy();
  });

  test("a member's own port, and where all of them are", async () => {
    const [host] = lab.hosts;
    assert.ok(host);
    const { members } = await cluster.healthy();
    const { body } = await ask(from(host), at(host, "/shop/cluster"));
    const told: { members: { name: string; api_url: string; host: string }[] } = JSON.parse(body);
    assert.deepEqual(
      told.members.map(({ name, api_url: url }) => [name, url]),
      members.map(({ id, status_url: url }) => [id, `${url}/patroni`]),
    );
    for (const { api_url: url } of told.members) assert.equal((await ask(from(host), url)).status, 200, url);
  });

  test("a check asked of one host looks at all; figures of all hosts are one text", async () => {
    for (const asked of lab.hosts) {
      const report = await check(asked, "--group", "role");
      assert.deepEqual(report.lines.map(({ host }) => host).toSorted(), lab.hosts.map(({ name }) => name).toSorted());
      assert.ok(report.ok, JSON.stringify(report));
    }
    const [host] = lab.hosts;
    assert.ok(host);
    const { text, missing } = clusterMetricsSchema.parse(await host.json("metrics", "shop"));
    assert.deepEqual(missing, []);
    assert.equal(text.match(/^pg_up\{.*\} 1$/gm)?.length, 3);
    assert.equal(text.match(/^# TYPE pg_up /gm)?.length, 1);
    const { body } = await ask(from(host), at(host, "/metrics"));
    assert.equal(body.match(/^pg_up\{.*\} 1$/gm)?.length, 1, "a host's port tells of its own members");
    assert.match(body, /^matriarch_member_promises_held\{.*\} \d$/m);
  });

  test("a host that is lost is named, within five seconds, and the others are checked", async () => {
    const lost = (await cluster.standbys())[0];
    assert.ok(lost);
    await lost.kill();
    const asked = await cluster.primary();
    const begun = performance.now();
    const report = await check(asked, "--group", "role");
    assert.ok(performance.now() - begun < 5500, `${performance.now() - begun} ms`);
    assert.equal(report.ok, false);
    assert.deepEqual(
      report.missing.map(({ host }) => host),
      [lost.name],
    );
    assert.ok(report.lines.length >= 2);
    assert.equal((await ask(asked, at(lost, "/shop/health"))).status, 0);
    lost.boot();
    const isWell = async (): Promise<true | undefined> =>
      (await check(asked, "--group", "role")).ok ? true : undefined;
    await until("all hosts to be checked again", isWell, { withinMs: 90_000 });
  });
});
