/** Builds of a user's own: what is taken, and what is refused with which words. The programs are small scripts here. */
import assert from "node:assert/strict";
import { chmod, chown, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { OpError } from "../../../errors/op-error.ts";
import type { Engine } from "../port.ts";
import { openOwnEngine } from "./own.ts";

interface Build {
  readonly prefix: string;
  readonly bin: string;
  readonly open: (directory?: string, major?: number) => Promise<Engine>;
  readonly program: (name: string, says: string) => Promise<void>;
  readonly refused: (code: string, words: RegExp, directory?: string, major?: number) => Promise<void>;
}

async function makeBuild(t: TestContext, version = "17.5"): Promise<Build> {
  const prefix = await mkdtemp(join(tmpdir(), "matriarch-own-"));
  t.after(() => rm(prefix, { recursive: true, force: true }));
  await chmod(prefix, 0o755);
  const bin = join(prefix, "bin");
  await mkdir(bin);
  const open: Build["open"] = (directory = prefix, major) => openOwnEngine({ directory, major, owner: undefined });
  const build: Build = {
    prefix,
    bin,
    open,
    program: async (name, says) => {
      await writeFile(join(bin, name), `#!/bin/sh\n${says}\n`);
      await chmod(join(bin, name), 0o755);
    },
    refused: async (code, words, directory, major) => {
      await assert.rejects(open(directory, major), (error: unknown) => {
        assert.ok(error instanceof OpError, String(error));
        assert.equal(error.code, code, error.message);
        assert.match(`${error.message} ${error.detail} ${error.hint}`, words);
        return true;
      });
    },
  };
  await build.program("postgres", `echo "postgres (PostgreSQL) ${version}"`);
  await build.program("initdb", `echo "initdb (PostgreSQL) ${version}"`);
  return build;
}

test("own build: by its prefix, by its programs, and by a link to it", async (t) => {
  const { prefix, bin, open, program } = await makeBuild(t);
  const engine = await open();
  assert.deepEqual(
    { kind: engine.kind, major: engine.major, version: engine.version, bin: engine.binDirectory, tools: engine.tools },
    { kind: "system", major: 17, version: "17.5", bin, tools: { pgRewind: undefined, psql: undefined } },
  );
  assert.deepEqual(await open(`${bin}/`, 17), engine);
  await program("pg_rewind", "exit 0");
  assert.equal((await open()).tools.pgRewind, join(bin, "pg_rewind"));
  await symlink(prefix, `${prefix}/current`);
  assert.equal((await open(`${prefix}/current`)).binDirectory, `${prefix}/current/bin`);
});

test("own build: another one of the same version in its place is told from it", async (t) => {
  const { bin, open } = await makeBuild(t);
  const { build } = await open();
  await utimes(join(bin, "postgres"), 1, 1);
  assert.notEqual((await open()).build, build);
});

test("own build: what cannot be one is refused", async (t) => {
  const { prefix, bin, refused, program } = await makeBuild(t);
  await refused("bad-value", /not an absolute path/, "opt/postgres");
  await refused("engine-missing", /there is no Postgres in/, join(prefix, "nowhere"));
  await mkdir(join(prefix, "directories/postgres"), { recursive: true });
  await refused("engine-missing", /there is no Postgres in/, join(prefix, "directories"));
  await refused("engine-missing", /holds Postgres 17\.5, and not 16/, prefix, 16);
  await program("initdb", 'echo "initdb (PostgreSQL) 17.4"');
  await refused("bad-value", /postgres is of 17\.5, initdb is of 17\.4/);
  await program("initdb", "echo 'cannot open shared object file' >&2; exit 127");
  await refused("engine-failed", /initdb" does not say its version cannot open shared object/);
  await rm(join(bin, "initdb"));
  await refused("engine-missing", /has no initdb .*make install/);
});

test("own build: an unsupported major is refused", async (t) => {
  const { refused } = await makeBuild(t, "9.6.1");
  await refused("not-supported", /Postgres 9\.6.*Supported are 18/);
});

test("own build: programs that others could change are not run", async (t) => {
  const { prefix, bin, refused, open } = await makeBuild(t);
  await chmod(join(bin, "initdb"), 0o775);
  await refused("bad-value", /not safe .*can write to ".*initdb".*chmod go-w/);
  await chmod(join(bin, "initdb"), 0o755);
  await chmod(prefix, 0o777);
  await refused("bad-value", /not safe/);
  await chmod(prefix, 0o755);
  await open();
  if (process.getuid?.() !== 0) return;
  await chown(join(bin, "postgres"), 12_345, 12_345);
  await refused("bad-value", /belongs to user 12345.*chown 0/);
});
