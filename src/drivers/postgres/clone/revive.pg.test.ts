/** Recovery of a copy to a target, on real servers: what is in it is what had been committed until then. */
import assert from "node:assert/strict";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";
import type { Client } from "pg";
import { parseLsn, toLsn, zeroLsn, type Lsn } from "../../../domain/lsn.ts";
import { historyFileName } from "../../../domain/wal-file.ts";
import type { RecoveryTarget } from "../../../domain/recovery.ts";
import { parseMoment } from "../../../contract/moment.ts";
import { OpError } from "../../../errors/op-error.ts";
import { createDirectories } from "../provision/create.ts";
import { scramVerifier } from "../provision/scram.ts";
import { startServer, testEngines, testHome, type TestHome, type TestServer } from "../provision/testing.ts";
import type { Engine } from "../port.ts";
import { makeOwnedDirectory } from "../server/owned-files.ts";
import { forkOf } from "../server/timeline-files.ts";
import { copyRunning } from "./copy-running.ts";
import { copyContents } from "../../volume/directory.ts";
import { revive, type Revived, type ReviveRequest } from "./revive.ts";

interface Mark {
  readonly at: string;
  readonly lsn: string;
  readonly xid: string;
}

/** A server whose log is archived, a copy of it, and a row for each marker after that. */
class Source {
  readonly marks: Mark[] = [];
  before = "";
  readonly #home: TestHome;
  readonly #engine: Engine;
  #restores = 0;

  private constructor(home: TestHome, engine: Engine) {
    this.#home = home;
    this.#engine = engine;
  }

  static async make(t: TestContext, engine: Engine): Promise<Source> {
    const home = await testHome(t);
    const source = new Source(home, engine);
    const { directory, owner, signal } = home;
    const dataDirectory = join(directory, "p", "data");
    await createDirectories({ template: await home.template(engine), directories: [dataDirectory], owner, signal });
    await makeOwnedDirectory(join(directory, "archive"), owner);
    const settings = { archive_mode: "on", archive_command: `cp "%p" ${directory}/archive/"%f"` };
    const server = await startServer(t, { engine, owner, dataDirectory, name: "p-1", settings });
    const client = await server.connect();
    await client.query("CREATE TABLE marks (id int PRIMARY KEY, word text)");
    await client.query("CREATE ROLE ada PASSWORD 'hunter22'; CREATE ROLE bob PASSWORD 'hunter22'");
    source.before = await value(client, "SELECT pg_current_wal_lsn()");
    await source.#copy(server, dataDirectory);
    for (let id = 1; id <= 4; id += 1) source.marks.push(await mark(client, id));
    await client.query("SELECT pg_switch_wal()");
    const last = await value(client, "SELECT pg_walfile_name(pg_current_wal_lsn())");
    await client.end();
    await server.stop("SIGINT");
    assert.ok((await readdir(join(directory, "archive"))).length >= 2, last);
    return source;
  }

