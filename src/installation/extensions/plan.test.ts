/** What is found out about hosts before an extension is enabled, and what would be loaded: on scenes that are made up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContentsAnswer } from "../../contract/peer.ts";
import type { ExtensionPlan, ExtensionWish } from "../../contract/extensions.ts";
import type { ClusterSpec, EngineKind } from "../../domain/cluster.ts";
import type { InstalledExtension } from "../../drivers/postgres/extensions/look.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import type { HostContents } from "./hosts.ts";
import { planDisable } from "./plan-disable.ts";
import { planEnable } from "./plan-enable.ts";
import type { Scene } from "./scene.ts";

interface Made {
  readonly engine?: EngineKind;
  readonly hosts: Readonly<Record<string, Partial<ContentsAnswer> | undefined>>;
  readonly settings?: Readonly<Record<string, string>>;
  readonly running?: Readonly<Record<string, string>>;
  readonly databases?: Readonly<Record<string, readonly string[]>>;
}

function sceneOf({ engine = "system", hosts, settings = {}, running = {}, databases = { orders: [] } }: Made): Scene {
  const spec: Pick<ClusterSpec, "name" | "engine" | "major" | "settings"> = {
    name: "shop",
    engine,
    major: 15,
    settings,
  };
  const values = (value: string) => new Map([["shared_preload_libraries", value]]);
  return {
    name: "shop",
    spec: { ...whole, ...spec },
    hosts: Object.entries(hosts).map(([host, contents], at): HostContents => {
      const members = [`shop-${at + 1}`];
      return { host, members, contents: contents && { extensions: [], libraries: [], packages: [], ...contents } };
    }),
    databases: new Map(Object.entries(databases).map(([name, found]) => [name, found.map(installed)])),
    running: new Map(Object.entries(running).map(([member, value]) => [member, values(value)])),
  };
}

const whole: ClusterSpec = {
  name: "shop",
  generation: 1,
  major: 15,
  engine: "system",
  durability: "quorum",
  members: ["shop-1", "shop-2"],
  primaryRegion: "local",
  lastMember: 2,
  wish: "running",
  memoryBytes: 1 << 30,
  cpus: 2,
  ports: { primary: 1, read: 2 },
  settings: {},
  readLagBytesMax: 1,
  failoverLagBytesMax: 1,
  systemIdentifier: "1",
  createdAt: 0,
};

const installed = (name: string): InstalledExtension => ({
  name,
  version: "1.0",
  schema: "public",
  available: "1.0",
  comment: "",
  hasUpdate: false,
});

const cron = { name: "pg_cron", version: "1.4", comment: "", requires: [], library: "pg_cron" };
const withCron = { extensions: [cron], libraries: ["pg_cron", "pg_stat_statements"] };
const outlook = (change: Partial<ContentsAnswer["packages"][number]> = {}) => ({
  packages: [
    {
      extension: "pg_cron",
      system: "Debian 12",
      package: "postgresql-15-cron",
      candidate: "1.4",
      may_install: true,
      ...change,
    },
  ],
});

const wish: ExtensionWish = { change: "enable", name: "pg_cron", cascade: false, restart: false, install: false };

/** Nothing here asks the primary: whoever did would fail. */
const noParts = {} as unknown as Parts;

const enable = (scene: Scene, change: Partial<ExtensionWish> = {}): Promise<ExtensionPlan> =>
  planEnable(noParts, scene, { ...wish, ...change }, "orders");

async function refusal(planned: Promise<unknown>): Promise<string> {
  const error = await planned.then(
    () => undefined,
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof OpError, String(error));
  return [error.code, error.message, error.detail, error.hint].join("\n");
}

test("one host of two lacks it: named, with the command; --install would run it there alone", async () => {
  const scene = sceneOf({ hosts: { a: withCron, b: outlook() } });
  const said = await refusal(enable(scene));
  assert.match(said, /^extension-missing\nhost "b" lacks extension "pg_cron"\n/);
  assert.match(said, /--install.*apt-get install -y --no-install-recommends postgresql-15-cron$/);
  const already = sceneOf({ hosts: { a: withCron, b: outlook() }, databases: { orders: ["pg_cron"] } });
  const plan = await enable(already, { install: true });
  assert.deepEqual(
    plan.installs.map(({ host }) => host),
    ["b"],
  );
});

test("a package that cannot be had, or an agent that may not install it, is told and not tried", async () => {
  const none = sceneOf({ hosts: { a: outlook({ candidate: null }) } });
  assert.match(
    await refusal(enable(none, { install: true })),
    /Debian 12 has no package postgresql-15-cron\.\n.*as root, there: /,
  );
  const notRoot = sceneOf({ hosts: { a: withCron, b: outlook({ may_install: false }) } });
  assert.match(await refusal(enable(notRoot, { install: true })), /does not run as root.*apt-get install/);
});

