/** The recorder of acknowledged writes on a real server that crashes, refuses and keeps waiting. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientConfig } from "pg";
import { assertKept, checkHistory } from "../checker/history.ts";
import { prepareTable, readRows, recordWrites } from "../checker/record-writer.ts";
import { startPostgres, type TestPostgres, testPassword } from "../fixtures/postgres.ts";

const skip = existsSync("/usr/lib/postgresql") ? false : "no Postgres is installed on this machine";

describe("recorder of writes", { skip, timeout: 60_000 }, () => {
  let postgres: TestPostgres;
  let target: ClientConfig;

  before(async () => {
    postgres = await startPostgres();
    target = { host: "127.0.0.1", port: postgres.port, user: "postgres", password: testPassword, database: "postgres" };
  });
  after(() => postgres.remove());

  async function sql(text: string): Promise<void> {
    const free = "-c default_transaction_read_only=off -c synchronous_commit=local";
    const client = new Client({ ...target, options: free });
    await client.connect();
    await client.query(text).finally(() => client.end());
  }

  async function crash(): Promise<void> {
    process.kill(postgres.pid, "SIGQUIT");
    const deadline = performance.now() + 10_000;
    while (isRunning(postgres.pid)) {
      assert.ok(performance.now() < deadline, "the server does not end");
      await sleep(5);
    }
  }

  test("a crash under load: it goes on by itself, every acknowledged write is there, the gap is seen", async (t) => {
    await prepareTable(target, "crashes");
    const writer = recordWrites({ targets: [target], table: "crashes", patienceMs: 5000 });
    t.after(() => writer.stop());
    await writer.acknowledged(50, 30_000);
    await crash();
    await postgres.start();
    await writer.acknowledged(50, 30_000);
    const history = await writer.stop();
    const rows = await readRows(target, "crashes");
    const verdict = checkHistory(history, rows);
    assertKept(verdict);
    assert.ok(verdict.gap && verdict.gap.ms > 20, `gap ${verdict.gap?.ms}`);
    assert.equal(new Set(history.map((write) => write.server?.instance)).size >= 2, true);

    const one = history.findLast((write) => write.outcome === "acknowledged")?.id;
    assert.throws(
      () =>
        assertKept(
          checkHistory(
            history,
            rows.filter((id) => id !== one),
          ),
        ),
      /are lost/,
    );
  });

  test("a server that refuses writes is told from one that does not answer", async (t) => {
    await prepareTable(target, "refusals");
    const writer = recordWrites({ targets: [target], table: "refusals", connections: 2, pauseMs: 1 });
    t.after(() => writer.stop());
    await writer.acknowledged(5, 10_000);
    await sql("ALTER DATABASE postgres SET default_transaction_read_only = on");
    await sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
    const deadline = performance.now() + 10_000;
    while (!writer.history.some((write) => write.outcome === "refused")) {
      assert.ok(performance.now() < deadline, "no write was refused");
      await sleep(5);
    }
    await sql("ALTER DATABASE postgres RESET default_transaction_read_only");
    const verdict = checkHistory(await writer.stop(), await readRows(target, "refusals"));
    assertKept(verdict);
    assert.ok(verdict.refused > 0);
  });

  test("a commit that waits for a standby which never comes is unknown: by patience, and when the wait is cancelled", async (t) => {
    await prepareTable(target, "waits");
    await sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    await sql("SELECT pg_reload_conf()");
    const writer = recordWrites({ targets: [target], table: "waits", connections: 1, patienceMs: 700, writesMax: 2 });
    t.after(() => writer.stop());
    const deadline = performance.now() + 10_000;
    while (writer.history.length < 2) {
      assert.ok(performance.now() < deadline, "the waits do not end");
      if (writer.history.length === 1)
        await sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
      await sleep(5);
    }
    const history = await writer.stop();
    await sql("ALTER SYSTEM RESET synchronous_standby_names");
    await sql("SELECT pg_reload_conf()");
    assert.deepEqual(
      history.map((write) => write.outcome),
      ["unknown", "unknown"],
    );
    assert.match(history[1]?.error ?? "", /canceling wait/);
  });

  test("waiting for acknowledgements ends at its deadline, with the last error", async (t) => {
    const nowhere = { ...target, port: 1 };
    const writer = recordWrites({ targets: [nowhere], connections: 1, patienceMs: 100 });
    t.after(() => writer.stop());
    await assert.rejects(writer.acknowledged(1, 200), /0 of 1 writes acknowledged within 200 ms/);
    assert.deepEqual(await writer.stop(), []);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
