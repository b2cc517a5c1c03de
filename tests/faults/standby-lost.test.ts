/** A standby is killed, frozen, or its directory, slot or log is lost: writes go on, and it comes back by itself. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster, type Running } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { postmasterGroup, processesIn, signalAll } from "./processes.ts";
import { until } from "./until.ts";

describe("standby lost (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  /** `fault` hits a standby under load; it is back in the end, and no failover came of it. */
  async function lose(fault: (standby: Running) => Promise<void>): Promise<{ standby: Running; since: number }> {
    const standby = await cluster.standby();
    const { epoch } = await cluster.healthy();
    const since = await cluster.lastEvent();
    await cluster.story(async (writer) => {
      await fault(standby);
      await writer.acknowledged(50, 30_000);
      await cluster.event("standby.rejoined", since, standby.id);
    });
    assert.equal((await cluster.healthy()).epoch, epoch, "a lost standby must not change the primary");
    return { standby, since };
  }

  /** Its server is held down by a pause while the directory is broken, then found broken. */
  async function breakStopped(standby: Running, breakIt: (directory: string) => Promise<void>): Promise<void> {
    await installation.ok("pause", cluster.name, "--for", "1min");
    await endAll(postmasterGroup(installation.home, standby.pid));
    await breakIt(standby.data_directory);
    await installation.ok("resume", cluster.name);
  }

  test("killed: it is started again", async () => {
    const { standby, since } = await lose((lost) => endAll([lost.pid]));
    await cluster.event("server.crashed", since, standby.id);
  });

  test("frozen: it is ended and started again", async () => {
    const { standby, since } = await lose(async (lost) => {
      signalAll(postmasterGroup(installation.home, lost.pid), "SIGSTOP");
    });
    await cluster.event("standby.frozen", since, standby.id);
  });

  test("its directory deleted: it gets a new copy", async () => {
    const { standby, since } = await lose((lost) => rm(lost.data_directory, { recursive: true, force: true }));
    await cluster.event("directory.lost", since, standby.id);
  });

  test("its directory deleted while it is down", async () => {
    const { standby, since } = await lose((lost) =>
      breakStopped(lost, (directory) => rm(directory, { recursive: true, force: true })),
    );
    await cluster.event("directory.lost", since, standby.id);
  });

  test("its control file cut short: it gets a new copy", async () => {
    const { standby, since } = await lose((lost) =>
      breakStopped(lost, (directory) => truncate(join(directory, "global", "pg_control"), 0)),
    );
    await cluster.event("directory.damaged", since, standby.id);
  });

  test("its log overwritten: it is streamed or copied anew", async () => {
    await lose((lost) =>
      breakStopped(lost, async (directory) => {
        for (const name of await walFiles(directory))
          await writeFile(join(directory, "pg_wal", name), Buffer.alloc(16 * 1024 * 1024, 7));
      }),
    );
  });

  test("its data files removed: it gets a new copy", async () => {
    const { standby, since } = await lose((lost) =>
      breakStopped(lost, (directory) => rm(join(directory, "base"), { recursive: true, force: true })),
    );
    await cluster.event(["directory.damaged", "rejoin.clone"], since, standby.id);
  });

  test("its slot dropped and the log that it needs removed: it gets a new copy", async () => {
    const { standby, since } = await lose(async (lost) => {
      await installation.ok("pause", cluster.name, "--for", "1min");
      await endAll(postmasterGroup(installation.home, lost.pid));
      const slot = `matriarch_${lost.id.replaceAll("-", "_")}`;
      await until("the slot to be free", async () => {
        const rows = await cluster.query(`SELECT active FROM pg_replication_slots WHERE slot_name = '${slot}'`);
        return rows[0]?.["active"] === false ? true : undefined;
      });
      await cluster.query(`SELECT pg_drop_replication_slot('${slot}')`);
      await cluster.query("SELECT pg_switch_wal()");
      await cluster.query("CHECKPOINT");
      const primary = await cluster.primary();
      const [row] = await cluster.query("SELECT pg_walfile_name(pg_current_wal_lsn()) AS name");
      for (const name of await walFiles(primary.data_directory))
        if (name < String(row?.["name"])) await rm(join(primary.data_directory, "pg_wal", name));
      await installation.ok("resume", cluster.name);
    });
    await cluster.event("wal.lost", since, standby.id);
  });

  test("started by hand by somebody: it is taken over, not started twice", async () => {
    await lose(async (lost) => {
      await installation.ok("pause", cluster.name, "--for", "1min");
      const command =
        processesIn(installation.home)
          .find(({ pid }) => pid === lost.pid)
          ?.command.split(" ") ?? [];
      await endAll(postmasterGroup(installation.home, lost.pid));
      const byHand = await startByHand(cluster, lost, command);
      await installation.ok("resume", cluster.name);
      await cluster.until("the server started by hand to be used", ({ members }) =>
        members.some(({ id, pid, state }) => id === lost.id && pid === byHand && state === "streaming"),
      );
      await endAll([byHand]);
    });
  });
});

async function startByHand(cluster: Cluster, lost: Running, command: readonly string[]): Promise<number> {
  const [program = "", ...args] = command;
  const owner = process.getuid?.() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  const [first = program, ...rest] = [...owner, program, ...args];
  const env = { PATH: process.env["PATH"] ?? "", LD_LIBRARY_PATH: await libraries(cluster) };
  const child = spawn(first, rest, { detached: true, stdio: "ignore", env, cwd: lost.data_directory });
  await once(child, "spawn");
  child.unref();
  return child.pid ?? 0;
}

/** As the other servers have it. */
async function libraries(cluster: Cluster): Promise<string> {
  const { pid } = await cluster.primary();
  const environment = await readFile(`/proc/${pid}/environ`, "utf8");
  const found = environment.split("\0").find((line) => line.startsWith("LD_LIBRARY_PATH="));
  return found?.slice("LD_LIBRARY_PATH=".length) ?? "";
}

async function walFiles(directory: string): Promise<readonly string[]> {
  return (await readdir(join(directory, "pg_wal"))).filter((name) => /^[0-9A-F]{24}$/.test(name));
}
