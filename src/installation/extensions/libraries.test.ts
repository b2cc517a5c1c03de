/** Whether hosts have what a cluster loads and uses, asked of an engine that is made up, and of other hosts' agents. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ContentsAnswer } from "../../contract/peer.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { refuseUnfitHosts, settingsWithLibraries } from "./libraries.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "mtr-engine-"));
});
after(() => rm(directory, { recursive: true }));

/** An engine of this host that has these libraries, each with an extension of its name. */
async function engineWith(name: string, libraries: readonly string[]): Promise<string> {
  const root = join(directory, name);
  for (const path of ["bin", "share/postgresql/extension", "lib/postgresql"])
    await mkdir(join(root, path), { recursive: true });
  for (const library of libraries) {
    await writeFile(join(root, "lib/postgresql", `${library}.so`), "");
    const control = `comment = 'it''s one'\ndefault_version = '1.0' # so far\nmodule_pathname = '$libdir/${library}'\n`;
    await writeFile(join(root, "share/postgresql/extension", `${library}.control`), control);
  }
  return join(root, "bin");
}

function partsOf(binDirectory: string, others: Readonly<Record<string, Partial<ContentsAnswer>>> = {}): Parts {
  const call = async (host: string) => ({ extensions: [], libraries: [], packages: [], ...others[host] });
  const parts = {
    hostName: "a",
    hosts: { self: Object.keys(others).length === 0 ? undefined : { name: "a" }, call },
    servers: { engine: async () => ({ binDirectory }) },
  };
  return parts as unknown as Parts;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof OpError, String(error));
  return [error.code, error.message, error.hint].join("\n");
}

const embedded = { engine: "embedded", major: 18 } as const;
const system = { engine: "system", major: 15 } as const;

test("a new cluster loads the usual library where its hosts have it, and begins without where one lacks it", async () => {
  const full = await engineWith("full", ["pg_stat_statements", "pgaudit"]);
  const bare = await engineWith("bare", ["pgaudit"]);
  const usual = { work_mem: "4MB", shared_preload_libraries: "pg_stat_statements" };
  const settings = { work_mem: "4MB" };
  assert.deepEqual(await settingsWithLibraries(partsOf(full), { ...embedded, settings }, ["a"]), usual);
  assert.deepEqual(await settingsWithLibraries(partsOf(bare), { ...embedded, settings }, ["a"]), settings);
  const elsewhere = partsOf(full, { b: { libraries: ["pgaudit"] } });
  assert.deepEqual(await settingsWithLibraries(elsewhere, { ...system, settings }, ["a", "b"]), settings);
});

test("what the user wants loaded is left as it was written, and refused where a host lacks it", async () => {
  const full = await engineWith("asked", ["pg_stat_statements", "pgaudit"]);
  const settings = { shared_preload_libraries: "pgaudit" };
  assert.deepEqual(await settingsWithLibraries(partsOf(full), { ...embedded, settings }, ["a"]), settings);
  const none = { shared_preload_libraries: "" };
  assert.deepEqual(await settingsWithLibraries(partsOf(full), { ...embedded, settings: none }, ["a"]), none);
  const cron = { shared_preload_libraries: "pgaudit, pg_cron" };
  const said = await refusal(settingsWithLibraries(partsOf(full), { ...embedded, settings: cron }, ["a"]));
  assert.match(said, /^extension-missing\nthe Postgres 18 that comes with Matriarch does not have "pg_cron"\n/);
  const elsewhere = partsOf(full, { b: { libraries: ["pgaudit"] } });
  const there = await refusal(settingsWithLibraries(elsewhere, { ...system, settings: cron }, ["b"]));
  assert.match(there, /host "b" cannot take a member.*"pg_cron"\n.*apt-get install .* postgresql-15-cron$/);
});

test("a member is refused by a host that lacks what the servers load, and by no other", async () => {
  const full = await engineWith("member", ["pg_stat_statements"]);
  const spec = { name: "shop", ...system, settings: { shared_preload_libraries: "pg_stat_statements" } };
  const record = { spec: { value: spec } } as unknown as ClusterRecord;
  const parts = partsOf(full, { b: { libraries: ["pg_stat_statements"] }, c: { libraries: [] } });
  await refuseUnfitHosts(parts, record, ["a", "b"]);
  assert.match(
    await refusal(refuseUnfitHosts(parts, record, ["b", "c"])),
    /host "c" cannot take a member.*"pg_stat_statements"/,
  );
});
