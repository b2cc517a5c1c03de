/**
 * Every command where it is needed most: without the store, without a primary, without both, and without this host's
 * agent. Each answers within seconds, says what it can and what it cannot do, and never with a trace of the program. A
 * test holds that no command of the command line is left out.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { leavesOf } from "../../scripts/cli-page.ts";
import { createProgram } from "../../src/cli/program.ts";
import { signalAll } from "../faults/processes.ts";
import { until } from "../faults/until.ts";
import { whyNoLab } from "./lab/able.ts";
import { LabCluster } from "./lab/cluster.ts";
import type { Host } from "./lab/host.ts";
import { Lab } from "./lab/lab.ts";
import type { Ran } from "./lab/shell.ts";
import { hostPort } from "./lab/stories.ts";

/** Seconds on a machine of its own; here others work, too. */
const answersWithinMs = 12_000;

const states = ["no store", "no primary", "nothing but this host"] as const;
type State = (typeof states)[number];

interface Expected {
  readonly code: number;
  readonly says: RegExp;
}

interface Line {
  readonly args: readonly string[];
  /** what it comes to in a state; it is not run in those that are not named */
  readonly in: Readonly<Partial<Record<State, Expected>>>;
}

const away = /store cannot be reached since/;
const noStore: Expected = { code: 1, says: /ERROR:.*(store|etcd) cannot be reached.*HINT:.*matriarch host list/s };
const done = (says: RegExp): Expected => ({ code: 0, says });
const refused = (says: RegExp): Expected => ({ code: 3, says: new RegExp(`ERROR:.*${says.source}.*HINT:`, "s") });

/** Tells, whatever the state. */
function tells(args: readonly string[], says: RegExp, dark: Partial<Record<State, RegExp>> = {}): Line {
  return { args, in: Object.fromEntries(states.map((state) => [state, done(dark[state] ?? says)])) };
}

function everywhere(expected: Expected): Line["in"] {
  return Object.fromEntries(states.map((state) => [state, expected]));
}

/** Changes something, which needs the store. @param without what it comes to when there is a store and no primary */
function changes(args: readonly string[], without?: Expected): Line {
  const dark = { "no store": noStore, "nothing but this host": noStore };
  return { args, in: without === undefined ? dark : { ...dark, "no primary": without } };
}

const noPrimary = { code: 1, says: /ERROR:.*no primary.*HINT:.*explain shop/s };
const votesMissing = refused(/can become primary now.*votes and has/);
const noBackups = refused(/no backups in a repository elsewhere/);
const dryRun = { code: 3, says: /Nothing was changed/ };

/** Stands for the name of a host that is not the one that is asked. */
const other = "OTHER";

