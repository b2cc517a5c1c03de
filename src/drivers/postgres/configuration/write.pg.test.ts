import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { Client } from "pg";
import { findPsql } from "../engine/system.ts";
import { createDirectories } from "../provision/create.ts";
import { generatePassword, scramVerifier } from "../provision/scram.ts";
import { startServer, testEngines, testHome, type TestServer } from "../provision/testing.ts";
import { formatConninfo, quoteSetting } from "./quote.ts";
import { replicationFile, writeReplicationConf } from "./write.ts";

const [engine] = await testEngines();
assert.ok(engine);

/** Every character that could mean something to a parser is frequent in these. */
const text = fc
  .array(
    fc.oneof(fc.constantFrom("'", "\\", '"', "\n", "\r", "\t", " ", "=", "#", "$", "%", ";", "ä", "🐘"), fc.string()),
  )
  .map((parts) => parts.join("").replaceAll("\0", ""));

test("configuration: any value comes through the file as it was", async (t) => {
  const { server, dataDirectory } = await newServer(t);
  const client = await server.connect();
  const values = fc.sample(
    text.filter((value) => value.isWellFormed()),
    500,
  );
  const lines = values.map((value, at) => `matriarch.test_${at} = ${quoteSetting(value)}\n`);
  await writeFile(join(dataDirectory, replicationFile), lines.join(""));
  const { rows } = await client.query<{ setting: string; error: string | null }>(
    "SELECT setting, error FROM pg_file_settings WHERE name LIKE 'matriarch.test%' ORDER BY seqno",
  );
  assert.deepEqual(
    rows.map((row) => row.setting),
    values,
  );
  assert.ok(rows.every((row) => row.error === null));
});

test("configuration: any value comes through a connection string as it was", async (t) => {
  const psql = await findPsql();
  if (psql === undefined) return t.skip("no psql on this machine");
  const { server } = await newServer(t);
  // application_name: what the server reports back, ASCII of at most 63 characters.
  const names = fc.sample(
    fc.string({ minLength: 1, maxLength: 63, unit: fc.constantFrom("'", "\\", " ", "=", "a", '"', "$") }),
    30,
  );
  for (const name of names) {
    const conninfo = formatConninfo({
      host: server.socketDirectory,
      port: server.port,
      user: "matriarch",
      dbname: "postgres",
      application_name: name,
    });
    const said: { readonly stdout: string } = await promisify(execFile)(psql, [
      "-XAtd",
      conninfo,
      "-c",
      "SHOW application_name",
    ]);
    assert.equal(said.stdout, `${name}\n`);
  }
});

test("configuration: written again only when it changes, and for the server's owner alone", async (t) => {
  const { dataDirectory, home } = await newServer(t);
  const replication = {
    primaryConninfo: "host='a''b'",
    primarySlotName: "s",
    synchronousStandbyNames: 'ANY 1 ("a.1")',
  };
  assert.equal(await writeReplicationConf(dataDirectory, replication, home.owner), true);
  assert.equal(await writeReplicationConf(dataDirectory, replication, home.owner), false);
  for (const file of [replicationFile, "postgresql.conf", "pg_hba.conf", "pg_ident.conf"]) {
    const { mode, uid } = await stat(join(dataDirectory, file));
    assert.equal(mode & 0o777, 0o600, file);
    assert.equal(uid, home.owner?.uid ?? process.getuid?.(), file);
  }
  assert.match(await readFile(join(dataDirectory, "postgresql.conf"), "utf8"), /include_if_exists = '.*'\n$/);
});

test("configuration: the server reads every line of its files without complaint, and takes all of it", async (t) => {
  for (const candidate of await testEngines()) {
    const { server } = await newServer(t, candidate);
    const client = await server.connect();
    const bad = await client.query("SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL OR NOT applied");
    assert.deepEqual(bad.rows, []);
    const hba = await client.query("SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL");
    assert.deepEqual(hba.rows, []);
    const { rows } = await client.query(
      "SELECT listen_addresses, wal FROM (SELECT current_setting('listen_addresses') AS listen_addresses, current_setting('wal_level') AS wal) s",
    );
    assert.deepEqual(rows, [{ listen_addresses: "127.0.0.1", wal: "logical" }]);
  }
});

test("access: a password of ours lets in over TCP, a wrong one does not, and internal roles never get in there", async (t) => {
  const { server } = await newServer(t);
  const admin = await server.connect();
  for (const password of [generatePassword(), "pässwörd 密码 🐘", `it's a "\\`]) {
    await admin.query(`ALTER ROLE postgres PASSWORD ${admin.escapeLiteral(scramVerifier(password))}`);
    assert.equal(await login(server, "postgres", password), "in");
    assert.match(await login(server, "postgres", `${password}x`), /password authentication failed/);
  }
  await admin.query(`ALTER ROLE matriarch PASSWORD ${admin.escapeLiteral(scramVerifier("known"))}`);
  assert.match(await login(server, "matriarch", "known"), /pg_hba.conf rejects connection/);
  assert.match(await login(server, "matriarch_replication", "known"), /pg_hba.conf rejects connection/);
});

async function login(server: TestServer, user: string, password: string): Promise<string> {
  const client = new Client({ host: "127.0.0.1", port: server.port, user, password, database: "postgres" });
  try {
    await client.connect();
    await client.end();
    return "in";
  } catch (error) {
    return String(error);
  }
}

async function newServer(t: TestContext, chosen = engine) {
  assert.ok(chosen);
  const home = await testHome(t);
  const dataDirectory = join(home.directory, "shop-1");
  await createDirectories({ ...home, template: await home.template(chosen), directories: [dataDirectory] });
  const server = await startServer(t, { engine: chosen, owner: home.owner, dataDirectory, name: "shop-1.1" });
  return { server, dataDirectory, home };
}
