/**
 * `attach --rotate` cut short between the server, the record and the application: what the application has goes on
 * working as long as was promised, and the same command, given again, completes it.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Client } from "pg";
import { attachedSchema } from "../../src/contract/accounts.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";

describe("attach --rotate, interrupted", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop", "--members", "1");
  });
  after(() => installation?.[Symbol.asyncDispose]());

  async function works(uri: string): Promise<boolean> {
    const client = new Client({ connectionString: uri.split("?")[0], ssl: false });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("SELECT 1");
      return true;
    } catch (error) {
      assert.match(String(error), /password authentication failed/);
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  const directory = (): string => join(dirname(installation.home), "app");
  const inFile = (app: string): string =>
    /'(postgres.*)'/.exec(readFileSync(join(directory(), `${app}.env`), "utf8"))?.[1] ?? "";

  /** @returns its URI */
  async function attach(app: string): Promise<string> {
    mkdirSync(directory(), { recursive: true });
    await installation.ok("attach", "shop", "--app", app, "--env-file", join(directory(), `${app}.env`));
    const uri = inFile(app);
    assert.ok(await works(uri));
    return uri;
  }

  /** Passwords cannot be changed as long as `work` takes; it is called once somebody waits for that. */
  async function whileLocked(work: () => Promise<void>): Promise<void> {
    const holder = await cluster.connect();
    try {
      await holder.query("BEGIN");
      await holder.query("LOCK TABLE pg_catalog.pg_authid IN SHARE MODE");
      const waiting =
        "SELECT count(*)::int AS n FROM pg_catalog.pg_locks WHERE NOT granted AND relation = 'pg_authid'::regclass";
      const found = until("a rotation to wait", async () => {
        const { rows } = await holder.query<{ n: number }>(waiting);
        return rows[0]?.n === 1 ? true : undefined;
      });
      await found.then(work);
    } finally {
      await holder.query("COMMIT");
      await holder.end();
    }
  }

  const graceful = (app: string): readonly string[] => ["attach", "shop", "--app", app, "--rotate", "--grace", "1h"];

  /** The command again: the file has a new URI, and the one that the application still has works as well. */
  async function completes(app: string, old: string): Promise<void> {
    assert.ok(await works(old), "what the application has");
    await installation.ok(...graceful(app));
    assert.notEqual(inFile(app), old);
    assert.ok(await works(inFile(app)), "what it has from now on");
    assert.ok(await works(old), "promised for an hour");
  }

  test("the command of --exec fails: the old password stays good, also after the command that completes it", async () => {
    const old = await attach("exec");
    const ran = await installation.run([...graceful("exec"), "--exec", "exit 3"]);
    assert.equal(ran.code, 1, ran.stderr);
    await completes("exec", old);
  });

  test("the command line is killed before it hands the URI over", async () => {
    const uri = async (...more: readonly string[]): Promise<string> =>
      attachedSchema.parse(await installation.json("attach", "shop", "--app", "killed", ...more)).connection.uri;
    const old = await uri();
    const ran = await installation.run([...graceful("killed"), "--exec", "kill -9 $PPID"]);
    assert.equal(ran.code, null, ran.stderr);
    assert.ok(await works(old));
    const next = await uri("--rotate", "--grace", "1h");
    assert.deepEqual([await works(old), await works(next)], [true, true]);
  });

  test("the file cannot be written any more once the password is changed", async () => {
    const old = await attach("file");
    const asked = installation.run(graceful("file"));
    await whileLocked(async () => renameSync(directory(), `${directory()}-aside`));
    const ran = await asked;
    assert.equal(ran.code, 3, ran.stderr);
    assert.match(ran.stderr, /ERROR:.*file\.env/);
    renameSync(`${directory()}-aside`, directory());
    assert.equal(inFile("file"), old);
    await completes("file", old);
  });

  test("agent and command line are killed while the server changes the password", async () => {
    const old = await attach("agent");
    const command = installation.begin(graceful("agent"));
    await whileLocked(async () => {
      command.kill("SIGKILL");
      await installation.killAgent();
    });
    await installation.startAgent();
    await completes("agent", old);
  });

  test("without a grace period the old one is over, and the same command completes it", async () => {
    const old = await attach("hard");
    const asked = installation.run(["attach", "shop", "--app", "hard", "--rotate"]);
    await whileLocked(async () => renameSync(directory(), `${directory()}-aside`));
    assert.equal((await asked).code, 3);
    renameSync(`${directory()}-aside`, directory());
    await installation.ok("attach", "shop", "--app", "hard", "--rotate");
    assert.deepEqual([await works(old), await works(inFile("hard"))], [false, true]);
    rmSync(directory(), { recursive: true });
  });

  test("one in its grace period is not rotated again, and nothing is changed by asking", async () => {
    const old = await attach("twice");
    await installation.ok(...graceful("twice"));
    const now = inFile("twice");
    const ran = await installation.run(graceful("twice"));
    assert.equal(ran.code, 3, ran.stderr);
    assert.match(ran.stderr, /still good/);
    const plain = await installation.run(["attach", "shop", "--app", "twice"]);
    assert.match(plain.stderr, /attached to cluster "shop" already/);
    assert.deepEqual([await works(old), await works(now), inFile("twice")], [true, true, now]);
  });
});
