/** The probes that deploy/kubernetes and deploy/fly name: before there is a cluster, with a primary and a standby, and without an agent. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { until } from "../faults/until.ts";
import { freePort } from "../fixtures/ports.ts";

const root = resolve(import.meta.dirname, "../..");

async function named(file: string, pattern: RegExp): Promise<readonly string[]> {
  const text = await readFile(join(root, file), "utf8");
  return [...new Set([...text.matchAll(pattern)].map(([, path = ""]) => path))];
}

describe("probes of containers", () => {
  let installation: Installation;
  let cluster: Cluster;
  let paths: readonly string[];
  let port: number;

  before(async () => {
    const kubernetes = await named("deploy/kubernetes/matriarch.yaml", /httpGet: \{ path: ([^,]+),/g);
    const fly = await named("deploy/fly/fly.toml", /^path = "([^"]+)"/gm);
    paths = [...new Set([...kubernetes, ...fly])];
    port = await freePort();
    installation = await makeInstallation();
    await installation.ok("list");
    await writeFile(join(installation.home, "agent.json"), JSON.stringify({ status_port: port, status_listen: "all" }));
    await installation.killAgent();
    await installation.startAgent();
  });
  after(() => installation[Symbol.asyncDispose]());

  const codeOf = async (path: string): Promise<number> => (await fetch(`http://127.0.0.1:${port}${path}`)).status;

  test("a host without a cluster lives and is ready", async () => {
    assert.deepEqual([...paths].toSorted(), ["/liveness", "/readiness"]);
    for (const path of paths) {
      const well = async (): Promise<true | undefined> =>
        (await codeOf(path).catch(() => 0)) === 200 ? true : undefined;
      await until(`${path} is 200`, well);
    }
    assert.equal(await codeOf("/primary"), 404);
    const changed = await fetch(`http://127.0.0.1:${port}/liveness`, { method: "POST" });
    assert.equal(changed.status, 405);
  });

  test("with a cluster: the host's stay, and balancers find primary and standby", async () => {
    cluster = await createCluster(installation, "shop", "--members", "2");
    const [{ id: primary }, { id: standby }] = [await cluster.primary(), await cluster.standby()];
    for (const [path, code] of [
      ...paths.map((one) => [one, 200] as const),
      [`/${primary}/primary`, 200],
      [`/${standby}/primary`, 503],
      [`/${standby}/replica`, 200],
      [`/${primary}/replica`, 503],
      [`/${standby}/readiness`, 200],
      [`/${primary}/liveness`, 200],
    ] as const) {
      let seen = 0;
      const isSo = async (): Promise<true | undefined> => ((seen = await codeOf(path)) === code ? true : undefined);
      await until(`${path} is ${code}`, isSo, { seen: () => String(seen) });
    }
    const { members } = (await (await fetch(`http://127.0.0.1:${port}/liveness`)).json()) as { members: string[] };
    assert.deepEqual(members.toSorted(), [primary, standby].toSorted());
  });

  test("while the agent is away the host lives on, and its cluster serves", async () => {
    await installation.killAgent();
    assert.equal(await codeOf("/liveness"), 200);
    await cluster.query("SELECT 1");
    await installation.startAgent();
    await cluster.healthy();
  });
});
