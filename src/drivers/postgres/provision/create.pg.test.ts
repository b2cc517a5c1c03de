import assert from "node:assert/strict";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { formatConninfo } from "../configuration/quote.ts";
import type { Engine } from "../port.ts";
import { controlPath, readControl } from "./control-file.ts";
import { createDirectories } from "./create.ts";
import { partialName } from "./durable.ts";
import { ensureTemplate, type Template } from "./template.ts";
import { startServer, testEngines, testHome, type TestHome } from "./testing.ts";

for (const engine of await testEngines()) {
  const name = `${engine.kind} ${engine.version}`;

  test(`create: three members of one cluster commit by quorum (${name})`, async (t) => {
    const home = await testHome(t);
    const directories = ["shop-1", "shop-2", "shop-3"].map((member) => join(home.directory, member, "data"));
    const template = await home.template(engine);
    const identifier = await createDirectories({ ...home, template, directories });

    const [first = "", ...others] = directories;
    const acks = 'ANY 2 ("shop-2.1","shop-3.1")';
    const replication = { primaryConninfo: "", primarySlotName: "", synchronousStandbyNames: acks };
    const owner = home.owner;
    const primary = await startServer(t, { engine, owner, dataDirectory: first, name: "shop-1.1", replication });
    for (const [at, dataDirectory] of others.entries()) {
      await writeFile(join(dataDirectory, "standby.signal"), "");
      await startServer(t, {
        engine,
        owner,
        dataDirectory,
        name: `shop-${at + 2}.1`,
        replication: { ...replication, primaryConninfo: streamFrom(primary, `shop-${at + 2}.1`) },
      });
    }
    const client = await primary.connect();
    await client.query("SET synchronous_commit = on");
    await client.query("UPDATE matriarch.barrier SET epoch = 1");

    const { rows } = await client.query(
      "SELECT system_identifier::text AS id, current_setting('data_checksums') AS checksums FROM pg_control_system()",
    );
    assert.deepEqual(rows, [{ id: String(identifier), checksums: "on" }]);
    const standbys = await client.query(
      "SELECT application_name FROM pg_stat_replication WHERE sync_state = 'quorum' ORDER BY 1",
    );
    assert.deepEqual(standbys.rows, [{ application_name: "shop-2.1" }, { application_name: "shop-3.1" }]);
  });

  test(`create: nothing of the template's identity is left, modes and owner are the server's (${name})`, async (t) => {
    const home = await testHome(t);
    const template = await home.template(engine);
    const directory = join(home.directory, "shop-1", "data");
    const identifier = await createDirectories({ ...home, template, directories: [directory] });

    assert.notEqual((await readControl(template.directory)).systemIdentifier, identifier);
    assert.notDeepEqual(await nonceOf(engine, directory), await nonceOf(engine, template.directory));
    const { mode, uid } = await stat(directory);
    assert.equal(mode & 0o777, 0o700);
    assert.equal(uid, home.owner?.uid ?? process.getuid?.());
    assert.ok((await stat(join(directory, "global/pg_control"))).uid === uid);
    for (const segment of (await readdir(join(directory, "pg_wal"))).filter((file) => file.length === 24)) {
      assert.equal((await readFile(join(directory, "pg_wal", segment))).readBigUInt64LE(24), identifier);
    }
  });
}

test("create: what an interrupted copy left is replaced, and a failure leaves nothing", async (t) => {
  const { home, engine } = await homeAndEngine(t);
  const template = await home.template(engine);
  const directory = join(home.directory, "shop-1", "data");
  await mkdir(partialName(directory), { recursive: true });
  await writeFile(join(partialName(directory), "half"), "");
  await createDirectories({ ...home, template, directories: [directory] });
  assert.equal((await readdir(directory)).includes("half"), false);

  const second = join(home.directory, "shop-2", "data");
  const broken = { ...template, directory: join(home.directory, "nowhere") };
  await assert.rejects(createDirectories({ ...home, template: broken, directories: [second] }), /could not copy/);
  assert.deepEqual(await readdir(join(home.directory, "shop-2")), []);
});

test("create: a directory that exists is left alone, and the owner passes whatever the umask", async (t) => {
  const { home, engine } = await homeAndEngine(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  const request = {
    ...home,
    template: await home.template(engine),
    directories: [join(home.directory, "a/b/shop-1/data")],
  };
  await createDirectories(request);
  for (const path of ["a", "a/b", "a/b/shop-1"]) {
    const expected = home.owner === undefined ? 0o700 : 0o755;
    assert.equal((await stat(join(home.directory, path))).mode & 0o777, expected, path);
  }
  const { systemIdentifier } = await readControl(request.directories[0] ?? "");
  await assert.rejects(createDirectories(request), /exists already/);
  assert.equal((await readControl(request.directories[0] ?? "")).systemIdentifier, systemIdentifier);
});

test("template: prepared once for callers at the same time, and again when damaged", async (t) => {
  const { home, engine } = await homeAndEngine(t);
  const make = (): Promise<Template> => ensureTemplate(home.directory, engine, home.owner, home.signal);
  const [one, two] = await Promise.all([make(), make()]);
  assert.equal(one, two);
  await writeFile(controlPath(one.directory), "");
  await make();
  assert.equal((await readControl(one.directory)).state, "shut down");
});

async function homeAndEngine(t: Parameters<typeof testHome>[0]): Promise<{ home: TestHome; engine: Engine }> {
  const [engine] = await testEngines();
  assert.ok(engine);
  return { home: await testHome(t), engine };
}

function streamFrom(primary: { readonly socketDirectory: string; readonly port: number }, name: string): string {
  const { socketDirectory: host, port } = primary;
  return formatConninfo({ host, port, user: "matriarch_replication", application_name: name });
}

async function nonceOf(engine: Engine, dataDirectory: string): Promise<Buffer> {
  const at = engine.major >= 18 ? 257 : 256;
  return (await readFile(controlPath(dataDirectory))).subarray(at, at + 32);
}
