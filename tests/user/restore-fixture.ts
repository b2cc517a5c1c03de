/** What tests of restores share: a cluster whose rows tell how to get to just after each of them, and copies of it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { Client } from "pg";
import { z } from "zod";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type InstallationOptions } from "../faults/installation.ts";

const madeSchema = z.object({ uri: z.string(), epoch: z.literal(1) });

export interface Added {
  readonly at: string;
  readonly lsn: string;
  readonly xid: string;
}

/** One after the other, each with what leads to just after it. */
export class Rows {
  readonly added: Added[] = [];
  readonly #client: Client;
  readonly #from: number;

  constructor(client: Client, from = 0) {
    this.#client = client;
    this.#from = from;
  }

  async add(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const id = this.#from + this.added.length + 1;
      await this.#client.query("BEGIN");
      const { rows } = await this.#client.query<{ xid: string }>(
        "INSERT INTO rows VALUES ($1, 'ada') RETURNING pg_catalog.pg_current_xact_id()::text AS xid",
        [id],
      );
      await this.#client.query("COMMIT");
      const position = await this.#client.query<{ lsn: string; at: string }>(
        `SELECT pg_catalog.pg_current_wal_insert_lsn()::text AS lsn,
           to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"') AS at`,
      );
      const [found] = position.rows;
      assert.ok(found && rows[0]);
      this.added.push({ ...found, ...rows[0] });
    }
  }
}

/** Where the record of this row's commit begins, and the time that is written in it. */
export async function commitOf(
  client: Client,
  { xid, lsn }: Added,
): Promise<{ readonly lsn: string; readonly at: string }> {
  await client.query("CREATE EXTENSION IF NOT EXISTS pg_walinspect");
  const { rows } = await client.query<{ lsn: string; at: string }>(
    `SELECT start_lsn::text AS lsn, substring(description FROM '^[^;]+') AS at
     FROM pg_get_wal_records_info($2::pg_lsn - 4096, $2) WHERE record_type = 'COMMIT' AND xid::text = $1`,
    [xid, lsn],
  );
  const [found, ...others] = rows;
  assert.ok(found && others.length === 0, JSON.stringify(rows));
  return found;
}

/** A cluster with a table, a snapshot of it, and nothing in it yet. */
export async function begun(t: TestContext, where: InstallationOptions, ...options: readonly string[]) {
  const installation = await makeInstallation(where);
  t.after(() => installation[Symbol.asyncDispose]());
  const cluster = await createCluster(installation, "shop", ...options);
  const client = await cluster.connect();
  await client.query("CREATE TABLE rows (id int PRIMARY KEY, word text)");
  await installation.ok("snapshot", "create", "shop");
  return { installation, cluster, client, rows: new Rows(client) };
}

export async function made(
  installation: Installation,
  command: readonly string[],
  target: readonly string[],
): Promise<Client> {
  const { uri } = madeSchema.parse(await installation.json(...command, "copy", ...target));
  const url = new URL(uri);
  url.search = "";
  const client = new Client({ connectionString: url.href });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Ids of the rows in the copy, which is gone again then. */
export async function copyOf(
  installation: Installation,
  command: readonly string[],
  target: readonly string[],
): Promise<readonly number[]> {
  const client = await made(installation, command, target);
  const { rows } = await client.query<{ id: number }>("SELECT id FROM rows ORDER BY id");
  await client.end();
  await installation.ok("destroy", "copy", "--yes");
  return rows.map(({ id }) => id);
}

/** A row, a moment, and another row. */
export async function markedCluster(t: TestContext, ...options: readonly string[]) {
  const installation = await makeInstallation();
  t.after(() => installation[Symbol.asyncDispose]());
  const cluster = await createCluster(installation, "shop", ...options);
  const client = await cluster.connect();
  await client.query("CREATE TABLE rows (id int PRIMARY KEY)");
  await installation.ok("snapshot", "create", "shop");
  await client.query("INSERT INTO rows VALUES (1)");
  const at = await momentOf(client);
  await client.query("INSERT INTO rows VALUES (2)");
  await client.end();
  return { installation, cluster, at };
}

async function momentOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ at: string }>(
    `SELECT to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US"Z"') AS at`,
  );
  return rows[0]?.at ?? "";
}

export async function idsIn(cluster: Cluster): Promise<readonly number[]> {
  const client = await cluster.connect();
  const { rows } = await client.query<{ id: number }>("SELECT id FROM rows ORDER BY id");
  await client.end();
  return rows.map(({ id }) => id);
}
