/**
 * Backups to Azure's blob storage, as its own emulator speaks it: what is refused, a repository's whole life, a restore
 * elsewhere, and where secrets are seen meanwhile. Not in every run of CI.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { backupsSchema } from "../../src/contract/backups.ts";
import { startAzurite, whyNoAzurite, type Azurite } from "../fixtures/azurite.ts";
import { exists, filesIn, shownKey, skip } from "./backup-shop.ts";
import { makeInstallation, type Installation } from "./installation.ts";

const engine = ["--members", "1", "--engine", "system", "--version", "15"];

describe("backups to Azure (1 member, Postgres 15 of the system)", { skip: skip || whyNoAzurite() }, () => {
  let scratch: string;
  let azure: Azurite;
  let installation: Installation;
  let key: string;

  before(
    async () => {
      scratch = mkdtempSync("/tmp/mb-");
      chmodSync(scratch, 0o755);
      azure = await startAzurite(scratch);
      writeFileSync(join(scratch, "azure.env"), `AZURE_STORAGE_KEY=${azure.key}\n`, { mode: 0o600 });
      installation = await makeInstallation();
      await installation.ok("create", "shop", ...engine);
    },
    { timeout: 120_000 },
  );
  after(async () => {
    await installation?.[Symbol.asyncDispose]();
    await azure?.[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });

  const place = (change: Readonly<Record<string, string>> = {}): readonly string[] => {
    const { to, ...options } = {
      to: `azure://${azure.container}/prod`,
      account: azure.account,
      endpoint: azure.endpoint,
      ca: azure.caFile,
      credentials: join(scratch, "azure.env"),
      ...change,
    };
    return ["--to", to, "--path-style", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  };

  test("a wrong key, container, account or authority is refused, and changes nothing", async () => {
    const wrong = randomBytes(64).toString("base64");
    writeFileSync(join(scratch, "wrong.env"), `AZURE_STORAGE_KEY=${wrong}\n`);
    for (const change of [
      { credentials: join(scratch, "wrong.env") },
      { to: "azure://nothing/prod" },
      { account: "nobody" },
      { ca: join(scratch, "azure.crt") },
    ]) {
      const { code, stdout, stderr } = await installation.run(["backup", "enable", "shop", ...place(change), "--json"]);
      assert.equal(code, 1, stdout + stderr);
      assert.equal(JSON.parse(stdout).error.code, "backup-repository", stdout);
      assert.doesNotMatch(stdout + stderr, shownKey);
      assert.ok(!(stdout + stderr).includes(wrong) && !(stdout + stderr).includes(azure.key), "a secret was told");
      assert.deepEqual(await azure.blobs(), []);
      assert.ok(!exists(join(installation.home, "backups/shop")));
    }
  });

  test("enabled, taken, verified; its secrets are in no argument, no log, and no file of others", async () => {
    const watch = watchProcesses();
    const answer = (await installation.json("backup", "enable", "shop", ...place())) as { key: string };
    key = answer.key;
    writeFileSync(join(scratch, "shop.key"), `${key}\n`, { mode: 0o600 });
    await installation.ok("connect", "shop", "-c", "CREATE TABLE kept AS SELECT 7 AS n");
    await installation.ok("backup", "create", "shop");
    await installation.ok("backup", "verify", "shop");
    const seen = watch.end();
    assert.ok(
      seen.some((text) => text.includes("pgbackrest")),
      "no run was seen",
    );
    const told = await installation.log();
    for (const secret of [key, azure.key]) {
      assert.ok(!seen.some((text) => text.includes(secret)), "a secret is in an argument");
      assert.ok(!told.includes(secret), "a secret is in the log");
    }
    for (const file of filesIn(join(installation.home, "backups")))
      assert.equal(statSync(file).mode & 0o077, 0, `${file} can be read by others`);
    const { backups } = backupsSchema.parse(await installation.json("backup", "show", "shop"));
    assert.deepEqual(
      backups.map(({ kind, proof }) => [kind, proof?.is_good]),
      [
        ["full", true],
        ["incremental", true],
      ],
    );
  });

  test("when the cluster is gone, another installation restores it with the key, and deletes what is there", async (t) => {
    await installation.ok("connect", "shop", "-c", "INSERT INTO kept VALUES (8)");
    await installation.ok("connect", "shop", "-c", "SELECT pg_switch_wal()");
    await installation.ok("backup", "create", "shop");
    await installation.ok("destroy", "shop", "--yes");
    const elsewhere = await makeInstallation();
    t.after(() => elsewhere[Symbol.asyncDispose]());
    await elsewhere.ok("backup", "connect", "shop", ...place(), "--key-file", join(scratch, "shop.key"));
    await elsewhere.ok("restore", "shop", "again");
    const rows = await elsewhere.ok("connect", "again", "-c", "COPY (SELECT n FROM kept ORDER BY n) TO STDOUT");
    assert.equal(rows.trim(), "7\n8");
    await elsewhere.ok("backup", "disable", "shop", "--delete-backups", "--yes");
    assert.deepEqual(await azure.blobs(), []);
  });
});

/** Arguments of every process of this machine, looked at until `end`. */
function watchProcesses(): { readonly end: () => readonly string[] } {
  const seen = new Set<string>();
  const look = setInterval(() => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) seen.add(argumentsOf(pid));
  }, 50);
  return {
    end: () => {
      clearInterval(look);
      return [...seen];
    },
  };
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
