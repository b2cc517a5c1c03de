import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Client } from "pg";
import { formatLsn } from "../../../domain/lsn.ts";
import { formatConninfo } from "../configuration/quote.ts";
import { controlPath, readControl, type ControlData } from "./control-file.ts";
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
    await primary.stop("SIGINT");
    assert.equal((await readControl(first)).state, "shut down");
    if (engine.kind === "system") await compareWithTool(join(engine.binDirectory, "pg_controldata"), [first, second]);
  });
}

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
