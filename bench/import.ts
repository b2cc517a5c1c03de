/**
 * A gigabyte from a server of the distribution on this machine into a cluster of three members: `matriarch import`, from
 * the command to its end (checks, schema, rows, indexes, statistics, counts of both sides, acknowledged by the voters).
 * Beside it, in turn with it and into the same cluster, what one does by hand: pg_dump piped into pg_restore, and
 * pg_dump with jobs into a directory and pg_restore with jobs out of it; neither analyses nor counts anything.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { SourceServer, sourceEngine, sourcePassword } from "../tests/import/source-server.ts";
import { Installation } from "./measure/installation.ts";
import { load } from "./measure/machine.ts";
import { tell, writeReport } from "./measure/report.ts";
import { secondsCells, table } from "./measure/statistics.ts";

const { values: options } = parseArgs({ options: { runs: { type: "string", default: "3" } } });
const runs = Number(options.runs);
const sh = promisify(execFile);
const database = "big";

/** Eight tables, two of them large; with keys, indexes and texts as applications have them. About a gigabyte. */
const statements: readonly string[] = [
  "CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz, who int, what text, detail jsonb)",
  `INSERT INTO events SELECT i, '2024-01-01'::timestamptz + i * interval '1 s', i % 50000, md5(i::text) || md5((i * 7)::text),
     jsonb_build_object('n', i, 'path', '/a/' || md5((i % 1000)::text)) FROM generate_series(1, 2600000) i`,
  "CREATE INDEX ON events (at)",
  "CREATE INDEX ON events (who, at)",
  "CREATE TABLE documents (id int PRIMARY KEY, body text)",
  "INSERT INTO documents SELECT i, repeat(md5(i::text) || ' ', 60) FROM generate_series(1, 150000) i",
  ...[1, 2, 3, 4, 5, 6].flatMap((n) => [
    `CREATE TABLE small_${n} (id int PRIMARY KEY, name text)`,
    `INSERT INTO small_${n} SELECT i, md5(i::text) FROM generate_series(1, 120000) i`,
    `CREATE INDEX ON small_${n} (name)`,
  ]),
  "ANALYZE",
];

await main();

async function main(): Promise<void> {
  const engine = await sourceEngine();
  if (!engine) throw new Error("no Postgres of the distribution is installed");
  const loadBefore = load();
  await using source = await SourceServer.start(engine, { shared_buffers: "512MB", max_wal_size: "4GB" });
  const installation = await Installation.prepare();
  try {
    tell("filling the source");
    await source.sql("postgres", `CREATE DATABASE ${database}`);
    await source.sql(database, ...statements);
    const [size] = await source.sql(database, `SELECT pg_database_size('${database}')::text AS bytes`);
    const created = await installation.create("shop");
    const samples = { import: [] as number[], pipe: [] as number[], directory: [] as number[] };
    const peer = { engine: engine.binDirectory, source, target: created.endpoints.primary.port, installation };
    for (let n = 1; n <= runs; n += 1) {
      samples.import.push(await timed(() => runImport(installation, source)));
      await installation.matriarch("database", "drop", "shop", database, "--yes");
      samples.pipe.push(await byHand(peer, pipe));
      samples.directory.push(await byHand(peer, throughDirectory));
      tell(`${n} of ${runs}: ${JSON.stringify(samples)}`);
    }
    const rows = [
      ["matriarch import, counted and analysed", ...secondsCells(samples.import)],
      ["pg_dump -Fc \\| pg_restore", ...secondsCells(samples.pipe)],
      ["pg_dump -Fd -j 2, pg_restore -j 2", ...secondsCells(samples.directory)],
    ];
    writeReport({
      name: "import",
      about: `A database of ${(Number(size?.["bytes"]) / 1024 ** 3).toFixed(2)} GiB from Postgres ${engine.version} on the same machine into a cluster of three members, ${runs} runs each in turn.`,
      directory: installation.home,
      postgres: `${engine.version} (source), ${created.version} (cluster)`,
      loadBefore,
      parts: [table([["", "median", "fastest", "slowest", "n"], ...rows])],
      samples,
    });
  } finally {
    await installation.end();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function runImport(installation: Installation, source: SourceServer): Promise<void> {
  process.env["BENCH_SOURCE"] = source.uri(database);
  await installation.matriarch("import", "shop", "--source-env", "BENCH_SOURCE", "--jobs", "2");
}

interface Peer {
  readonly engine: string;
  readonly source: SourceServer;
  readonly target: number;
  readonly installation: Installation;
}

/** Into a database of its own in the same cluster, through the endpoint as anybody would. */
async function byHand(peer: Peer, how: (peer: Peer, env: NodeJS.ProcessEnv) => Promise<void>): Promise<number> {
  const uri = await peer.installation.matriarch("user", "rotate", "shop", "--json");
  const password: unknown = JSON.parse(uri);
  const env = {
    ...process.env,
    TARGET: uriOf(password),
    SOURCE: peer.source.uri(database),
    PGPASSWORD: sourcePassword,
  };
  await peer.installation.matriarch("database", "create", "shop", database);
  const took = await timed(() => how(peer, env));
  await peer.installation.matriarch("database", "drop", "shop", database, "--yes");
  return took;
}

function uriOf(credentials: unknown): string {
  if (typeof credentials !== "object" || credentials === null || !("uri" in credentials)) throw new Error("no uri");
  return String(credentials.uri).replace("/postgres?", `/${database}?`);
}

async function pipe({ engine }: Peer, env: NodeJS.ProcessEnv): Promise<void> {
  const command = `"${engine}/pg_dump" -Fc -Z0 -O -x -d "$SOURCE" | "${engine}/pg_restore" -O -x --exit-on-error -d "$TARGET"`;
  await sh("/bin/bash", ["-o", "pipefail", "-c", command], { env });
}

async function throughDirectory({ engine, installation }: Peer, env: NodeJS.ProcessEnv): Promise<void> {
  const directory = await mkdtemp(join(installation.home, "dump-"));
  const command = `"${engine}/pg_dump" -Fd -j 2 -Z0 -O -x -f "${directory}/d" -d "$SOURCE" && "${engine}/pg_restore" -j 2 -O -x --exit-on-error -d "$TARGET" "${directory}/d"`;
  await sh("/bin/bash", ["-c", command], { env });
  await rm(directory, { recursive: true, force: true });
}