const lines: readonly Line[] = [
  tells(["list"], away, { "no primary": /shop +unavailable/ }),
  tells(["status", "shop"], away, { "no primary": /unavailable.*votes.*no primary now/s }),
  tells(["explain", "shop"], away, { "no primary": /host "." does not answer.*accept-data-loss/s }),
  tells(["events", "shop", "--limit", "3"], /store cannot be reached/, { "no primary": /./ }),
  tells(["logs", "shop", "--lines", "1"], /shop-/),
  tells(["uri", "shop"], /^postgresql:.*verify-full/),
  tells(["uri", "shop", "--multi-host"], /(10\.[\d.]+:\d+,?){3}.*target_session_attrs=read-write/),
  tells(["uri", "shop", "--ca"], /BEGIN CERTIFICATE/),
  tells(["member", "list", "shop"], /shop-1.*shop-2.*shop-3/s),
  tells(["host", "list"], away, { "no primary": /unreachable.*unreachable/s }),
  tells(["agent", "status"], away, { "no primary": /agent runs/ }),
  tells(["agent", "start"], /agent runs/),
  tells(["audit", "--limit", "2"], /WHEN/),
  tells(["context", "list"], /There are none/),
  tells(["completion", "bash"], /complete/),
  tells(["version"], /matriarch/),
  tells(["tunnel", "shop", "--exec", "echo reached"], /reached/),
  tells(["help", "outages"], /explain shop/),
  tells(["man", "status"], /SYNOPSIS/),
  tells(["host", "init"], /nothing was changed/),
  {
    args: ["connect", "shop", "-c", "SELECT 6 * 7"],
    in: { "no store": done(/42/), "no primary": noPrimary, "nothing but this host": noPrimary },
  },
  tells(["connect", "shop", "--role", "read", "-c", "SELECT 6 * 7"], /42/),
  { args: ["switchover", "shop", "--dry-run"], in: { "no store": dryRun, "no primary": dryRun } },
  { args: ["failover", "shop", "--dry-run"], in: { "no store": dryRun, "no primary": dryRun } },
  changes(["switchover", "shop"], refused(/no standby can become primary/)),
  changes(["failover", "shop", "--yes"], votesMissing),
  changes(["failover", "shop", "--force", "--yes"], votesMissing),
  changes(["restart", "shop"], noPrimary),
  changes(["stop", "shop"]),
  changes(["start", "shop"]),
  changes(["scale", "shop", "--members", "2", "--yes"]),
  changes(["member", "remove", "shop", "shop-3", "--yes"]),
  changes(["member", "reclone", "shop", "shop-3", "--yes"]),
  { args: ["member", "add", "shop"], in: { "no store": noStore, "no primary": refused(/too few hosts answer/) } },
  changes(["destroy", "shop", "--yes"]),
  { args: ["create", "other", "--members", "1"], in: { "no store": noStore } },
  changes(["pause", "shop", "--for", "1m"], done(/Automation is paused/)),
  changes(["resume", "shop"], done(/^(?!.*paused)/s)),
  { args: ["user", "rotate", "shop"], in: { "no store": done(/postgresql:/), "no primary": noPrimary } },
  { args: ["host", "settings"], in: { "no store": noStore, "no primary": done(/\w/) } },
  changes(["host", "token"], done(/host join/)),
  changes(["host", "label", other, "disk=x"], done(/disk=x/)),
  changes(["host", "drain", other]),
  changes(["host", "undrain", other], done(/takes members/)),
  changes(["host", "remove", other, "--yes"], refused(/host "." has a member/)),
  {
    args: ["token", "create", "--name", "x", "--role", "viewer"],
    in: { "no store": noStore, "no primary": done(/mtr_/) },
  },
  { args: ["token", "list"], in: { "no store": noStore, "no primary": done(/viewer/) } },
  changes(["token", "revoke", "nothing"], { code: 5, says: /HINT:.*token list/ }),
  {
    args: ["certificate", "create", "--name", "x", "--role", "viewer"],
    in: { "no store": noStore, "no primary": done(/context add/) },
  },
  { args: ["certificate", "list"], in: { "no store": noStore, "no primary": done(/viewer/) } },
  changes(["certificate", "revoke", "nothing"], { code: 5, says: /HINT:.*certificate list/ }),
  tells(["restore-point", "list", "shop"], /restore point|restored to|RESTORE/i),
  {
    args: ["restore-point", "create", "shop", "dark"],
    in: { "no store": done(/made at/), "no primary": noPrimary, "nothing but this host": noPrimary },
  },
  // It has no snapshot yet, which is told first.
  { args: ["restore", "shop", "shop2", "--yes"], in: everywhere(refused(/nothing to restore "shop" from/)) },
  changes(["restore", "shop", "--in-place", "--at", "1 minute ago", "--yes"]),
  { args: ["backup", "show", "shop"], in: everywhere(noBackups) },
  { args: ["backup", "list", "shop"], in: everywhere(noBackups) },
  { args: ["backup", "create", "shop"], in: { "no store": noBackups } },
  changes(["backup", "enable", "shop", "--to", "/nonexistent/backups", "--no-encryption"]),
  tells(["pool", "show", "shop"], /has no pooled endpoint.*pool set shop --on/),
  changes(["pool", "set", "shop", "--on"]),
  tells(["reads", "shop"], /[13]0 s and 64 MB/),
  changes(["reads", "shop", "--max-lag", "10s"], done(/10 s/)),
  // Hosts and servers that do not answer are what these are to say.
  {
    // The machine's load is no part of the story.
    args: ["check", "shop", "--group", "role"],
    in: {
      "no store": done(/shop-1 +role +role.* primary/),
      "no primary": { code: 1, says: /Host "." could not be asked/ },
      "nothing but this host": { code: 1, says: /Host "." could not be asked/ },
    },
  },
  {
    args: ["metrics", "shop"],
    in: {
      "no store": done(/matriarch_.*shop/s),
      "no primary": { code: 1, says: /matriarch_.*members on host "." are missing/s },
      "nothing but this host": { code: 1, says: /matriarch_.*members on host "." are missing/s },
    },
  },
  { args: ["host", "join", "nonsense"], in: { "no store": refused(/not a token/) } },
];

