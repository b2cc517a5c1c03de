import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { OpError } from "../../errors/op-error.ts";
import { openEmbeddedStore } from "./embedded.ts";
import { storeSuite } from "./suite.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-store-"));
after(() => rmSync(directory, { recursive: true }));

let files = 0;
function newFile(): string {
  files += 1;
  return join(directory, `store-${files}.sqlite`);
}

storeSuite("embedded", (t) => {
  const store = openEmbeddedStore(newFile());
  t.after(() => store.close());
  return store;
});

const module = JSON.stringify(import.meta.resolve("./embedded.ts"));

describe("store: embedded file", () => {
  test("what was committed is there after a close and a new open; the file is private", async () => {
    const path = newFile();
    const first = openEmbeddedStore(path);
    await first.commit({ require: [], put: [{ key: "a", value: { n: 1 } }] });
    assert.equal(statSync(path).mode & 0o777, 0o600);
    await first.close();
    const second = openEmbeddedStore(path);
    assert.deepEqual(await second.read(""), { revision: 1, entries: [{ key: "a", value: { n: 1 }, revision: 1 }] });
    await second.close();
  });

  test("a file that was made readable for others is made private again", async () => {
    const path = newFile();
    await openEmbeddedStore(path).close();
    chmodSync(path, 0o644);
    await openEmbeddedStore(path).close();
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  test("a second agent is refused, in this process and in another; the first keeps its lock", async () => {
    const path = newFile();
    const store = openEmbeddedStore(path);
    assert.throws(() => openEmbeddedStore(path), hasCode("store-locked"));
    assert.equal(await openElsewhere(path), "store-locked");
    await store.commit({ require: [], put: [{ key: "a", value: 1 }] });
    assert.equal(await openElsewhere(path), "store-locked");
    await store.close();
    assert.equal(await openElsewhere(path), "opened");
  });

  test("an agent killed in the middle of commits leaves the lock free and every commit that it was told of", async () => {
    const path = newFile();
    const script = `import { openEmbeddedStore } from ${module};
      const store = openEmbeddedStore(process.argv[1]);
      for (let n = 1; ; n++) {
        await store.commit({ require: [], put: [{ key: "n", value: n }, { key: "m", value: n }] });
        process.stdout.write(n + "\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = "";
    child.stdout.on("data", (data: Buffer) => {
      told += data.toString();
      if (told.split("\n").length > 50) child.kill("SIGKILL");
    });
    await once(child, "close");
    const last = Number(told.slice(0, told.lastIndexOf("\n")).split("\n").at(-1));
    const store = openEmbeddedStore(path);
    const [m, n] = (await store.read("")).entries.map((entry) => Number(entry.value));
    assert.equal(m, n);
    assert.ok(n !== undefined && n >= last && last >= 50, `told ${last}, kept ${n}`);
    await store.close();
  });

  test("a file that is not ours is refused, says so, and stays as it is", () => {
    const text = newFile();
    writeFileSync(text, "this is a shopping list, and it is longer than sixteen bytes", { mode: 0o640 });
    refusesUntouched(text, /not a SQLite database/);
    const foreign = newFile();
    const other = new DatabaseSync(foreign);
    other.exec("CREATE TABLE t (a)");
    other.close();
    refusesUntouched(foreign, /another program/);
    assert.throws(() => openEmbeddedStore(directory), hasCode("store-damaged"));
    assert.throws(() => openEmbeddedStore(join(directory, "none", "store")), hasCode("store-unavailable"));
  });

  test("a damaged file and one of a newer version are refused", async () => {
    const path = newFile();
    const store = openEmbeddedStore(path);
    for (let n = 0; n < 50; n++) await store.commit({ require: [], put: [{ key: `k${n}`, value: "x".repeat(500) }] });
    await store.close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0x5a, 4096 * 2, 4096 * 4));
    refusesUntouched(path, /cannot be read/);

    const newer = newFile();
    await openEmbeddedStore(newer).close();
    const database = new DatabaseSync(newer);
    database.exec("PRAGMA user_version = 99; PRAGMA journal_mode = DELETE");
    database.close();
    refusesUntouched(newer, /form 99/);
  });

  test("its files stay small, however often the same record is written", async () => {
    const path = newFile();
    const store = openEmbeddedStore(path);
    for (let n = 0; n < 3000; n++) await store.commit({ require: [], put: [{ key: "a", value: "x".repeat(300) }] });
    assert.ok(statSync(path).size < 100_000, `file ${statSync(path).size}`);
    assert.ok(statSync(`${path}-wal`).size < 2_500_000, `log ${statSync(`${path}-wal`).size}`);
    await store.close();
  });
});

function refusesUntouched(path: string, reason: RegExp): void {
  const before = { bytes: readFileSync(path), mode: statSync(path).mode };
  assert.throws(
    () => openEmbeddedStore(path),
    (error) => hasCode("store-damaged")(error) && error instanceof Error && reason.test(error.message),
  );
  assert.deepEqual({ bytes: readFileSync(path), mode: statSync(path).mode }, before);
}

async function openElsewhere(path: string): Promise<string> {
  const script = `import { openEmbeddedStore } from ${module};
    try { openEmbeddedStore(process.argv[1]); console.log("opened"); } catch (error) { console.log(error.code); }`;
  const run = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, path]);
  return run.stdout.trim();
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof OpError && error.code === code;
}
