import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Client } from "pg";
import { formatLsn, parseLsn, type Lsn } from "../../../domain/lsn.ts";
import { formatConninfo } from "../configuration/quote.ts";
import { controlPath, endOfCheckpoint, readControl, type ControlData } from "./control-file.ts";
import { createDirectories } from "./create.ts";
import { startServer, testEngines, testHome } from "./testing.ts";

/** What the server itself reads in its control file. Versions: 14 to 18. */
const controlFunctions = `
  SELECT s.system_identifier::text AS id, c.checkpoint_lsn AS checkpoint, c.redo_lsn AS redo, c.timeline_id AS timeline,
         r.min_recovery_end_lsn AS min, r.min_recovery_end_timeline AS "minTimeline"
  FROM pg_control_system() s, pg_control_checkpoint() c, pg_control_recovery() r`;

for (const engine of await testEngines()) {
  test(`control file: says what the server says of it, on a primary and a standby (${engine.kind} ${engine.version})`, async (t) => {
    const { owner, directory, ...home } = await testHome(t);
    const [first, second] = [join(directory, "shop-1"), join(directory, "shop-2")];
    await createDirectories({ ...home, owner, template: await home.template(engine), directories: [first, second] });
    const primary = await startServer(t, { engine, owner, dataDirectory: first, name: "shop-1.1" });
    await writeFile(join(second, "standby.signal"), "");
    const primaryConninfo = formatConninfo({
      host: primary.socketDirectory,
      port: primary.port,
      user: "matriarch_replication",
    });
    const replication = { primaryConninfo, primarySlotName: "", synchronousStandbyNames: "" };
    const standby = await startServer(t, { engine, owner, dataDirectory: second, name: "shop-2.1", replication });

    const writer = await primary.connect();
    await writer.query("CREATE TABLE t AS SELECT generate_series(1, 1000)");
    await writer.query("CHECKPOINT");
    assert.deepEqual(await askServer(writer), shown(await readControl(first)));
    assert.equal((await readControl(first)).state, "in production");

    const reader = await standby.connect();
    await reader.query("CHECKPOINT");
    assert.deepEqual(await askServer(reader), shown(await readControl(second)));
    assert.equal((await readControl(second)).state, "in archive recovery");

    await Promise.all([writer.end(), reader.end()]);
    await standby.stop("SIGINT");
    const stopped = await readControl(second);
    assert.equal(stopped.state, "shut down in recovery");
    assert.ok(stopped.minRecoveryPoint > 0n && stopped.minRecoveryTimeline === 1);
    assert.equal(stopped.end, undefined);
    await primary.stop("SIGINT");
    const { state, checkpoint, end } = await readControl(first);
    assert.equal(state, "shut down");
    assert.equal(end, endOfCheckpoint(checkpoint, 16 * 1024 * 1024));
    if (engine.kind === "system") await compareWithTool(join(engine.binDirectory, "pg_controldata"), [first, second]);
  });
}

test("control file: where a checkpoint's record ends, also when it runs over the end of a page", async (t) => {
  const engine = (await testEngines()).find(({ major }) => major >= 15); // pg_walinspect came with 15
  assert.ok(engine);
  const { owner, directory, ...home } = await testHome(t);
  const dataDirectory = join(directory, "shop-1");
  await createDirectories({ ...home, owner, template: await home.template(engine), directories: [dataDirectory] });
  const server = await startServer(t, { engine, owner, dataDirectory, name: "shop-1.1" });
  const client = await server.connect();
  await client.query("CREATE EXTENSION pg_walinspect");
  let overPages = 0;
  for (let target = 7800; target < 8400; target += 16) {
    const checkpoint = await checkpointNear(client, dataDirectory, target);
    const { rows } = await client.query("SELECT end_lsn FROM pg_get_wal_record_info($1)", [formatLsn(checkpoint)]);
    const end = endOfCheckpoint(checkpoint, 16 * 1024 * 1024);
    assert.deepEqual(rows, [{ end_lsn: formatLsn(end) }], `checkpoint at ${formatLsn(checkpoint)}`);
    if (checkpoint / 8192n !== end / 8192n) overPages++;
  }
  assert.ok(overPages > 2, `${overPages} records ran over the end of a page`);
});

test("control file: damaged, missing and unknown ones are told apart from good ones", async (t) => {
  const [engine] = await testEngines();
  assert.ok(engine);
  const { owner, directory, ...home } = await testHome(t);
  const dataDirectory = join(directory, "shop-1");
  await createDirectories({ ...home, owner, template: await home.template(engine), directories: [dataDirectory] });
  const good = await readFile(controlPath(dataDirectory));
  const flipped = Buffer.from(good);
  flipped.writeUInt8(good.readUInt8(40) ^ 1, 40);
  await writeFile(controlPath(dataDirectory), flipped);
  await assert.rejects(readControl(dataDirectory), /its checksum is wrong/);
  await writeFile(controlPath(dataDirectory), good.subarray(0, 100));
  await assert.rejects(readControl(dataDirectory), /its version 0 is not known/);
  await assert.rejects(readControl(join(directory, "nowhere")), /it cannot be read/);
});

async function askServer(client: Client): Promise<unknown> {
  return (await client.query(controlFunctions)).rows[0];
}

function shown(control: ControlData): unknown {
  return {
    id: String(control.systemIdentifier),
    checkpoint: formatLsn(control.checkpoint),
    redo: formatLsn(control.redo),
    timeline: control.timeline,
    min: formatLsn(control.minRecoveryPoint),
    minTimeline: control.minRecoveryTimeline,
  };
}

/** Fills the log with a message so that the next checkpoint's record begins about `target` bytes into a page. */
async function checkpointNear(client: Client, dataDirectory: string, target: number): Promise<Lsn> {
  const { rows } = await client.query<{ lsn: string }>("SELECT pg_current_wal_insert_lsn() AS lsn");
  const offset = Number(parseLsn(rows[0]?.lsn ?? "") % 8192n);
  const others = 250; // about what the message's header and the records before the checkpoint's take
  const fill = (((target - others - offset) % 8192) + 8192) % 8192;
  await client.query("SELECT pg_logical_emit_message(false, '', repeat('x', $1))", [fill]);
  await client.query("CHECKPOINT");
  return (await readControl(dataDirectory)).checkpoint;
}

async function compareWithTool(pgControldata: string, directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    const { stdout } = await promisify(execFile)(pgControldata, [directory], { env: { LC_ALL: "C" } });
    const said = new Map(stdout.split("\n").map((line) => [line.split(":")[0], line.replace(/^[^:]*:\s*/, "")]));
    const control = await readControl(directory);
    assert.equal(said.get("Database cluster state"), control.state);
    assert.equal(said.get("Database system identifier"), String(control.systemIdentifier));
    assert.equal(said.get("Latest checkpoint location"), formatLsn(control.checkpoint));
    assert.equal(said.get("Latest checkpoint's TimeLineID"), String(control.timeline));
    assert.equal(said.get("Minimum recovery ending location"), formatLsn(control.minRecoveryPoint));
    assert.equal(said.get("Bytes per WAL segment"), String(control.walSegmentBytes));
  }
}