/**
 * Run elsewhere: they end the agent or become it, change a file of the user's, belong to applications (tests/user), or
 * make the store anew, which has a story of its own.
 */
const elsewhere = new RegExp(
  `^(${[
    "agent (stop|run)|context (add|use|remove)|attach|detach|database \\w+|user (list|create|grant|drop)|host rebuild-store",
    // tests/user/every-command.test.ts tries them without a primary
    "(config|volume|snapshot|extension|import) \\w+|fork|upgrade|autostop",
    // Of a host and not of a cluster: tests/user/logs.test.ts
    "drain \\w+",
    // With repositories: tests/hosts/backup.test.ts
    "backup (connect|disable|key|lock|unlock|set|verify)",
  ].join("|")})$`,
);

describe("in the dark", () => {
  test("every command is among those that are tried", () => {
    const tried = lines.map(({ args }) => args.join(" "));
    const all = createProgram(async () => {}).commands.flatMap((made) => leavesOf(made, ""));
    const missing = all
      .map(({ path }) => path.trim())
      .filter((path) => !elsewhere.test(path) && !tried.some((line) => `${line} `.startsWith(`${path} `)));
    assert.deepEqual(missing, []);
  });
});

describe("in the dark, over three hosts", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let cluster: LabCluster;
  let here: Host;

  before(
    async () => {
      lab = await Lab.make();
      cluster = await LabCluster.create(lab, "shop");
      here = await cluster.primary();
    },
    { timeout: 120_000 },
  );
  after(() => lab?.[Symbol.asyncDispose](), { timeout: 60_000 });

  test("no store, a healthy primary", { timeout: 480_000 }, async () => {
    const names = lab.hosts.map(({ name }) => name);
    await lab.network.cut({ from: names, to: names, ports: [hostPort.etcdClient, hostPort.etcdPeer] });
    // What fails here is no reason for the other states to be tried without a store.
    await withoutStore().finally(() => lab.network.mend());
    await cluster.until("with store", ({ store }) => store.reachable, 60_000, here);
    await cluster.healthy();
  });

  async function withoutStore(): Promise<void> {
    await cluster.until("without store", ({ store }) => !store.reachable, 30_000, here);
    const before = await cluster.status(here);
    await runAll(here, "no store");
    // An agent that starts now goes on with what it remembers, before the guard gives its servers up.
    const started = await agentOf(here);
    await here.killRole("agent");
    await until("another agent", async () => ((await agentOf(here)) ?? started) !== started || undefined);
    await cluster.until("known to be without store", ({ store }) => !store.reachable, 10_000, here);
    const later = await cluster.status(here);
    assert.equal(later?.primary, before?.primary);
    assert.equal(later?.epoch, before?.epoch);
    assert.match((await here.matriarch(["connect", "shop", "-c", "CREATE TABLE dark ()"])).stdout, /CREATE TABLE/);
  }

  test("this host's agent does not run", { timeout: 120_000 }, async () => {
    const [dark] = lab.hosts.filter((host) => host !== here);
    assert.ok(dark);
    await endAgent(dark);
    const url = `https://${here.address}:${hostPort.api}`;
    await expect(dark, ["agent", "status"], { code: 1, says: /does not run.*HINT:.*agent start/s });
    // Root on a host needs nothing but the host's own key to ask the other agents.
    await expect(dark, ["--host", url, "status", "shop"], done(/shop is/));
    await expect(dark, ["--host", url, "host", "list"], done(/unreachable/));
    await expect(dark, ["--host", url, "host", "label", dark.name, "dark=yes"], done(/dark=yes/));
    await expect(here, ["audit", "--limit", "1"], done(new RegExp(`host ${dark.name}`)));
    await expect(dark, ["list"], done(/starting the agent/));
    await expect(dark, ["agent", "stop"], done(/has stopped/));
    dark.boot();
    await cluster.healthy();
  });

  test("no primary: the others' hosts have only their etcd", { timeout: 480_000 }, async () => {
    // At once: one after the other, the primary would go on without its voters.
    const [standby] = await cluster.standbys();
    assert.ok(standby);
    here = standby;
    const others = lab.hosts.filter((other) => other !== here);
    const etcds = others.map((host) => host.process("etcd"));
    for (const host of others) signalAll(host.find(/matriarch-service/), "SIGKILL");
    signalAll(
      others.flatMap((host) => host.pids()).filter((pid) => !etcds.includes(pid)),
      "SIGKILL",
    );
    await cluster.until("without primary", isDark, 60_000, here);
    await runAll(here, "no primary");
  });

  test("nothing but this host: neither store nor primary", { timeout: 480_000 }, async () => {
    for (const host of lab.hosts.filter((other) => other !== here)) await host.kill();
    await cluster.until("in the dark", (status) => isDark(status) && !status.store.reachable, 60_000, here);
    await runAll(here, "nothing but this host");
    await expect(here, ["agent", "stop", "--servers"], done(/stopped/));
    assert.ok(!here.has("postmaster"));
  });
});

