/** The user's hooks at the turns of real servers: their order, what they are told, and that none costs a primary. */
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createCluster, type Cluster } from "./cluster.ts";
import { endAll, makeInstallation, type Installation } from "./installation.ts";
import { isAlive } from "./processes.ts";
import { until } from "./until.ts";

const turns = ["start", "promote", "demote", "stop"];
const names = turns.flatMap((turn) => [`before-${turn}`, `after-${turn}`]);

describe("hooks (3 members, quorum)", () => {
  let installation: Installation;
  let cluster: Cluster;
  let told: string;

  before(async () => {
    installation = await makeInstallation();
    cluster = await createCluster(installation, "shop");
    await mkdir(join(installation.home, "hooks"));
    const place = join(installation.home, "told");
    await mkdir(place);
    // They run as the servers' user.
    await chmod(place, 0o777);
    told = join(place, "lines");
  });
  after(() => installation[Symbol.asyncDispose]());

  async function hook(name: string, body: string): Promise<void> {
    const path = join(installation.home, "hooks", name);
    await rm(path, { force: true });
    await writeFile(path, `#!/bin/sh\necho "$MATRIARCH_MEMBER $MATRIARCH_HOOK $MATRIARCH_ROLE" >> ${told}\n${body}\n`);
    await chmod(path, 0o755);
  }

  async function toldBy(member: string): Promise<readonly string[]> {
    const text = await readFile(told, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line.startsWith(`${member} `));
    return lines.map((line) => line.slice(member.length + 1));
  }

  function saysOf(member: string, wanted: readonly string[]): Promise<true> {
    let seen: readonly string[] = [];
    const look = async (): Promise<true | undefined> => {
      seen = await toldBy(member);
      return seen.length >= wanted.length ? true : undefined;
    };
    const done = until(`hooks of ${member}`, look, { withinMs: 20_000, seen: () => seen.join("\n") });
    return done.then((found) => {
      assert.deepEqual(seen, wanted);
      return found;
    });
  }

  async function standbyAfterSwitchover(): Promise<{ old: string; next: string }> {
    const old = (await cluster.primary()).id;
    await installation.ok("switchover", cluster.name, "--yes");
    await cluster.healthy();
    return { old, next: (await cluster.primary()).id };
  }

  test("a switchover: each in its order, on the member that turns", async () => {
    for (const name of names) await hook(name, "exit 0");
    const { old, next } = await standbyAfterSwitchover();
    await saysOf(next, ["before-promote standby", "after-promote primary"]);
    await saysOf(old, [
      "before-demote primary",
      "before-stop primary",
      "after-stop primary",
      "before-start standby",
      "after-start standby",
      "after-demote standby",
    ]);
  });

  test("they know where they are and nothing that is secret, and are not root", async () => {
    await rm(told);
    const shown = `${told}.environment`;
    await hook("after-promote", `{ env; id -u; } > ${shown}.new; mv ${shown}.new ${shown}`);
    const { next } = await standbyAfterSwitchover();
    const text = await until("the environment", () => readFile(shown, "utf8").catch(() => undefined));
    const { epoch } = await cluster.healthy();
    for (const line of [`MATRIARCH_CLUSTER=shop`, `MATRIARCH_MEMBER=${next}`, `MATRIARCH_EPOCH=${epoch}`])
      assert.ok(text.split("\n").includes(line), `${line} is missing in\n${text}`);
    assert.doesNotMatch(text, /PASSWORD|NODE_|MATRIARCH_HOME|MATRIARCH_ENGINE_CACHE/);
    assert.doesNotMatch(text, /^0$/m);
  });

  test("hanging and failing ones in a failover: an event each, no acknowledged write lost, a primary soon", async () => {
    await hook("before-promote", "sleep 600");
    const since = await cluster.lastEvent();
    const before = await cluster.primary();
    // It stays down long enough that it cannot be the one that goes on.
    await hook("before-start", "echo no such disk; sleep 2; exit 3");
    await cluster.story(async (writer) => {
      await endAll([before.pid]);
      await writer.acknowledged(50, 30_000);
    });
    const failed = await cluster.event("hook.failed", since, before.id);
    assert.match(failed.message, /hook "before-start" of ".*" failed: it /);
    assert.equal(failed.details["output"], "no such disk");
    await rm(join(installation.home, "hooks", "before-start"));
    const next = await cluster.lastEvent();
    await standbyAfterSwitchover();
    const killed = await cluster.event("hook.failed", next);
    assert.match(killed.message, /"before-promote".*had not ended after 1 s, and was killed/);
    await rm(join(installation.home, "hooks", "before-promote"));
  });

  test("one that others can change is not run, and said so", async () => {
    await hook("before-promote", "exit 0");
    await chmod(join(installation.home, "hooks", "before-promote"), 0o777);
    const since = await cluster.lastEvent();
    const { next } = await standbyAfterSwitchover();
    assert.match((await cluster.event("hook.refused", since, next)).message, /others can write to/);
    await rm(join(installation.home, "hooks", "before-promote"));
  });

  test("the agent killed while one runs: it ends too, and the cluster goes on with the next agent", async () => {
    const own = `${told}.pid`;
    await hook("before-demote", `echo $$ > ${own}.new; mv ${own}.new ${own}; sleep 600`);
    const asked = installation.run(["switchover", cluster.name, "--yes"]);
    const pid = Number(await until("the hook", () => readFile(own, "utf8").catch(() => undefined)));
    await installation.killAgent();
    await until("the hook to end", () => (isAlive(pid) ? undefined : true));
    await rm(join(installation.home, "hooks", "before-demote"));
    await installation.startAgent();
    await asked;
    await cluster.healthy();
    await cluster.query("CREATE TABLE goes_on (id int)");
  });

  test("a limit of one's own holds, and a misspelled name is told by an event and by check", async () => {
    const misspelled = join(installation.home, "hooks", "after_promote");
    await writeFile(misspelled, "#!/bin/sh\n", { mode: 0o755 });
    await hook("before-promote", "sleep 1.5");
    await writeFile(join(installation.home, "agent.json"), '{ "hook_limits": { "before-promote": "6s" } }');
    const started = await cluster.lastEvent();
    await installation.killAgent();
    await installation.startAgent();
    const said = await cluster.event("hook.misplaced", started);
    assert.match(said.message, /"after_promote" is never run: it is not called "after-promote"/);
    await cluster.healthy();
    const checked = await installation.run(["check", cluster.name, "--group", "vm"]);
    assert.match(checked.stdout, /hooks.*"after_promote" is never run/);
    await rm(misspelled);
    const since = await cluster.lastEvent();
    const { next } = await standbyAfterSwitchover();
    await cluster.event("switchover.done", since);
    const failed = (await cluster.events()).filter(({ id, type }) => id > since && type === "hook.failed");
    assert.deepEqual(failed, [], "it had more than the usual second");
    assert.ok((await toldBy(next)).includes("before-promote standby"));
  });
});