  async #copy(server: TestServer, dataDirectory: string): Promise<void> {
    const { directory, owner, signal } = this.#home;
    const upstream = { member: "p-1", socketDirectory: server.socketDirectory, port: server.port, dataDirectory };
    const target = join(directory, "base");
    const { major } = this.#engine;
    await copyRunning({ source: upstream, owner, target, major, progress: () => undefined, signal });
  }

  async restored(
    t: TestContext,
    target: RecoveryTarget,
    recovery: { readonly holdsTarget?: boolean } = {},
    more: Partial<ReviveRequest> = {},
  ): Promise<Revived & { rows: number[]; words: string[]; ada: string; schemas: unknown[]; end: Lsn }> {
    const { directory, owner, signal } = this.#home;
    const dataDirectory = join(directory, `r${(this.#restores += 1)}`, "data");
    await makeOwnedDirectory(join(dataDirectory, ".."), owner);
    await mkdir(dataDirectory);
    await copyContents(join(directory, "base"), dataDirectory, signal);
    const served = await readdir(join(directory, "archive"));
    const fetch = ["/bin/sh", "-c", `cp ${directory}/archive/"$1" "$2"`, "fetch"];
    const revived = await revive({
      engine: this.#engine,
      owner,
      dataDirectory,
      settings: {},
      recovery: { target, timeline: 1, served, fetch, holdsTarget: false, ...recovery },
      progress: () => undefined,
      signal,
      ...more,
    });
    assert.equal(await stat(join(dataDirectory, "../recovery")).catch(() => "gone"), "gone");
    const marks = await readdir(join(dataDirectory, "pg_wal/archive_status"));
    const ready = marks.filter((name) => name.endsWith(".ready"));
    assert.deepEqual(ready, [`${historyFileName(revived.timeline)}.ready`], "its history is to be archived");
    const server = await startServer(t, { engine: this.#engine, owner, dataDirectory, name: "r-1" });
    const client = await server.connect();
    const { rows } = await client.query<{ id: number; word: string }>("SELECT id, word FROM marks ORDER BY id");
    const ada = await value(client, "SELECT rolpassword FROM pg_authid WHERE rolname = 'ada'");
    const schemas = (await client.query("SELECT nspname FROM pg_namespace WHERE nspname = 'matriarch_check'")).rows;
    await server.stop("SIGINT");
    const end = (await forkOf(dataDirectory, revived.timeline)) ?? zeroLsn;
    return { ...revived, rows: rows.map(({ id }) => id), words: rows.map(({ word }) => word), ada, schemas, end };
  }
}

/** Its commit lies between the position and time given and those of the next. */
async function mark(client: Client, id: number): Promise<Mark> {
  await client.query("BEGIN");
  await client.query("INSERT INTO marks VALUES ($1, 'ada')", [id]);
  const xid = await value(client, "SELECT pg_current_xact_id()::text");
  await client.query("COMMIT");
  const lsn = await value(client, "SELECT pg_current_wal_insert_lsn()");
  const at = await value(
    client,
    "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || 'Z'",
  );
  return { at, lsn, xid };
}

async function value(client: Client, sql: string): Promise<string> {
  const { rows } = await client.query<Record<string, string>>({ text: sql });
  return Object.values(rows[0] ?? {})[0] ?? "";
}

for (const engine of await testEngines()) {
  describe(`a copy is recovered (${engine.kind} ${engine.version})`, () => {
    const ends: (() => unknown)[] = [];
    const whole = { after: (work: () => unknown) => void ends.unshift(work) } as unknown as TestContext;
    after(async () => {
      for (const end of ends) await end();
    });
    const source = Source.make(whole, engine);

    test("to just before and just after a marker, by time, position and transaction", async (t) => {
      const { marks } = await source;
      const second = marks[1];
      assert.ok(second);
      const time = { kind: "time", ...parseMoment(second.at, Date.now()) } as const;
      const xid = { kind: "xid", xid: BigInt(second.xid) } as const;
      const lsn = { kind: "lsn", lsn: parseLsn(second.lsn) } as const;
      const wanted: readonly (readonly [RecoveryTarget, number])[] = [
        [{ ...xid, isInclusive: true }, 2],
        [{ ...xid, isInclusive: false }, 1],
        [{ ...lsn, isInclusive: false }, 2],
        [{ ...time, isInclusive: false }, 2],
        [{ kind: "newest" }, 4],
      ];
      for (const [target, rows] of wanted) {
        const revived = await (await source).restored(t, target);
        assert.deepEqual(
          revived.rows,
          Array.from({ length: rows }, (_, at) => at + 1),
          JSON.stringify(target.kind),
        );
        assert.equal(revived.endedBefore, false);
        assert.equal(revived.timeline, 2);
      }
    });

    test("a log that ends before the target is a failure, unless it is known to hold the target", async (t) => {
      const target = { kind: "time", ...parseMoment("1 ms ago", Date.now()), isInclusive: true } as const;
      const quiet = await source;
      await assert.rejects(
        quiet.restored(t, target),
        (error) =>
          error instanceof OpError && error.code === "restore-out-of-window" && /commit of/.test(error.detail ?? ""),
      );
      const revived = await quiet.restored(t, target, { holdsTarget: true });
      assert.equal(revived.endedBefore, true);
      assert.equal(revived.rows.length, 4);
    });

    test("a log that ends right at the position to stop before leads there", async (t) => {
      const quiet = await source;
      const { end } = await quiet.restored(t, { kind: "newest" });
      const revived = await quiet.restored(t, { kind: "lsn", lsn: end, isInclusive: false });
      assert.deepEqual([revived.endedBefore, revived.end, revived.rows.length], [true, end, 4]);
      for (const [lsn, isInclusive] of [
        [toLsn(end + 8n), false],
        [end, true],
      ] as const)
        await assert.rejects(
          quiet.restored(t, { kind: "lsn", lsn, isInclusive }),
          (error) => error instanceof OpError && error.code === "restore-out-of-window",
        );
    });

    test("a target before the copy itself is refused", async (t) => {
      const early = { kind: "lsn", lsn: parseLsn((await source).before), isInclusive: false } as const;
      await assert.rejects(
        (await source).restored(t, early),
        (error) => error instanceof OpError && error.code === "restore-too-early",
      );
    });

    test("a script runs before anybody comes in; one that fails says at which line", async (t) => {
      const sql = "UPDATE marks\nSET word = 'nobody';\n";
      const revived = await (
        await source
      ).restored(t, { kind: "newest" }, {}, { script: { sql, database: "postgres" } });
      assert.deepEqual(new Set(revived.words), new Set(["nobody"]));
      const wrong = { sql: "SELECT 1;\nSELECT nothing FROM marks", database: "postgres" };
      await assert.rejects(
        (await source).restored(t, { kind: "newest" }, {}, { script: wrong }),
        (error) => error instanceof OpError && /at line 2: column "nothing"/.test(error.message),
      );
      const nowhere = { sql: "SELECT 1", database: "nowhere" };
      await assert.rejects((await source).restored(t, { kind: "newest" }, {}, { script: nowhere }), /nowhere/);
    });

    test("passwords that are to stay stay; what it holds is told, and read as it is", async (t) => {
      const verifier = scramVerifier("hunter23");
      const revived = await (
        await source
      ).restored(t, { kind: "newest" }, {}, { passwords: new Map([["ada", verifier]]), isToInspect: true });
      assert.deepEqual(revived.withoutPassword, ["bob"]);
      assert.equal(revived.ada, verifier);
      const { contents } = revived;
      assert.ok(contents && contents.whole > 100 && contents.hasChecksums, JSON.stringify(contents));
      assert.deepEqual(contents.damaged, []);
      assert.deepEqual([contents.tables, contents.rows], [1, 4]);
      assert.deepEqual(revived.schemas, []);
    });
  });
}