function isDark({ primary, state }: { readonly primary: string | null; readonly state: string }): boolean {
  return primary === null && state === "unavailable";
}

async function endAgent(host: Host): Promise<void> {
  signalAll(host.find(/matriarch-service/), "SIGKILL");
  await host.killRole("agent");
}

async function agentOf(host: Host): Promise<unknown> {
  const told = await host.api("/v1/agent");
  return typeof told === "object" && told !== null && "pid" in told ? told.pid : undefined;
}

/** All of them, so that one run tells of everything that is wrong. */
async function runAll(host: Host, state: State): Promise<void> {
  const elseName = host.name === "b" ? "c" : "b";
  const problems: string[] = [];
  for (const { args, in: expected } of lines) {
    const wanted = expected[state];
    try {
      if (wanted)
        await expect(
          host,
          args.map((word) => (word === other ? elseName : word)),
          wanted,
        );
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  assert.equal(problems.length, 0, `${state}:\n${problems.join("\n\n")}`);
}

async function expect(host: Host, args: readonly string[], { code, says }: Expected): Promise<void> {
  const began = performance.now();
  const ran = await host.matriarch(args, { withinMs: 30_000 });
  const took = performance.now() - began;
  const told = `matriarch ${args.join(" ")}: ${ran.code} after ${took.toFixed(0)} ms\n${whole(ran)}`;
  assert.equal(ran.code, code, told);
  assert.match(whole(ran), says, told);
  assert.doesNotMatch(whole(ran), /\n +at |did not expect/, told);
  assert.ok(took < answersWithinMs, told);
}

function whole({ stdout, stderr }: Ran): string {
  return `${stdout}\n${stderr}`;
}
