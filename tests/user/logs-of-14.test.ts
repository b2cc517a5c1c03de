/**
 * Logs of Postgres 14, which writes no jsonlog: its text is taken apart into the same records, as people, programs and
 * drains have them. With the long tests: its engine is brought for it alone.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";

import { drainChangedSchema } from "../../src/contract/drains.ts";
import { logLineSchema, type LogLine } from "../../src/contract/logs.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

/** Source: src/drivers/postgres/engine/catalog.ts */
const skip = process.platform === "linux" && process.arch === "x64" ? false : "there is no embedded 14 here";

describe("logs of Postgres 14 (1 member)", { skip }, () => {
  let installation: Installation;
  let cluster: Cluster;
  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "old", "--members", "1", "--version", "14");
  });
  after(() => installation[Symbol.asyncDispose]());

  const logs = async (...args: string[]): Promise<readonly LogLine[]> =>
    logLineSchema.array().parse(JSON.parse(await installation.ok("logs", "old", ...args, "--json")));
  const found = (text: string): Promise<LogLine> =>
    until(`"${text}" in the log`, async () => (await logs("--process", "postgres", "--grep", text))[0]);
  const fails = async (sql: string): Promise<void> => {
    const client = await cluster.connect();
    await client.query("SET application_name = 'an app'");
    await assert.rejects(client.query(sql));
    await client.end();
  };

  test("an error is a record: SQLSTATE, who, detail, hint and context over several lines, and the statement", async () => {
    const { members } = await cluster.healthy();
    await fails(`DO $$ BEGIN
      RAISE EXCEPTION USING message = E'first\\nsecond', detail = E'more\\nand more', hint = 'a hint', errcode = '22012';
    END $$`);
    const line = await found("second");
    assert.equal(line.member, members[0]?.id);
    assert.deepEqual([line.level, line.message], ["error", "first\nsecond"]);
    const { fields } = line;
    assert.equal(fields["state_code"], "22012");
    assert.equal(fields["detail"], "more\nand more");
    assert.equal(fields["hint"], "a hint");
    assert.match(fields["context"] ?? "", /^PL\/pgSQL function inline_code_block line 2 at RAISE$/);
    assert.match(fields["statement"] ?? "", /^DO \$\$ BEGIN\n +RAISE EXCEPTION [^]*END \$\$$/);
    assert.deepEqual([fields["application_name"], fields["dbname"]], ["an app", "postgres"]);
    assert.match(await installation.ok("logs", "old", "--grep", "AND MORE"), /ERROR .*22012 first\n.*\n.*DETAIL: more/);
  });

  test("a password in a statement of several lines is in no line", async () => {
    await fails("ALTER ROLE nobody_here\n  PASSWORD 'hunter2-in\nthe-log'");
    const line = await found("nobody_here");
    assert.equal(line.fields["statement"], "ALTER ROLE nobody_here\n  PASSWORD ***");
    assert.deepEqual(await logs("--grep", "hunter2"), []);
    assert.doesNotMatch(JSON.stringify(await logs("--limit", "1000")), /hunter2|the-log/);
  });

  test("a level is the server's own word, and what was said before a moment is left out", async () => {
    await cluster.query("DO $$ BEGIN RAISE WARNING 'careful now'; RAISE LOG 'just told'; END $$");
    assert.equal((await found("just told")).level, "info");
    assert.equal((await found("careful now")).level, "warning");
    assert.deepEqual(await logs("--level", "error", "--grep", "careful now"), []);
    const { at } = await found("careful now");
    assert.deepEqual(await logs("--process", "postgres", "--since", at, "--grep", "second"), []);
  });

  test("a reader who follows and a drain have it whole, too", async () => {
    const taken: LogLine[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        for (const line of body.trim().split("\n")) taken.push(JSON.parse(line));
        response.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address);
    const reader = installation.begin(["logs", "old", "--follow", "--json", "--limit", "0", "--process", "postgres"]);
    const gone = once(reader, "exit");
    reader.stdin.end();
    let told = "";
    reader.stdout.on("data", (part: Buffer) => (told += part.toString()));
    try {
      const to = `http://127.0.0.1:${address.port}/in`;
      const added = await installation.ok("drain", "add", "old", "--to", to, "--json");
      const { id } = drainChangedSchema.parse(JSON.parse(added));
      const sql = "SELECT 1\n  FROM sent_elsewhere";
      const isTold = (line: LogLine): boolean => line.fields["statement"] === sql;
      // What is written before they began is not theirs.
      await until("the record in both", async () => {
        await fails(sql);
        const read = told.split("\n").slice(0, -1);
        return read.some((line) => isTold(JSON.parse(line))) && taken.some(isTold) ? true : undefined;
      });
      await installation.ok("drain", "remove", id);
    } finally {
      reader.kill("SIGINT");
      await gone;
      server.closeAllConnections();
      server.close();
    }
  });
});
