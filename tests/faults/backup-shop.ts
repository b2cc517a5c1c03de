/** A cluster of Debian's Postgres 15 and storage for its backups that speaks S3, for the tests of backups. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { backupsSchema, type Backups } from "../../src/contract/backups.ts";
import { operationSchema, type ClusterEvent, type Operation } from "../../src/contract/cluster.ts";
import { startS3, type S3Server } from "../fixtures/s3-server.ts";
import { createCluster, type Cluster } from "./cluster.ts";
import { makeInstallation, type Installation, type Ran } from "./installation.ts";
import { until } from "./until.ts";

export const program = ["/usr/bin/pgbackrest", "/usr/local/bin/pgbackrest"].find(exists);
export const skip =
  program === undefined || !exists("/usr/lib/postgresql/15/bin/postgres") ? "no pgBackRest, or no Postgres 15" : false;

/** Of the encryption, as one is made. */
export const shownKey = /(?<![\w-])[\w-]{43}(?![\w-])/;

export class Shop implements AsyncDisposable {
  readonly scratch: string;
  readonly s3: S3Server;
  readonly installation: Installation;
  readonly cluster: Cluster;

  constructor(scratch: string, s3: S3Server, installation: Installation, cluster: Cluster) {
    this.scratch = scratch;
    this.s3 = s3;
    this.installation = installation;
    this.cluster = cluster;
  }

  /** Options that name the repository. */
  place(change: Readonly<Record<string, string>> = {}): readonly string[] {
    const { to, ...options } = {
      to: `s3://${this.s3.bucket}/prod`,
      endpoint: this.s3.endpoint,
      region: this.s3.region,
      ca: this.s3.caFile,
      credentials: join(this.scratch, "s3.env"),
      ...change,
    };
    return ["--to", to, ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  }

  /** With an answer for programs, whatever it is. */
  async enable(place: readonly string[]): Promise<Ran> {
    return await this.installation.run(["backup", "enable", "shop", ...place, "--json"]);
  }

  /** Neither in the storage nor on the host, as if backups had never been enabled. */
  async nothingLeft(): Promise<void> {
    assert.deepEqual([...this.s3.objects.keys()], []);
    assert.equal((await this.installation.run(["backup", "show", "shop"])).code, 3);
    assert.ok(!exists(join(this.installation.home, "backups/shop")));
  }

  async show(): Promise<Backups> {
    return backupsSchema.parse(await this.installation.json("backup", "show", "shop"));
  }

  /** Begins a backup and does not wait for it. */
  async begin(): Promise<Operation> {
    const path = "/v1/clusters/shop/backups/take";
    const headers = { "content-type": "application/json" };
    const asked = request({ socketPath: join(this.installation.home, "agent.sock"), path, method: "POST", headers });
    asked.end("{}");
    const [response]: IncomingMessage[] = await once(asked, "response");
    return operationSchema.parse(JSON.parse(response === undefined ? "" : await text(response)));
  }

  /** Until the copy has begun. */
  async copying(): Promise<void> {
    await until("the copy to have begun", () => backupPid(this.installation.home));
  }

  /** Until it has the session on the primary in which it begins and ends. */
  async inPrimary(): Promise<void> {
    const sql = "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE application_name LIKE 'pgBackRest%' AND query <> ''";
    await until("the backup to be in the primary", async () =>
      (await this.cluster.query(sql)).length > 0 ? true : undefined,
    );
  }

  async ended(id: string): Promise<Operation> {
    return await until(
      "the operation to end",
      async () => {
        const found = operationSchema.safeParse(await this.installation.api(`/v1/operations/${id}`));
        return found.success && found.data.state !== "running" ? found.data : undefined;
      },
      { withinMs: 120_000 },
    );
  }

  async write(n: number): Promise<void> {
    await this.cluster.query(`CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept VALUES (${n})`);
  }

  /** All that was committed lies in the storage. */
  async pushed(): Promise<void> {
    const [row] = await this.cluster.query("SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal()) AS name");
    const name = String(row?.["name"]);
    const isThere = (): boolean => [...this.s3.objects.keys()].some((one) => one.includes(name));
    await until(`${name} to be pushed`, () => (isThere() ? true : undefined), { withinMs: 90_000 });
  }

  /** Longer than others wait: a store that errs is asked several times before it counts as lost. */
  async event(type: string, after: number): Promise<ClusterEvent> {
    const look = async (): Promise<ClusterEvent | undefined> =>
      (await this.cluster.events()).find((event) => event.id > after && event.type === type);
    return await until(`event ${type}`, look, { withinMs: 120_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.installation[Symbol.asyncDispose]();
    await this.s3[Symbol.asyncDispose]();
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** @param more options of its cluster */
export async function makeShop(...more: readonly string[]): Promise<Shop> {
  const scratch = mkdtempSync("/tmp/mb-");
  chmodSync(scratch, 0o755);
  const s3 = await startS3(scratch);
  const installation = await makeInstallation();
  const flags = ["--members", "2", "--engine", "system", "--version", "15", ...more];
  const cluster = await createCluster(installation, "shop", ...flags);
  writeFileSync(join(scratch, "s3.env"), `AWS_ACCESS_KEY_ID=${s3.key}\nAWS_SECRET_ACCESS_KEY="${s3.secret}"\n`);
  return new Shop(scratch, s3, installation, cluster);
}

export function tomorrow(): string {
  return new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
}

export function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}

/** Of the pgBackRest that takes a backup of this home. */
function backupPid(home: string): number | undefined {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const words = readCommand(pid);
    if (words[0]?.endsWith("pgbackrest") === true && words.at(-1) === "backup" && words.join(" ").includes(home))
      return Number(pid);
  }
  return undefined;
}

function readCommand(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}
