import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { OpError } from "../../../errors/op-error.ts";
import { compareVersions, findRelease, newestInRegistry, newestOf, releaseInCatalog } from "./releases.ts";

const signal = new AbortController().signal;
const hash = `sha512-${"A".repeat(86)}==`;

test("releases: minor versions are numbers: 18.10 is newer than 18.9", () => {
  assert.equal(newestOf(["18.9", "18.10", "17.11"]), "18.10");
  assert.ok(compareVersions("18.3", "18.4") < 0 && compareVersions("18.4", "18.4") === 0);
  assert.equal(newestOf([]), undefined);
});

test("releases: what this release was tested with needs no registry", async () => {
  const { version } = releaseInCatalog(18);
  assert.deepEqual(await findRelease(18, version, signal), releaseInCatalog(18));
});

test("releases: another minor is the newest build of it in the registry, with its hash", async (t) => {
  await registry(t, ["18.3.0-beta.16", "18.3.0-beta.17", "18.5.0-beta.1", "17.9.0-beta.16"], hash);
  const found = { version: "18.3", packageVersion: "18.3.0-beta.17", integrity: hash };
  assert.deepEqual(await findRelease(18, "18.3", signal), found);
  assert.equal(await newestInRegistry(18, signal), "18.5");
  await assert.rejects(
    findRelease(18, "18.98", signal),
    hasCode("bad-value", /no embedded binaries of Postgres 18\.98/),
  );
});

test("releases: without a whole hash nothing is fetched", async (t) => {
  await registry(t, ["18.3.0-beta.17"], "sha1-short");
  await assert.rejects(findRelease(18, "18.3", signal), hasCode("engine-install-failed", /no hash/));
});

function hasCode(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof OpError && error.code === code && message.test(error.message);
}

/** An npm that answers `view` with these. */
async function registry(t: TestContext, versions: readonly string[], integrity: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "matriarch-registry-"));
  const before = process.env["PATH"];
  t.after(async () => {
    process.env["PATH"] = before;
    await rm(directory, { recursive: true, force: true });
  });
  const answers = `case "$*" in *dist.integrity*) echo '"${integrity}"';; *) echo '${JSON.stringify(versions)}';; esac`;
  await writeFile(join(directory, "npm"), `#!/bin/sh\n${answers}\n`);
  await chmod(join(directory, "npm"), 0o755);
  process.env["PATH"] = `${directory}:/usr/bin:/bin`;
}
