/** Databases of about a gigabyte each, of text that shrinks by half, as that of applications does. Used by the benches of backups. */
import { Client } from "pg";

/** With its index a gigabyte. */
const rows = 5_200_000;

const fill = `CREATE TABLE entries AS
SELECT i AS id, md5(i::text) || md5((i * 7)::text) AS name, md5((i * 3)::text) || md5((i * 5)::text) AS detail
FROM generate_series(1::bigint, $1::bigint) AS i`;

/** The first is made, the others are copies of it. Less than one is a part of the first. */
export async function fillGigabytes(uri: string, gigabytes: number): Promise<void> {
  const server = await connect(uri);
  for (let n = 0; n < gigabytes; n += 1) {
    await server.query(`CREATE DATABASE gb${n}${n === 0 ? "" : " TEMPLATE gb0 STRATEGY file_copy"}`);
    if (n > 0) continue;
    const database = await connect(withDatabase(uri, "gb0"));
    await database.query(fill.replace("$1", String(Math.round(rows * Math.min(1, gigabytes)))));
    await database.query("ALTER TABLE entries ADD PRIMARY KEY (id)");
    await database.query("VACUUM ANALYZE entries");
    await database.end();
  }
  await server.query("CHECKPOINT");
  await server.end();
}

export function withDatabase(uri: string, database: string): string {
  const url = new URL(uri);
  url.pathname = `/${database}`;
  return url.href;
}

/** The agent may end a session for its own reasons: the next query tells. */
export async function connect(uri: string): Promise<Client> {
  const client = new Client({ connectionString: uri });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}