test("a host that does not answer: nobody knows of packages; the packaged binaries are the same everywhere", async () => {
  const hosts = { a: withCron, b: undefined };
  assert.match(await refusal(enable(sceneOf({ hosts }))), /^host-unreachable\n"b" does not answer/);
  const databases = { orders: ["pg_cron"] };
  const plan = await enable(sceneOf({ hosts, engine: "embedded", databases }));
  assert.deepEqual(plan.installs, []);
});

test("a control file without its library is not enough, and different versions are none", async () => {
  const half = sceneOf({ hosts: { a: withCron, b: { ...withCron, libraries: [], ...outlook() } } });
  assert.match(await refusal(enable(half)), /host "b" lacks extension "pg_cron"/);
  const older = { ...withCron, extensions: [{ ...cron, version: "1.3" }] };
  assert.match(
    await refusal(enable(sceneOf({ hosts: { a: withCron, b: older } }))),
    /different versions.*\n"a" has 1\.4, "b" has 1\.3/,
  );
});

test("loaded after what is loaded, in the one database that may have it, on members that do not have it yet", async () => {
  const plan = await enable(
    sceneOf({
      hosts: { a: withCron },
      databases: { orders: ["pg_cron"] },
      settings: { shared_preload_libraries: "pg_stat_statements" },
      running: { "shop-2": "pg_stat_statements", "shop-1": "pg_stat_statements" },
    }),
  );
  assert.deepEqual(plan.settings, {
    "shared_preload_libraries": "pg_stat_statements,pg_cron",
    "cron.use_background_workers": "on",
    "cron.database_name": "orders",
  });
  assert.deepEqual(plan.restart, ["shop-2", "shop-1"]);
});

test("what the user has set for it stays", async () => {
  const settings = {
    "shared_preload_libraries": "pg_cron",
    "cron.use_background_workers": "off",
    "cron.database_name": "orders",
  };
  const databases = { orders: ["pg_cron"] };
  const scene = sceneOf({ hosts: { a: withCron }, databases, settings, running: { "shop-1": "pg_cron" } });
  const values = new Map([
    ["shared_preload_libraries", "pg_cron"],
    ["cron.database_name", "orders"],
  ]);
  const plan = await enable({ ...scene, running: new Map([["shop-1", values]]) });
  assert.deepEqual([plan.settings, plan.restart, plan.is_done], [{}, [], true]);
});

test("a member that came up without the library is restarted, and no other", async () => {
  const settings = { shared_preload_libraries: "pgaudit" };
  const audit = { ...cron, name: "pgaudit", library: "pgaudit" };
  const hosts = { a: { extensions: [audit], libraries: ["pgaudit"] } };
  const running = { "shop-2": "", "shop-1": "pgaudit" };
  const scene = sceneOf({ hosts, databases: { orders: ["pgaudit"] }, settings, running });
  const plan = await enable(scene, { name: "pgaudit" });
  assert.deepEqual([plan.settings, plan.restart, plan.is_done], [{}, ["shop-2"], false]);
});

test("written by a change that was cut short, and not in force yet: the restart is still to come", async () => {
  const settings = {
    "shared_preload_libraries": "pg_cron",
    "cron.use_background_workers": "on",
    "cron.database_name": "orders",
  };
  const made = {
    hosts: { a: withCron },
    databases: { orders: ["pg_cron"] },
    settings,
    running: { "shop-1": "pg_cron" },
  };
  const scene = sceneOf(made);
  const [, values = new Map<string, string>()] = [...scene.running][0] ?? [];
  const before = new Map([...values, ["cron.use_background_workers", "on"], ["cron.database_name", "postgres"]]);
  const after = new Map([...before, ["cron.database_name", "orders"]]);
  assert.deepEqual((await enable({ ...scene, running: new Map([["shop-1", before]]) })).restart, ["shop-1"]);
  assert.deepEqual((await enable({ ...scene, running: new Map([["shop-1", after]]) })).restart, []);
});

test("disabled, a library stays while another database has an extension that needs it", async () => {
  const settings = { shared_preload_libraries: "pg_stat_statements,auto_explain" };
  const names = ["pg_stat_statements"];
  const running = { "shop-1": "pg_stat_statements,auto_explain" };
  const off = { ...wish, change: "disable", name: "auto_explain" } as const;
  const stays = sceneOf({
    hosts: {},
    settings: { session_preload_libraries: "auto_explain" },
    databases: { orders: names },
  });
  const plan = await planDisable(noParts, stays, off, null);
  assert.deepEqual(plan.settings, { session_preload_libraries: null });
  const unloaded = sceneOf({ hosts: {}, settings, running });
  assert.match(await refusal(planDisable(noParts, unloaded, off, null)), /^extension-not-found/);
});
