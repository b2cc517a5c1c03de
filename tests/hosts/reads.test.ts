/** Reads near users: two regions of two hosts, and whom each host's read endpoint leads to while replicas come to lag. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import { tryTool } from "./lab/shell.ts";

describe("reads over hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let primary: Host;
  let second: Host;
  const [c, d] = ["c", "d"] as const;

  before(
    async () => {
      lab = await Lab.make({ hosts: 4, regions: { a: "eu", b: "eu", c: "us", d: "us" } });
      cluster = await LabCluster.create(lab, "shop", "--members", "2", "--primary-region", "eu", "--region", "us");
      primary = await cluster.primary();
      second = primary.name === "a" ? lab.host("b") : lab.host("a");
      const { members } = await cluster.healthy();
      const replica = members.find(({ region }) => region === "us");
      assert.ok(replica);
      const ran = await primary.matriarch(["member", "add", "shop", "--region", "us", "--upstream", replica.id]);
      assert.equal(ran.code, 0, ran.stderr);
      await cluster.healthy();
      const set = await lab.host("c").matriarch(["reads", "shop", "--max-lag", "3s"]);
      assert.equal(set.code, 0, set.stderr);
    },
    { timeout: 240_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  /** On the client's machine, through this host's read endpoint. @returns the host that served */
  async function servedFor(host: Host, options = ""): Promise<string> {
    const { port, user, password } = cluster.target(host, "read");
    const env = { PATH: "/usr/bin:/bin", PGPASSWORD: String(password), PGSSLMODE: "require", PGOPTIONS: options };
    const sql = "SELECT substring(current_setting('data_directory') from 'shop-[0-9]+')";
    const command = ["psql", "-XAtq", "-h", host.address, "-p", String(port), "-U", String(user), "-d", "postgres"];
    const ran = await tryTool([...lab.client, ...command, "-c", sql], { env, withinMs: 45_000 });
    const { members } = await cluster.healthy();
    return members.find(({ id }) => id === ran.stdout.trim())?.host ?? ran.stderr;
  }
  const serves = (through: Host, wanted: string): Promise<true> =>
    until(`${wanted} to serve ${through.name}`, async () => ((await servedFor(through)) === wanted ? true : undefined));
  const on = async (host: Host, sql: string): Promise<void> => {
    const { host: directory, port, user, password } = cluster.direct(cluster.memberOn(host));
    const env = { PATH: "/usr/bin:/bin", PGPASSWORD: String(password) };
    const ran = await tryTool(
      ["psql", "-XAtq", "-h", String(directory), "-p", String(port), "-U", String(user), "-d", "postgres", "-c", sql],
      { env, withinMs: 20_000 },
    );
    assert.equal(ran.code, 0, ran.stderr);
  };

  test(
    "each host's reads stay on it, and where the primary is they go to the standby of its region",
    { timeout: 60_000 },
    async () => {
      for (const host of [lab.host(c), lab.host(d), second]) await serves(host, host.name);
      await serves(primary, second.name);
    },
  );

  test(
    "a replica that lags leaves on every host: the other one of its region serves, then the primary's region",
    { timeout: 120_000 },
    async () => {
      await on(lab.host(d), "SELECT pg_wal_replay_pause()");
      await on(primary, "CREATE TABLE notes AS SELECT 1 AS id");
      await serves(lab.host(d), c);
      await serves(lab.host(c), c);
      await on(lab.host(c), "SELECT pg_wal_replay_pause()");
      await on(primary, "INSERT INTO notes VALUES (2)");
      for (const host of [lab.host(c), lab.host(d)]) await serves(host, second.name);
      const left = (await cluster.events()).filter(({ type }) => type === "reads.left");
      assert.equal(left.length, 2, "each is told once, by its own host");
    },
  );

  test("both are back", { timeout: 120_000 }, async () => {
    for (const host of [lab.host(c), lab.host(d)]) await on(host, "SELECT pg_wal_replay_resume()");
    for (const host of [lab.host(c), lab.host(d)]) await serves(host, host.name);
    const back = (await cluster.events()).filter(({ type }) => type === "reads.back");
    assert.equal(back.length, 2);
    assert.equal(await servedFor(lab.host(d), "-c matriarch.max_lag=5s"), d, "a live stream is within five seconds");
  });
});
