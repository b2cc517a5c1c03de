/** The program that servers archive with, run by real servers: with leave, without, over what is there, hanging, and on the way back. */
import assert from "node:assert/strict";
import { chmod, chown, copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { noVoters } from "../../../domain/rule.ts";
import type { Engine } from "../port.ts";
import { testEngines } from "../provision/testing.ts";
import { removeTemplates, sleepUntil, TestCluster } from "../suite/cluster.ts";
import { archiveFilesOf } from "./command.ts";
import { archiveDirectory, givePermit, withdrawPermit } from "./permit.ts";
import { readWaiting } from "./waiting.ts";
import { wakeArchiver } from "./wake.ts";

after(removeTemplates);

class Archiving {
  readonly cluster: TestCluster;
  readonly archive: string;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.archive = archiveDirectory(cluster.home, "t", "1");
  }

  get #config() {
    return this.cluster.member(1).config;
  }

  get files() {
    return archiveFilesOf(this.#config.dataDirectory);
  }

  async allow(timeline = 1): Promise<void> {
    await givePermit(this.#config.dataDirectory, { timeline, archive: this.archive }, this.#config.owner);
    await wakeArchiver(this.#config.dataDirectory);
  }

  withdraw = (): Promise<void> => withdrawPermit(this.#config.dataDirectory);

  /** Ends the segment that is being written. @returns its name */
  async segment(): Promise<string> {
    const [row] = await this.cluster.sql(
      1,
      "SELECT pg_walfile_name(pg_switch_wal()) AS name FROM (SELECT pg_logical_emit_message(true, 't', 'x') OFFSET 0) AS x",
    );
    return row?.["name"] ?? "";
  }

  names = async (): Promise<readonly string[]> => (await readdir(this.archive)).toSorted();

  waiting = () => readWaiting(this.#config.dataDirectory);

  archived(name: string): Promise<void> {
    return sleepUntil(async () => (await this.names()).includes(name) && !(await this.waiting()).names.includes(name));
  }

  problem(words: RegExp): Promise<void> {
    return sleepUntil(async () => words.test((await this.waiting()).problem ?? ""));
  }

  async log(): Promise<string> {
    const directory = this.#config.logDirectory;
    const texts = (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8"));
    return (await Promise.all(texts)).join("\n");
  }

  /** As the server's user owns it. */
  async write(path: string, text: string): Promise<void> {
    await writeFile(path, text);
    const { owner } = this.#config;
    if (owner) await chown(path, owner.uid, owner.gid);
  }

  path = (name: string): string => join(this.#config.dataDirectory, "pg_wal", name);
}

async function begin(t: TestContext, engine: Engine): Promise<Archiving> {
  const cluster = await TestCluster.create(engine, 1, { archives: true });
  t.after(() => cluster.end());
  await cluster.server(1).startPrimary(noVoters);
  await cluster.running(1);
  return new Archiving(cluster);
}

for (const engine of await testEngines()) {
  const name = (text: string): string => `archive (${engine.kind} ${engine.major}): ${text}`;

  test(name("nothing without leave, all of it with leave, nothing when it has been taken away"), async (t) => {
    const server = await begin(t, engine);
    const first = await server.segment();
    await server.problem(/does not hold the open epoch/);
    assert.match(await server.log(), new RegExp(`matriarch archive: ${first}: this member does not hold`));
    await server.allow();
    await server.archived(first);
    assert.deepEqual(await readFile(join(server.archive, first)), await readFile(server.path(first)));
    assert.equal((await server.waiting()).problem, undefined);
    await server.withdraw();
    const second = await server.segment();
    await server.problem(/does not hold the open epoch/);
    assert.deepEqual(await server.names(), [first]);
    assert.deepEqual((await server.waiting()).names, [second]);
  });

  test(name("what is there is never overwritten: the same is success, other content a refusal"), async (t) => {
    const server = await begin(t, engine);
    await server.allow();
    const first = await server.segment();
    await server.archived(first);
    const [before] = await server.cluster.sql(1, "SELECT pg_walfile_name(pg_current_wal_insert_lsn()) AS name");
    const next = before?.["name"] ?? "";
    await server.write(join(server.archive, next), "somebody else's");
    assert.equal(await server.segment(), next);
    await server.problem(/holds another file of this name/);
    assert.equal(await readFile(join(server.archive, next), "utf8"), "somebody else's");
    await copyFile(server.path(next), join(server.archive, next));
    await wakeArchiver(server.cluster.member(1).config.dataDirectory);
    await server.archived(next);
    assert.deepEqual(
      (await server.names()).filter((one) => one.startsWith(".")),
      [],
      "nothing half is left",
    );
  });

  test(name("a directory that takes nothing: the server keeps its log and goes on when it does"), async (t) => {
    const server = await begin(t, engine);
    await server.allow();
    await rm(server.archive, { recursive: true });
    const first = await server.segment();
    await server.problem(/is not there/);
    await server.allow();
    await server.archived(first);
    await chmod(server.archive, 0o500);
    const second = await server.segment();
    await server.problem(/denied/);
    await chmod(server.archive, 0o700);
    await wakeArchiver(server.cluster.member(1).config.dataDirectory);
    await server.archived(second);
    await server.write(server.files.giveUp, "");
    const third = await server.segment();
    await sleepUntil(async () => (await server.waiting()).names.length === 0);
    assert.deepEqual(await server.names(), [first, second]);
    assert.equal(await readFile(server.files.missed, "utf8"), `${third}\n`);
  });

  test(name("a repository that hangs prolongs no stop, and is ended with the server"), async (t) => {
    const server = await begin(t, engine);
    await server.allow();
    await server.write(server.files.offsite, 'echo "$2" >>"${0%/*}/seen"; sleep 600\n');
    const first = await server.segment();
    await sleepUntil(async () => (await readdir(server.files.directory)).includes("seen"));
    assert.ok((await server.names()).includes(first), "the local archive came first");
    const begun = performance.now();
    assert.equal(await server.cluster.server(1).stop(60_000, "give-up"), "stopped");
    assert.ok(performance.now() - begun < 20_000, "it did not wait for half of its time");
    await server.write(server.files.offsite, "exit 0\n");
    await server.cluster.server(1).startPrimary(noVoters);
    await server.cluster.running(1);
    assert.deepEqual((await server.waiting()).names.includes(first), true, "it waits for a leave of this start");
    await server.allow();
    await server.archived(first);
  });

  test(name("a start after there were none: archived from then on, and not by a reload"), async (t) => {
    const cluster = await TestCluster.create(engine, 1);
    t.after(() => cluster.end());
    await cluster.server(1).startPrimary(noVoters);
    await cluster.running(1);
    const { config } = cluster.member(1);
    Object.assign(cluster.member(1), { config: { ...config, archives: true } });
    const server = await cluster.forgetServer(1);
    await server.configure();
    const mode = async () =>
      (await cluster.sql(1, "SELECT setting, pending_restart FROM pg_settings WHERE name = 'archive_mode'"))[0];
    assert.deepEqual(await mode(), { setting: "off", pending_restart: "f" });
    await server.stop(60_000, "fence");
    await server.startPrimary(noVoters);
    await cluster.running(1);
    assert.deepEqual(await mode(), { setting: "on", pending_restart: "f" });
  });
}
