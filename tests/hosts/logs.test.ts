/**
 * Logs and requests over hosts: a drain of the installation is taken up by hosts that were away or join later, with its
 * token; a reader who follows misses nothing over a restart of the agent and a failover; a change that is sent again to
 * another host is not done again, and a stream of events goes on there.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";

import { Client } from "pg";
import { drainChangedSchema, drainSchema, type DrainStatus } from "../../src/contract/drains.ts";
import { logLineSchema, type LogLine } from "../../src/contract/logs.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { clientName, Lab } from "./lab/lab.ts";
import { Machine } from "./lab/machine.ts";

const receiverPort = 8088;
/** Writes down what comes: its host's name, the token, and the record. */
const receiverScript = `
  const { appendFileSync } = require("node:fs");
  require("node:http").createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part)).on("end", () => {
      for (const line of body.trim().split("\\n"))
        appendFileSync(process.argv[1], JSON.stringify({ token: request.headers.authorization, ...JSON.parse(line) }) + "\\n");
      response.end();
    });
  }).listen(${receiverPort});`;

describe("logs and requests over hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let client: Machine;
  let received: string;

  before(
    async () => {
      lab = await Lab.make({ hosts: 3, spare: 1 });
      cluster = await LabCluster.create(lab, "shop", "--members", "3");
      const directory = join(lab.host("a").directory, "receiver");
      mkdirSync(directory);
      received = join(directory, "received");
      writeFileSync(received, "");
      client = new Machine(lab.network, clientName, directory);
      client.start([process.execPath, "-e", receiverScript, received], { log: "receiver.log" });
      writeFileSync(join(directory, "token"), "first-token");
    },
    { timeout: 180_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  const records = (): readonly { host: string; token?: string; message: string }[] =>
    readFileSync(received, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  const drainsOf = async (host: Host): Promise<readonly DrainStatus[]> => {
    const parsed = drainSchema.array().safeParse(await host.api("/v1/drains"));
    return parsed.success ? parsed.data : [];
  };
  const addDrain = async (
    by: Host,
    level: string,
    token: string,
  ): Promise<{ id: string; missing: readonly unknown[] }> => {
    writeFileSync(join(by.directory, "token"), token);
    const to = `http://${client.address}:${receiverPort}/in`;
    const flags = ["--level", level, "--token-file", join(by.directory, "token")];
    return drainChangedSchema.parse(await by.json("drain", "add", "--all", "--to", to, ...flags));
  };
  const level = (host: Host, wanted: string): Promise<true> =>
    until(`the drain of ${host.name} at ${wanted}`, async () => {
      const [drain] = await drainsOf(host);
      return drain?.level === wanted && drain.reason === null ? true : undefined;
    });
  const sends = (host: Host, token: string): Promise<unknown> =>
    until(`a line of ${host.name} with ${token}`, () =>
      records().find((one) => one.host === host.name && one.token === `Bearer ${token}`),
    );

  test(
    "a drain is of all hosts: those that are there, one that was away, one that joins later",
    { timeout: 240_000 },
    async () => {
      const [a, b, c] = [lab.host("a"), lab.host("b"), lab.host("c")];
      const added = await addDrain(a, "debug", "first-token");
      assert.deepEqual(added.missing, []);
      for (const host of [a, b, c]) await level(host, "debug");
      for (const host of [a, b, c]) await host.ok("drain", "test", added.id);
      for (const host of [a, b, c]) await sends(host, "first-token");

      // Its agent is away while the token changes; by its old one it would be refused.
      await c.freeze();
      await until("silence of c", async () => {
        const again = await addDrain(b, "info", "second-token");
        return again.missing.length === 1 ? true : undefined;
      });
      c.thaw();
      await level(c, "info");
      await c.ok("drain", "test", added.id);
      await sends(c, "second-token");

      const [late] = lab.spare;
      assert.ok(late);
      await lab.join(late, a);
      await level(late, "info");
      await late.ok("drain", "test", added.id);
      await sends(late, "second-token");
      assert.equal(statSync(join(late.home, "drains", "drains.json")).mode & 0o777, 0o600);

      // In the store, and in what is remembered of it, there is no token.
      await until("what is remembered", () =>
        readFileSync(join(late.home, "remembered.json"), "utf8").includes(`drain/${added.id}`) ? true : undefined,
      );
      for (const host of [a, b, c, late]) {
        assert.doesNotMatch(readFileSync(join(host.home, "remembered.json"), "utf8"), /(first|second)-token/);
        assert.doesNotMatch(host.log(), /(first|second)-token/);
      }
      await c.freeze();
      await late.ok("drain", "remove", added.id);
      c.thaw();
      for (const host of [a, b, c, late])
        await until(`no drain on ${host.name}`, async () => ((await drainsOf(host)).length === 0 ? true : undefined));
      await cluster.healthy();
    },
  );

  interface Answered {
    readonly status: number | undefined;
    readonly replayed: unknown;
    readonly body: unknown;
  }
  async function ask(host: Host, path: string, body: unknown, key: string): Promise<Answered> {
    const headers = { "content-type": "application/json", "idempotency-key": key, "x-matriarch-user": "ada" };
    const sent = request({ socketPath: join(host.home, "agent.sock"), method: "POST", path, headers, agent: false });
    sent.end(JSON.stringify(body));
    const [answer] = await once(sent, "response");
    const answered = await text(answer);
    return { status: answer.statusCode, replayed: answer.headers["idempotent-replayed"], body: JSON.parse(answered) };
  }

  test("a change is sent again to another host: it is not done again, also when the first host is gone", async () => {
    const [a, b, c] = [lab.host("a"), lab.host("b"), lab.host("c")];
    const key = `key-${process.pid}`;
    const wish = { name: "once" };
    const first = await ask(a, "/v1/clusters/shop/databases", wish, key);
    assert.equal(first.status, 200, JSON.stringify(first.body));
    const again = await ask(b, "/v1/clusters/shop/databases", wish, key);
    assert.deepEqual([again.status, again.replayed, again.body], [200, "true", first.body]);
    assert.equal((await ask(b, "/v1/clusters/shop/databases", { name: "twice" }, key)).status, 422);
    // An operation: both know it, and two at once are one.
    const both = await Promise.all([a, c].map((host) => ask(host, "/v1/clusters/shop/restart", {}, `${key}-2`)));
    assert.deepEqual(
      both.map(({ status }) => status),
      [202, 202],
      JSON.stringify(both),
    );
    assert.deepEqual(both[0]?.body, both[1]?.body);
    await cluster.healthy();
    await a.freeze();
    const late = await ask(c, "/v1/clusters/shop/databases", wish, key);
    a.thaw();
    assert.deepEqual([late.status, late.replayed], [200, "true"]);
    await cluster.healthy();
  });

  test(
    "a reader who follows: over a restart of the agent, and a failover from one host to another",
    { timeout: 120_000 },
    async () => {
      await cluster.healthy();
      const primary = await cluster.primary();
      const [standby] = await cluster.standbys();
      assert.ok(standby);
      const env = { PATH: "/usr/bin:/bin", MATRIARCH_HOME: standby.home, HOME: standby.directory, NO_COLOR: "1" };
      const told = join(standby.directory, "followed");
      const pid = standby.start([...standby.cli, "logs", "shop", "--follow", "--json", "--limit", "1"], {
        env,
        log: "followed",
      });
      const lines = (): readonly LogLine[] =>
        readFileSync(told, "utf8")
          .split("\n")
          .flatMap((line) => (line.startsWith("{") ? [logLineSchema.parse(JSON.parse(line))] : []));
      const says = async (host: Host, mark: string): Promise<void> => {
        const status = await cluster.healthy();
        const member = status.members.find((one) => one.host === host.name);
        assert.ok(member);
        const session = new Client(cluster.direct(member));
        await session.connect();
        await assert.rejects(session.query(`SELECT 1 FROM ${mark}`));
        await session.end();
      };
      const seen = (mark: string): Promise<LogLine> =>
        until(`the line about ${mark}`, () => lines().find(({ message }) => message.includes(mark)));
      await until("its first line", () => lines()[0]);
      await says(primary, "before_all");
      await seen("before_all");
      await standby.killRole("agent");
      await says(primary, "while_no_agent");
      await seen("while_no_agent");
      await cluster.healthy();
      await primary.freeze();
      const other = await cluster.until("another primary", ({ members, primary: now }) =>
        members.some(({ id, host }) => id === now && host !== primary.name),
      );
      const holder = other.members.find(({ id }) => id === other.primary);
      const promoted = await until("the new primary's own words", () =>
        lines().find(({ member, message }) => member === holder?.id && message.includes("archive recovery complete")),
      );
      assert.equal(promoted.host, holder?.host);
      primary.thaw();
      await cluster.healthy();
      await says(primary, "after_all");
      const last = await seen("after_all");
      assert.equal(last.host, primary.name);
      for (const mark of ["before_all", "while_no_agent", "after_all"])
        assert.equal(lines().filter(({ message }) => message.includes(mark)).length, 1, `${mark} once`);
      process.kill(pid, "SIGTERM");
    },
  );
});
