/**
 * Every command that there is, found in the program itself, with what people and scripts get wrong: clusters that do not
 * exist, names that shells, SQL and paths take for something else; while a member is down, and
 * without a primary. Each ends soon with the right exit code and in words, and changes nothing that it was not asked to.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { databaseSchema, userSchema } from "../../src/contract/accounts.ts";
import { allLeaves, kindOf, names, takesCluster, words, type Leaf } from "../cli/every-command.ts";
import { createCluster, type Cluster } from "../faults/cluster.ts";
import { makeInstallation, type Installation, type Ran } from "../faults/installation.ts";

const leaves = allLeaves();
const ofClusters = leaves.filter(takesCluster);

/** What a name must not do. Nothing in it ends a line, so that it can be looked for. */
const nasty = `o'b"; DROP TABLE x --$(touch pwned)\`touch pwned\` ../..\\%2e`;

describe("every command on a real cluster", () => {
  let installation: Installation;
  let cluster: Cluster;

  before(
    async () => {
      installation = await makeInstallation();
      cluster = await createCluster(installation, "shop");
      await installation.ok("database", "create", "shop", "stock");
      await installation.ok("user", "create", "shop", "clerk", "--database", "stock", "--role", "owner");
    },
    { timeout: 90_000 },
  );
  after(() => installation?.[Symbol.asyncDispose]());

  /** What people would miss. */
  async function state() {
    const [status, databases, users] = await Promise.all([
      cluster.status(),
      installation.api("/v1/clusters/shop/databases"),
      installation.api("/v1/clusters/shop/users"),
    ]);
    return {
      members: status?.members.map(({ id }) => id),
      wish: status?.state === "stopped" ? "stopped" : "running",
      attachments: status?.attachments.map(({ app }) => app) ?? [],
      databases: databaseSchema
        .array()
        .parse(databases)
        .map(({ name, owner }) => ({ name, owner })),
      users: userSchema
        .array()
        .parse(users)
        .map(({ name, databases: of }) => ({ name, of })),
      clusters: await installation.json("list", "--json").then((all) => (Array.isArray(all) ? all.length : 0)),
    };
  }

  function assertTold(args: readonly string[], ran: Ran, codes: readonly number[]): void {
    const told = `matriarch ${args.join(" ")}: ${ran.code}\n${ran.stdout}\n${ran.stderr}`;
    assert.ok(codes.includes(ran.code ?? -1), told);
    assert.doesNotMatch(told, /\n +at |did not expect/, "a defect");
    if (ran.code !== 0) assert.match(ran.stderr, /^ERROR: {2}\S|^psql: error/m, told);
    assert.ok(
      !existsSync(join(installation.home, "..", "pwned")) && !existsSync("pwned"),
      `${told}\nit was run by a shell`,
    );
  }

  /** A person waits for it. */
  async function inTime(args: readonly string[]): Promise<Ran> {
    const began = performance.now();
    const ran = await installation.run(args);
    const tookMs = performance.now() - began;
    assert.ok(tookMs < 60_000, `${args.join(" ")} took ${Math.round(tookMs)} ms`);
    return ran;
  }

  /** All of them, so that one run tells of everything that is wrong. */
  async function runAll(lines: readonly (readonly string[])[], check: (args: readonly string[], ran: Ran) => void) {
    const waiting = [...lines];
    const problems: string[] = [];
    const work = async (): Promise<void> => {
      for (let args = waiting.shift(); args; args = waiting.shift()) {
        const ran = await installation.run(args);
        try {
          check(args, ran);
        } catch (error) {
          problems.push(error instanceof Error ? error.message : String(error));
        }
      }
    };
    await Promise.all([work(), work(), work()]);
    assert.equal(problems.length, 0, problems.join("\n\n"));
  }

  test("a cluster that does not exist, and cannot", { timeout: 120_000 }, async () => {
    const before = await state();
    const lines = ofClusters
      // Where it is looked at is what makes it: `create` refuses the name, and its own tests say which. A snapshot
      // outlives its cluster: `restore` looks for one of that name; `backup connect` is for one that is not there.
      .filter(({ path }) => !["create", "restore", "backup connect"].includes(path))
      .map((leaf) => words(leaf, { cluster: nasty }));
    await runAll(lines, (args, ran) => {
      // Some want to know first what is to be changed.
      assertTold(args, ran, [2, 5]);
      assert.match(
        ran.stderr,
        /cluster .* does not exist|nothing (is )?to (be )?change|no source is named/,
        args.join(" "),
      );
    });
    const restored = await installation.run(["restore", "--yes", "--", nasty, "x"]);
    assertTold(["restore", nasty], restored, [3, 5]);
    const connect = ["backup", "connect", "--to", "/nonexistent/backups", "--no-encryption", "--", nasty];
    const connected = await installation.run(connect);
    assertTold(connect, connected, [3]);
    assert.match(connected.stderr, /cannot be the name of a cluster/);
    const made = await installation.run(["create", "--", nasty]);
    assertTold(["create", nasty], made, [3]);
    assert.deepEqual(await state(), before);
  });

  /** They say what they were asked for, or take any name. */
  const takeAnyName = /^(uri|tunnel|events|logs|completion|help|man|audit|connect)\b/;
  /** They make what is named, or change what another one has just made. */
  const makeIt = /^(attach|detach|database|user|config set)\b/;
  /** They end the agent, become it, or write to the person's own machine. */
  const elsewhere =
    /^(agent|host (init|join|settings|rebuild-store|token)|context add|certificate create|token create|version)\b/;

  test("names that are none, in every place for a name", { timeout: 240_000 }, async () => {
    const before = await state();
    const lines = leaves
      .filter(({ path }) => !elsewhere.test(path) && !/^(create|destroy)$/.test(path))
      .flatMap((leaf) =>
        placesOf(leaf).map((place) =>
          words(leaf, { ...(leaf.path === "tunnel" && { "--exec": "true" }), [place]: nasty }),
        ),
      );
    assert.ok(lines.length > 50, `${lines.length} lines`);
    await runAll(lines, (args, ran) => {
      const line = args.join(" ");
      // psql has exit codes of its own.
      const codes = takeAnyName.test(line) ? [0, 1, 2, 3, 5] : makeIt.test(line) ? [0, 2, 3, 5] : [2, 3, 5];
      assertTold(args, ran, codes);
    });
    const now = await state();
    const wasThere = (name: string): boolean => !name.startsWith("o'b") && name !== "web";
    assert.deepEqual(now.members, before.members);
    assert.equal(now.clusters, before.clusters);
    assert.deepEqual(
      now.databases.filter(({ name }) => wasThere(name)),
      before.databases,
    );
    assert.deepEqual(
      now.users.filter(({ name }) => wasThere(name)).map(({ name }) => name),
      before.users.map(({ name }) => name),
    );
    for (const app of now.attachments) await installation.ok("detach", "shop", "--yes", `--app=${app}`);
  });

  /** They move, end or make members: what they do in faults has tests of its own (tests/faults, tests/hosts). */
  const moves =
    /^(create|fork|destroy|switchover|failover|restart|stop|start|pause|resume|scale|upgrade|autostop|member (add|remove|reclone))$/;
  const others = ofClusters.filter(({ path }) => !moves.test(path) && !/^(tunnel|connect|import|check)\b/.test(path));
  /** Before `drop`, what drops it can be used. */
  const inOrder = [
    ...others.filter(({ path }) => !/drop|detach/.test(path)),
    ...others.filter(({ path }) => /drop|detach/.test(path)),
  ];

  /** Its report is its result: something failed, and what to do stands beside it. */
  async function tellsWhatFails(): Promise<void> {
    const { code, stdout, stderr } = await inTime(["check", "shop"]);
    assert.equal(code, 1, stdout + stderr);
    assert.match(stdout, /✗ shop-\d, replication: See why: matriarch explain shop/);
  }

  test("a member is down: what needs the primary alone goes on", { timeout: 180_000 }, async () => {
    await installation.ok("pause", "shop", "--for", "10m");
    const down = await cluster.standby();
    process.kill(down.pid, "SIGQUIT");
    await cluster.until("a member down", ({ members }) =>
      members.some(({ id, state: of }) => id === down.id && of !== "streaming"),
    );
    for (const leaf of inOrder) {
      const args = words(leaf, { member: down.id });
      assertTold(args, await inTime(args), [0, 2, 3, 5]);
    }
    await tellsWhatFails();
    for (const args of [
      ["switchover", "shop", "--to", down.id],
      ["member", "remove", "shop", "shop-9", "--yes"],
    ])
      assertTold(args, await installation.run(args), [3, 5]);
    await installation.ok("resume", "shop");
    await cluster.healthy();
  });

  test(
    "no primary: refused with what to do, and nothing has changed when there is one again",
    { timeout: 180_000 },
    async () => {
      const before = await state();
      await installation.ok("pause", "shop", "--for", "10m");
      process.kill((await cluster.primary()).pid, "SIGQUIT");
      await cluster.until("no primary", ({ primary }) => primary === null);
      for (const leaf of inOrder) {
        const args = words(leaf);
        const ran = await inTime(args);
        assertTold(args, ran, [0, 1, 2, 3, 5]);
        if (ran.code === 1) assert.match(ran.stderr, /no primary[^]*HINT:/, args.join(" "));
      }
      await tellsWhatFails();
      await installation.ok("resume", "shop");
      await cluster.healthy();
      assert.deepEqual(await state(), before);
    },
  );
});

/** Flags and arguments of a command that take a name, but the cluster's own. */
function placesOf({ command }: Leaf): readonly string[] {
  const inArguments = command.registeredArguments
    .filter((argument) => argument.required && argument.name() !== "cluster" && names.has(argument.name()))
    .map((argument) => argument.name());
  const inFlags = command.options
    .filter((option) => !option.argChoices && names.has(kindOf(option) ?? ""))
    .map((option) => option.long ?? "");
  return [...inArguments, ...inFlags];
}
