/** What engines hold, and servers that should load what their host lacks, on the engines that the tests have. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { noVoters } from "../../../domain/rule.ts";
import { testEngines } from "../provision/testing.ts";
import { removeTemplates, TestCluster } from "../suite/cluster.ts";
import { presentLibraries, readContents } from "./contents.ts";

after(removeTemplates);

for (const engine of await testEngines()) {
  const label = `${engine.kind} ${engine.version}`;

  test(`contents: control files as Postgres reads them (${label})`, async () => {
    const { extensions, libraries } = await readContents(engine);
    const trgm = extensions.get("pg_trgm");
    assert.deepEqual([trgm?.library, trgm?.requires], ["pg_trgm", []]);
    assert.match(trgm?.comment ?? "", /similarity/);
    assert.deepEqual(extensions.get("earthdistance")?.requires, ["cube"]);
    assert.equal(libraries.has("pg_stat_statements") && libraries.has("auto_explain"), true);
  });

  test(`a server starts without a library that its host lacks, and says so (${label})`, async (t) => {
    const cluster = await TestCluster.create(engine, 1);
    t.after(() => cluster.end());
    const server = cluster.server(1);
    const { settings } = cluster.member(1).config.wanted;
    const libraries = {
      shared_preload_libraries: "no_such, pg_stat_statements",
      session_preload_libraries: '"odd, one"',
    };
    server.want({ generation: 2, settings: { ...settings, ...libraries } });
    await server.startPrimary(noVoters);
    const running = await cluster.running(1);
    assert.deepEqual(running.missingLibraries, ["no_such", "odd, one"]);
    assert.equal(running.configured, 2);
    const [row] = await cluster.sql(1, "SHOW shared_preload_libraries");
    assert.equal(row?.["shared_preload_libraries"], "pg_stat_statements");
  });
}

test("libraries: plain names, paths and $libdir, each as the server looks for it", async () => {
  const [engine] = await testEngines();
  assert.ok(engine);
  const directory = await mkdtemp(join(tmpdir(), "mtr-lib-"));
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "own.so"), "");
  const value = `$libdir/auto_explain, ${directory}/own, ${directory}/gone, pg_prewarm.so`;
  const { present, missing } = await presentLibraries(engine, { shared_preload_libraries: value, work_mem: "4MB" });
  await rm(directory, { recursive: true });
  assert.deepEqual(missing, [`${directory}/gone`]);
  assert.deepEqual(present, {
    shared_preload_libraries: `$libdir/auto_explain,${directory}/own,pg_prewarm.so`,
    work_mem: "4MB",
  });
});
