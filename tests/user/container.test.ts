/**
 * The Dockerfile's own steps, carried out, and its entrypoint, run: a host is made, a cluster is created, written to and
 * stopped in order; the next container on the same volume has another address, and the data. Long: it fetches Debian's
 * packages. What a registry, a daemon and an orchestrator add to this is not tried here (docs/containers.md).
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { clusterStatusSchema, type ClusterStatus } from "../../src/contract/cluster.ts";
import { until } from "../faults/until.ts";
import { Container } from "../deploy/container.ts";
import { buildImage, type Image } from "../deploy/image.ts";

const needs = ["debootstrap", "nsenter", "unshare", "ip"];
const lacks = needs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
const skip =
  process.getuid?.() !== 0 ? "needs root" : lacks.length > 0 ? `${lacks.join(", ")} not installed` : (false as const);

describe("the image of deploy/docker", { skip }, () => {
  let work: string;
  let volume: string;
  let image: Image;
  let container: Container | undefined;

  before(async () => {
    work = await mkdtemp("/tmp/matriarch-image-");
    volume = join(work, "volume");
    await mkdir(volume);
    image = await buildImage("deploy/docker/Dockerfile", work, (line) => console.error(`  ${line}`));
  });
  after(async () => {
    await container?.kill();
    await rm(work, { recursive: true, force: true });
  });

  async function start(address: string): Promise<Container> {
    const environment = { MATRIARCH_INIT: "yes", MATRIARCH_ADDRESS: "db-1", MATRIARCH_ZONE: "a" };
    container = await Container.start({ image, volume, name: "db-1", address, environment });
    const started = container;
    const isWell = async (): Promise<true | undefined> => {
      assert.ok(!started.hasEnded, started.log);
      return (await started.isWell()) ? true : undefined;
    };
    await until("the container is well", isWell, { withinMs: 120_000, seen: () => started.log });
    return container;
  }

  async function status(on: Container): Promise<ClusterStatus> {
    return clusterStatusSchema.parse(JSON.parse(await on.exec("matriarch", "status", "shop", "--json")));
  }

  function probe(on: Container, path: string): Promise<string> {
    const ask = `fetch("http://db-1:7405${path}").then(async (r) => console.log(r.status, await r.text()))`;
    return on.exec("/opt/matriarch/runtime/node_modules/.bin/node", "-e", ask);
  }

  test("a first start makes a host, which is well before there is a cluster", async () => {
    const first = await start("10.91.7.2");
    assert.match(await first.exec("matriarch", "host", "list"), /db-1/);
    for (const path of ["/liveness", "/readiness"]) assert.match(await probe(first, path), /^200 /);
    assert.doesNotMatch(first.log, /TOKEN|join [\w-]{40}/);
  });

  test("nothing but its first process is root's", async () => {
    assert.ok(container);
    const owners = (await container.exec("ps", "-eo", "pid=,user:20=,comm=")).trim().split("\n");
    const others = owners.filter((line) => !/^\s*1 /.test(line) && !/ (ps|env)$/.test(line));
    assert.ok(others.length > 3, owners.join("\n"));
    assert.deepEqual(
      others.filter((line) => !/^\s*\d+ matriarch /.test(line)),
      [],
    );
    assert.equal((await stat(volume)).uid, 10_001);
  });

  test("a cluster on the image's own Postgres and on Debian's; each has its data after a stop and a start elsewhere", async () => {
    assert.ok(container);
    await container.exec("matriarch", "create", "shop", "--members", "2");
    await container.exec("matriarch", "create", "old", "--members", "1", "--engine", "system");
    for (const name of ["shop", "old"])
      await container.exec("matriarch", "connect", name, "-c", "CREATE TABLE kept AS SELECT 42 AS answer");
    const took = await container.stop();
    assert.match(container.log, /stopping the members[\s\S]*stopped\n$/);
    console.error(`  stopped in ${Math.round(took)} ms`);
    const second = await start("10.91.7.3");
    for (const name of ["shop", "old"]) {
      const asked = async (): Promise<string | undefined> =>
        second.exec("matriarch", "connect", name, "-c", "SELECT answer FROM kept").catch(() => undefined);
      assert.match(await until(`${name} serves`, asked, { withinMs: 60_000, seen: () => second.log }), /42/);
    }
    const events = await second.exec("matriarch", "events", "shop");
    assert.doesNotMatch(events, /crash|lost/i);
  });

  test("an agent that is killed is started again, and the servers go on", async () => {
    assert.ok(container);
    const on = container;
    const before = await until("all run", async () => {
      const { state, members } = await status(on);
      return state === "healthy" && members.every(({ pid }) => pid !== null) ? members : undefined;
    });
    const agent: unknown = JSON.parse(await on.exec("matriarch", "agent", "status", "--json"));
    assert.ok(typeof agent === "object" && agent !== null && "pid" in agent);
    await on.exec("kill", "-KILL", String(agent.pid));
    await until("it is back", async () =>
      on.log.includes("starting it again") && (await on.isWell()) ? true : undefined,
    );
    const { members } = await status(on);
    assert.deepEqual(
      members.map(({ pid }) => pid),
      before.map(({ pid }) => pid),
    );
  });
});
