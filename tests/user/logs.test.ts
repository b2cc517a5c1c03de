/** Logs of real servers: records with fields, followed over a rotation and a death, without the passwords in them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";

import { drainChangedSchema } from "../../src/contract/drains.ts";
import { logLineSchema, type LogLine } from "../../src/contract/logs.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

describe("logs (2 members)", () => {
  let installation: Installation;
  let cluster: Cluster;
  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "2");
    await cluster.healthy();
  });
  after(() => installation[Symbol.asyncDispose]());

  const logs = async (...args: string[]): Promise<readonly LogLine[]> =>
    logLineSchema.array().parse(JSON.parse(await installation.ok("logs", ...args, "--json")));
  const fails = async (sql: string): Promise<void> => {
    const { id } = await cluster.primary();
    await assert.rejects(cluster.query(sql, cluster.direct(await cluster.member(id))));
  };

  test("an error is a record: SQLSTATE, who, where, and the statement", async () => {
    await fails("SELECT 1 FROM nowhere_at_all");
    const [line] = await until("the error in the log", async () => {
      const found = await logs("shop", "--level", "error", "--grep", "nowhere_at_all");
      return found.length > 0 ? found : undefined;
    });
    assert.ok(line);
    assert.equal(line.process, "postgres");
    assert.equal(line.member, (await cluster.primary()).id);
    assert.equal(line.message, 'relation "nowhere_at_all" does not exist');
    assert.equal(line.fields["state_code"], "42P01");
    assert.equal(line.fields["statement"], "SELECT 1 FROM nowhere_at_all");
    assert.ok(line.fields["user"] && line.fields["dbname"] && line.fields["pid"]);
    const people = await installation.ok("logs", "shop", "--grep", "nowhere_at_all");
    assert.match(people, /ERROR .*42P01.* relation "nowhere_at_all" does not exist\n.*STATEMENT: SELECT 1/);
  });

  test("both members in the order of time; one alone; the hosts' own", async () => {
    const all = await logs("shop", "--process", "postgres", "--limit", "1000");
    assert.deepEqual(new Set(all.map(({ member }) => member)), new Set(["shop-1", "shop-2"]));
    assert.deepEqual(
      all.map(({ at }) => at),
      all.map(({ at }) => at).toSorted(),
    );
    const one = await logs("shop", "--member", "shop-2");
    assert.ok(one.length > 0 && one.every(({ member }) => member === "shop-2"));
    const own = await logs("--agent", "--limit", "1000");
    assert.ok(own.some(({ process }) => process === "agent") && own.every(({ process }) => process !== "postgres"));
    assert.match((await installation.run(["logs"])).stderr, /Name a cluster/);
    assert.match((await installation.run(["logs", "shop", "--agent"])).stderr, /goes with no cluster/);
  });

  test("passwords that a statement sets are in no line, though Postgres writes the statement", async () => {
    await fails("ALTER ROLE nobody_here PASSWORD 'hunter2-in-the-log'");
    const [line] = await until("the statement", async () => {
      const found = await logs("shop", "--grep", "nobody_here");
      return found.length > 0 ? found : undefined;
    });
    assert.doesNotMatch(JSON.stringify(line), /hunter2/);
    assert.match(line?.fields["statement"] ?? "", /ALTER ROLE nobody_here PASSWORD \*\*\*/);
  });

  test("a text that is searched for is no pattern: what would keep a pattern busy for ever is answered at once", async () => {
    await fails("SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' FROM has_a_long_text");
    await until("the line", async () => ((await logs("shop", "--grep", "has_a_LONG")).length > 0 ? true : undefined));
    for (const text of ["(a+)+$", "[unclosed", "a{1,99999}{1,99999}"])
      assert.deepEqual(await logs("shop", "--process", "postgres", "--grep", text), [], text);
    assert.deepEqual(await logs("shop", "--grep", "h.s_a_long_text"), []);
  });

  test("moments that are none are refused, and say what is one", async () => {
    for (const moment of ["yesterday", "2026-13-01", "2999-01-01", ""]) {
      const { code, stderr } = await installation.run(["logs", "shop", "--since", moment]);
      assert.equal(code, 2, `${moment}: ${stderr}`);
      assert.match(stderr, /neither a duration like 30d nor a past moment/);
    }
    const none = await installation.run(["logs", "shop", "--follow", "--until", "1m"]);
    assert.equal(none.code, 2);
    assert.match(none.stderr, /--follow has no end/);
  });

  test("a reader who follows: nothing is missed or told twice over a restart of the agent, which it does not start", async () => {
    const reader = installation.begin(["logs", "shop", "--follow", "--json", "--limit", "0"]);
    const gone = once(reader, "exit");
    reader.stdin.end();
    let [told, noted] = ["", ""];
    reader.stdout.on("data", (part: Buffer) => (told += part.toString()));
    reader.stderr.on("data", (part: Buffer) => (noted += part.toString()));
    const times = (mark: string): number => told.split("\n").filter((line) => line.includes(`"${mark}\\"`)).length;
    const seen = (mark: string) => until(mark, () => (times(mark) > 0 ? true : undefined));
    try {
      // It begins with what comes after it has asked; until then its first line is waited for.
      await until("a first line", async () => {
        await fails("SELECT 1 FROM first_of_all");
        return times("first_of_all") > 0 ? true : undefined;
      });
      const { id } = await cluster.primary();
      const direct = cluster.direct(await cluster.member(id));
      await installation.killAgent();
      await assert.rejects(cluster.query("SELECT 1 FROM while_no_agent", direct));
      await until("its word about the agent", () =>
        noted.includes("does not answer; trying again") ? true : undefined,
      );
      assert.equal(installation.agentPid, undefined, "it has started an agent");
      await installation.startAgent();
      await seen("while_no_agent");
      await cluster.healthy();
      await fails("SELECT 1 FROM after_all");
      await seen("after_all");
      assert.deepEqual([times("while_no_agent"), times("after_all")], [1, 1]);
      assert.equal(noted.split("does not answer").length, 2, `told once: ${noted}`);
    } finally {
      reader.kill("SIGINT");
      await gone;
    }
  });

  test("a drain sends errors and events, and shows its token to nobody", async () => {
    const taken: { process: string; message: string; host: string }[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (part: Buffer) => (body += part.toString()));
      request.on("end", () => {
        assert.equal(request.headers.authorization, "Bearer not-for-eyes");
        for (const line of body.trim().split("\n")) taken.push(JSON.parse(line));
        response.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address);
    const token = join(installation.home, "..", "token");
    await writeFile(token, "not-for-eyes\n");
    try {
      const to = `http://127.0.0.1:${address.port}/in`;
      const added = await installation.ok("drain", "add", "shop", "--to", to, "--token-file", token, "--json");
      const { id } = drainChangedSchema.parse(JSON.parse(added));
      assert.match(await installation.ok("drain", "test", id), /Taken in/);
      await fails("SELECT 1 FROM sent_elsewhere");
      await installation.ok("restart", "shop", "--member", (await cluster.standby()).id);
      await until("the error", async () => taken.find(({ message }) => message.includes("sent_elsewhere")));
      await until("an event", async () => taken.find(({ process }) => process === "event"));
      assert.deepEqual(
        new Set(taken.map(({ host }) => host)),
        new Set([hostname()]),
        "a receiver tells machines apart",
      );
      const shown = [await installation.ok("drain", "list"), await installation.ok("drain", "list", "--json"), added];
      assert.doesNotMatch(`${shown.join("\n")}\n${await installation.log()}`, /not-for-eyes/);
      const file = await stat(join(installation.home, "drains", "drains.json"));
      assert.equal(file.mode & 0o777, 0o600);
      await installation.ok("drain", "remove", id);
      assert.equal((await installation.run(["drain", "test", id])).code, 5);
      const refused = await installation.run(["drain", "add", "--all", "--to", "https://u:p@h/"]);
      assert.match(refused.stderr, /secrets do not belong in it/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
    await cluster.healthy();
  });

  test("a server's end and its next start, over a rotation, from where a reader was", async () => {
    const primary = await cluster.primary();
    await cluster.query("SELECT pg_rotate_logfile()", cluster.direct(primary));
    const directory = join(dirname(primary.data_directory), "log");
    const since = await cluster.lastEvent();
    const [{ pid } = {}] = await cluster.query(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
      cluster.direct(primary),
    );
    signalAll([Number(pid)], "SIGKILL");
    const told = await until("the last words", async () => {
      const found = await logs("shop", "--member", primary.id, "--grep", "terminated by signal 9");
      return found.length > 0 ? found : undefined;
    });
    assert.match(told[0]?.message ?? "", /checkpointer process .* was terminated by signal 9/);
    await cluster.healthy();
    const words = (await cluster.events())
      .filter(({ id }) => id > since)
      .map((event) => `${event.message} ${event.cause ?? ""}`)
      .join("\n");
    assert.match(words, /terminated by signal 9/, "the event says why");
    const json = (await readdir(directory)).filter((name) => name.endsWith(".json"));
    for (const name of json)
      for (const line of (await readFile(join(directory, name), "utf8")).trim().split("\n")) JSON.parse(line);
  });
});
