/** `create` as a user meets it: its refusals say what to do and change nothing; one that is cut short leaves nothing. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { Cluster, createCluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation } from "../faults/installation.ts";
import { processesIn } from "../faults/processes.ts";
import { until } from "../faults/until.ts";

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };

describe("create", () => {
  let installation: Installation;

  before(async () => {
    installation = await makeInstallation();
    await createCluster(installation, "taken", "--members", "1");
  });
  after(() => installation[Symbol.asyncDispose]());

  async function refused(code: number, pattern: RegExp, ...args: readonly string[]): Promise<void> {
    const ran = await installation.run(["create", ...args]);
    assert.equal(ran.code, code, `${ran.stdout}\n${ran.stderr}`);
    assert.match(ran.stderr, pattern);
    assert.doesNotMatch(ran.stderr, /at .*\.(ts|mjs|js):\d+/, "a refusal is no stack trace");
    assert.deepEqual(await readdir(join(installation.home, "clusters")), ["taken"]);
  }

  test("refuses bad names", async () => {
    for (const name of ["Shop", "1shop", "a b", "a'b", "shop_1", "x".repeat(41), "..", "a/b"])
      await refused(3, /ERROR: .*\n(.*\n)*DETAIL|HINT/, "--", name);
  });

  test("refuses a name that exists", () => refused(3, /already exists(.*\n)*HINT/, "taken"));

  test("in the background: known from the first moment, and watched until it serves", { timeout: 60_000 }, async () => {
    await installation.ok("create", "later", "--members", "1", "--detach");
    const { code, stdout, stderr } = await installation.run(["status", "later"]);
    if (code !== 0) assert.match(`${code} ${stderr}`, /^3 ERROR: {2}cluster "later" is being made\nDETAIL: .*create/);
    else assert.match(stdout, /^later is /);
    const watch = installation.begin(["status", "later", "--watch"]);
    const told = text(watch.stderr);
    for await (const line of createInterface(watch.stdout)) if (/ healthy/.test(line)) break;
    watch.kill("SIGINT");
    await once(watch, "exit");
    assert.doesNotMatch(await told, /does not exist/);
    await installation.ok("destroy", "later", "--yes");
  });

  test("refuses a port that is in use", async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    await refused(3, /in use(.*\n)*HINT/, "shop", "--port", String(port));
    server.close();
  });

  test("refuses a privileged port and one that is none", async () => {
    await refused(3, /1024/, "shop", "--port", "80");
    for (const port of ["0", "70000", "x"]) {
      const ran = await installation.run(["create", "shop", "--port", port]);
      assert.ok(ran.code === 2 || ran.code === 3, `${port}: ${ran.stderr}`);
    }
  });

  test("refuses more memory than there is", () =>
    refused(3, /memory(.*\n)*HINT/, "shop", "--memory", `${Math.ceil(totalmem() / 2 ** 30)}GB`));

  test("refuses an engine that is not installed", () =>
    refused(3, /17/, "shop", "--engine", "system", "--version", "17"));

  test("refuses unknown and bad settings", async () => {
    await refused(3, /no_such_setting/, "shop", "--set", "no_such_setting=1");
    await refused(3, /work_mem/, "shop", "--set", "work_mem=very much");
    // Nothing is wrong with one of these alone.
    await refused(3, /min_wal_size.*must not be more than max_wal_size/, "shop", "--set", "min_wal_size=900 gb");
    await refused(3, /standbys would no longer/, "shop", "--set", "wal_receiver_status_interval=0");
  });

  test("refuses a version that there is not", async () => {
    const ran = await installation.run(["create", "shop", "--version", "9"]);
    assert.ok(ran.code === 2 || ran.code === 3, ran.stderr);
  });

  test("refuses a home that cannot be written", { skip: isRoot ? false : "needs another user" }, async () => {
    const other = await makeInstallation({ as: nobody });
    try {
      await mkdir(other.home);
      await chmod(other.home, 0o755);
      const ran = await other.run(["create", "shop"]);
      assert.equal(ran.code, 3, ran.stderr);
      assert.match(ran.stderr, /cannot be written(.*\n)*HINT/);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });

  test("two at once, in one installation: both are made", async () => {
    const [one, two] = await Promise.all(["one", "two"].map((name) => installation.run(["create", name])));
    assert.equal(one?.code, 0, one?.stderr);
    assert.equal(two?.code, 0, two?.stderr);
    for (const name of ["one", "two"]) {
      await new Cluster(installation, name).healthy();
      await installation.ok("destroy", name, "--yes");
    }
  });

  test("the same one twice at once: it is made once", async () => {
    const rans = await Promise.all([installation.run(["create", "same"]), installation.run(["create", "same"])]);
    assert.ok(
      rans.some(({ code }) => code === 0),
      rans.map(({ stderr }) => stderr).join("\n"),
    );
    await new Cluster(installation, "same").healthy();
    await installation.ok("destroy", "same", "--yes");
  });

  test("interrupted at the terminal: it goes on in the agent, or nothing is left", async () => {
    const ran = await installation.run(["create", "stopped"], { interruptOnceItSays: "making" });
    assert.ok(ran.code === 4 || ran.code === 0 || ran.code === 130, `${ran.code}: ${ran.stderr}`);
    await settled("stopped");
  });

  test("the agent is killed at several moments: the next one finishes the cluster, or nothing is left", async () => {
    for (const afterMs of [50, 250, 500, 900]) {
      const asked = installation.run(["create", "cut"]);
      await until("the agent to have been asked", async () => {
        const listed: unknown = await installation.api("/v1/operations/none");
        return listed === undefined ? undefined : true;
      });
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await installation.killAgent();
      const ran = await asked;
      assert.ok(ran.code !== null, "the command must end");
      await installation.startAgent();
      await settled("cut");
    }
  });

  /** In the end there is a healthy cluster, which is destroyed, or nothing at all. */
  async function settled(name: string): Promise<void> {
    const cluster = new Cluster(installation, name);
    const directory = join(installation.home, "clusters", name);
    const state = await until(`"${name}" to be there or gone`, async () => {
      const ran = await installation.run(["status", name, "--json"]);
      if (ran.code === 5 && !existsSync(directory)) return "gone";
      return (await cluster.status())?.state === "healthy" ? "there" : undefined;
    });
    if (state === "there") await installation.ok("destroy", name, "--yes");
    assert.equal(existsSync(directory), false);
    assert.deepEqual(processesIn(join(installation.home, "clusters", name)), []);
    process.stderr.write(`create cut short: ${state}\n`);
  }
});
