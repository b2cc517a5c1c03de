/** What a primary's turn would cut, asked of a real server. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createDirectories } from "../provision/create.ts";
import { startServer, testEngines, testHome } from "../provision/testing.ts";
import { askOpenWork } from "./sessions.ts";

test("open work: a client's transaction with who and since when; ours, idle sessions and young ones are none", async (t) => {
  const [engine] = await testEngines();
  assert.ok(engine);
  const home = await testHome(t);
  const dataDirectory = join(home.directory, "shop-1");
  await createDirectories({ ...home, template: await home.template(engine), directories: [dataDirectory] });
  const server = await startServer(t, { engine, owner: home.owner, dataDirectory, name: "shop-1.1" });
  const [admin, client] = await Promise.all([server.connect(), server.connect()]);
  await admin.query("SET application_name = 'matriarch agent'; BEGIN; SELECT 1");
  await client.query("SET application_name = 'a report'");
  assert.deepEqual(await askOpenWork(server, 0), { transactions: [], prepared: [] });
  await client.query("BEGIN; SELECT 1");
  const { transactions } = await askOpenWork(server, 0);
  const [found] = transactions;
  assert.ok(found);
  assert.equal(transactions.length, 1);
  assert.deepEqual([found.application, found.isIdle, found.database], ["a report", true, "postgres"]);
  assert.deepEqual((await askOpenWork(server, 3600)).transactions, []);
  await client.query("COMMIT");
  assert.deepEqual((await askOpenWork(server, 0)).transactions, []);
});
