/** After `destroy` and `agent stop --servers` nothing is left: no process, no directory, no port. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { processesIn } from "./processes.ts";
import { until } from "./until.ts";

describe("destroy", () => {
  let installation: Installation;

  before(async () => {
    installation = await makeInstallation();
  });
  after(() => installation[Symbol.asyncDispose]());

  const servers = (): readonly string[] =>
    processesIn(installation.home).flatMap(({ command }) => (/postgres/.test(command) ? [command] : []));

  async function assertGone(cluster: Cluster, ports: readonly number[]): Promise<void> {
    assert.deepEqual(servers(), []);
    assert.deepEqual(await readdir(`${installation.home}/clusters`), []);
    assert.deepEqual(await readdir(`${installation.home}/run`), []);
    for (const port of ports) assert.equal(await isOpen(port), false, `port ${port} is open`);
    assert.equal((await installation.run(["status", cluster.name])).code, 5);
  }

  const portsOf = async (cluster: Cluster): Promise<readonly number[]> => {
    const { endpoints, members } = await cluster.healthy();
    return [endpoints.primary.port, endpoints.read.port, ...members.map(({ port }) => port)];
  };

  test("leaves no process, no directory and no port; the name can be used again", async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      const cluster = await createCluster(installation, "shop");
      const ports = await portsOf(cluster);
      await installation.ok("destroy", "shop", "--yes");
      await assertGone(cluster, ports);
    }
  });

  test("is refused without --yes, and changes nothing", async () => {
    const cluster = await createCluster(installation, "kept");
    assert.equal((await installation.run(["destroy", "kept"])).code, 3);
    await cluster.healthy();
    await installation.ok("destroy", "kept", "--yes");
  });

  test("works under load, and while a member is down", async () => {
    const cluster = await createCluster(installation, "busy");
    const ports = await portsOf(cluster);
    const session = await cluster.connect();
    const work = session.query("SELECT pg_sleep(30)").catch(() => undefined);
    await endAll([(await cluster.standby()).pid]);
    await installation.ok("destroy", "busy", "--yes");
    await work;
    await assertGone(cluster, ports);
  });

  test("is finished by the next agent when the agent is killed in the middle", async () => {
    for (const afterMs of [0, 60, 150]) {
      const cluster = await createCluster(installation, "half");
      const ports = await portsOf(cluster);
      const asked = installation.run(["destroy", "half", "--yes"]);
      await Promise.race([
        asked,
        cluster.until("destroying", ({ state }) => state === "destroying", 10_000).catch(() => undefined),
      ]);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await installation.killAgent();
      await asked;
      await installation.startAgent();
      await until("the cluster to be gone", async () =>
        (await installation.run(["status", "half"])).code === 5 ? true : undefined,
      );
      await assertGone(cluster, ports);
    }
  });

  test("agent stop, when there is no cluster: nothing is left either", async () => {
    await installation.startAgent();
    const ports = await portsOf(await createCluster(installation, "brief", "--members", "1"));
    await installation.ok("destroy", "brief", "--yes");
    await installation.ok("agent", "stop");
    assert.deepEqual(processesIn(installation.home), []);
    for (const port of ports) assert.equal(await isOpen(port), false);
  });

  test("agent stop --servers ends every process, and the next command brings all back", async () => {
    const cluster = await createCluster(installation, "shop");
    await cluster.query("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");
    await installation.ok("agent", "stop", "--servers");
    assert.deepEqual(processesIn(installation.home), []);
    await installation.ok("status", "shop");
    await cluster.healthy();
    assert.deepEqual(await cluster.query("SELECT n FROM kept"), [{ n: 1 }]);
  });
});

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
