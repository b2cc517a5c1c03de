/** One whole story as an ordinary user with a home of its own: no root, no user `postgres`. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { endAll, makeInstallation, type Installation } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";

const skip = process.getuid?.() === 0 ? false : "the other tests run as an ordinary user already";

describe("an ordinary user", { skip }, () => {
  let installation: Installation;
  let cluster: Cluster;

  before(async () => {
    installation = await makeInstallation({ as: { uid: 65_534, gid: 65_534 } });
    cluster = await createCluster(installation, "shop");
  });
  after(() => installation[Symbol.asyncDispose]());

  test("creates, fails over, rejoins, connects, scales, restarts the agent, destroys", async () => {
    const uri = (await installation.ok("uri", "shop")).trim();
    assert.match(uri, /^postgresql:\/\/postgres@.*sslmode=verify-full/);
    assert.match(await installation.ok("connect", "shop", "-c", "SELECT 'hello'"), /hello/);
    await cluster.story(async (writer) => {
      await endAll([(await cluster.primary()).pid]);
      await writer.acknowledged(50, 30_000);
    });
    await cluster.story(async (writer) => {
      await installation.killAgent();
      await installation.startAgent();
      await installation.ok("switchover", "shop");
      await writer.acknowledged(50, 30_000);
    });
    await installation.ok("scale", "shop", "--members", "4");
    await cluster.healthy();
    await installation.ok("destroy", "shop", "--yes");
    await installation.ok("agent", "stop", "--servers");
    assert.deepEqual(processesIn(installation.home), []);
  });
});
