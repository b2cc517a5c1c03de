/** Every page of a real server's directory has the checksum that we compute; one whose bytes were changed is named. */
import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createDirectories } from "../provision/create.ts";
import { startServer, testEngines, testHome } from "../provision/testing.ts";
import { pageBytes } from "./page.ts";
import { scanPages } from "./scan.ts";

for (const engine of await testEngines()) {
  test(`checksums: all pages are whole, and a changed one is named (${engine.kind} ${engine.version})`, async (t) => {
    const { owner, directory, ...home } = await testHome(t);
    const dataDirectory = join(directory, "shop-1");
    await createDirectories({ ...home, owner, template: await home.template(engine), directories: [dataDirectory] });
    const server = await startServer(t, { engine, owner, dataDirectory, name: "shop-1.1" });
    const client = await server.connect();
    await client.query("CREATE TABLE t AS SELECT i, repeat('x', 500) AS word FROM generate_series(1, 2000) AS i");
    await client.query("CREATE INDEX ON t USING hash (i)");
    const { rows } = await client.query<{ path: string }>("SELECT pg_relation_filepath('t') AS path");
    await client.query("CHECKPOINT");
    await client.end();
    const scan = () => scanPages(dataDirectory, () => undefined, AbortSignal.timeout(60_000));
    const whole = await scan();
    assert.deepEqual(whole.damaged, []);
    assert.ok(whole.pages > 2500, `${whole.pages} pages`);
    const path = rows[0]?.path ?? "";
    const file = await open(join(dataDirectory, path), "r+");
    await file.write(Buffer.from([0x5a]), 0, 1, 3 * pageBytes + 8000);
    await file.truncate(40 * pageBytes + 100);
    await file.close();
    const damaged = await scan();
    assert.deepEqual(damaged.damaged, [`${path}, block 3`, `${path} ends within a page`]);
  });
}
