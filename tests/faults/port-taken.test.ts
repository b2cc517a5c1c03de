/** Somebody else has an endpoint's port when the agent starts: the servers are cared for, and the endpoint comes later. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { until } from "./until.ts";

describe("an endpoint's port is taken (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  test("the cluster fails over all the same, and the endpoint works once the port is free", async () => {
    const { epoch, endpoints } = await cluster.healthy();
    await installation.killEverything();
    const thief = createServer((socket) => socket.destroy());
    thief.listen(endpoints.primary.port, "127.0.0.1");
    await once(thief, "listening");
    await installation.startAgent();
    await cluster.healthy();
    await endAll([(await cluster.primary()).pid]);
    await cluster.until("the next epoch", (status) => status.epoch > epoch && status.state === "healthy");
    thief.close();
    await until("the endpoint", () => cluster.query("SELECT 1").catch(() => undefined), { withinMs: 10_000 });
    assert.equal((await cluster.query("SELECT 1")).length, 1);
  });
});
