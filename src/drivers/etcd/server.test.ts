/** This host's etcd on real processes: founded, joined by two more, killed, robbed of its data, damaged, taken out. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, describe, test } from "node:test";
import { promisify } from "node:util";
import { etcdctlPath, etcdPath, makeHostCertificates, makeUserCertificate } from "../../../tests/fixtures/etcd.ts";
import { leaveNothingOf } from "../../../tests/fixtures/leave-nothing.ts";
import { freePorts } from "../../../tests/fixtures/ports.ts";
import { noLog } from "../../log/log.ts";
import { openEtcdStore } from "../store/etcd/store.ts";
import type { Store } from "../store/port.ts";
import { careForEtcd } from "./care.ts";
import { readState, writeState } from "./files.ts";
import type { EtcdNews } from "./port.ts";
import { findEtcd } from "./program.ts";
import { EtcdServer } from "./server.ts";

const program = await findEtcd([etcdPath]);
const ends: (() => unknown)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

interface Host {
  readonly home: string;
  readonly server: EtcdServer;
  readonly news: EtcdNews[];
  /** another agent on the same home */
  again(): EtcdServer;
}

/** Hosts of one installation, each with a home and a certificate; none has an etcd yet. */
async function makeHosts(names: readonly string[], more: { readonly quotaBytes?: number } = {}): Promise<Host[]> {
  const root = await mkdtemp(join(tmpdir(), "etcd-hosts-"));
  leaveNothingOf(root);
  await chmod(root, 0o755);
  ends.push(() => rm(root, { recursive: true, force: true }));
  const firstPort = await freePorts(2 * names.length);
  return Promise.all(
    names.map(async (name, index) => {
      const home = join(root, name);
      const address = `127.0.0.${index + 1}`;
      if (index > 0) while (!(await exists(join(root, names[0] ?? "", "host")))) await sleep(20);
      await makeHostCertificates(home, name, address, join(root, names[0] ?? ""));
      await chmod(home, 0o755);
      const self = { home, name, address, clientPort: firstPort + 2 * index, peerPort: firstPort + 2 * index + 1 };
      const news: EtcdNews[] = [];
      const make = () => {
        const server = new EtcdServer({ self, program, log: noLog, tell: (item) => news.push(item), ...more });
        ends.push(() => server.stop());
        return server;
      };
      return { home, news, server: make(), again: make };
    }),
  );
}

const soon = () => AbortSignal.timeout(30_000);

async function exists(directory: string): Promise<boolean> {
  return (await readdir(directory).catch((): string[] => [])).includes("host.crt");
}

async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 30_000): Promise<void> {
  for (const end = performance.now() + withinMs; performance.now() < end; await sleep(50)) {
    if (await Promise.resolve(holds()).catch(() => false)) return;
  }
  assert.fail(`not in time: ${what}`);
}

function storeOf(hosts: readonly Host[]) {
  const [first] = hosts;
  assert.ok(first);
  const { ca: caFile, cert: certFile, key: keyFile } = first.server.files.tls;
  const endpoints = hosts.map(({ server }) => server.url);
  const store = openEtcdStore({ endpoints, prefix: "/matriarch/", tls: { caFile, certFile, keyFile }, log: noLog });
  ends.push(() => store.close());
  return store;
}

/** Writes "k" if it is as it was read, like all that the product writes. */
async function raise(store: Store): Promise<boolean> {
  const [k] = (await store.read("k")).entries;
  const require = [{ key: "k", revision: k?.revision ?? 0 }];
  return (await store.commit({ require, put: [{ key: "k", value: randomUUID() }] })).committed;
}

/** Revision and hash of what each of these servers has itself. */
function statesOf(hosts: readonly Host[]): Promise<string[]> {
  return Promise.all(
    hosts.map(async ({ server: { url, files } }) => {
      const trust = ["--cacert", files.tls.ca, "--cert", files.tls.cert, "--key", files.tls.key];
      const asked = ["--endpoints", url, "endpoint", "hashkv", "-w", "json"];
      const env = { ...process.env, ETCDCTL_API: "3" };
      const { stdout } = await promisify(execFile)(etcdctlPath, [...trust, ...asked], { env, timeout: 10_000 });
      const found = ["revision", "hash"].map((name) => new RegExp(`"${name}":(\\d+)`).exec(stdout)?.[1]);
      assert.ok(
        found.every((value) => value !== undefined),
        stdout,
      );
      return found.join(" ");
    }),
  );
}

describe("etcd of three hosts", () => {
  test("founded by the first, joined by two more, and one lost after the other", async (t) => {
    const hosts = await makeHosts(["a", "b", "c"]);
    const [a, b, c] = hosts;
    assert.ok(a && b && c);

    await t.test("the first takes writes; founding again changes nothing", async () => {
      await a.server.found(soon());
      const store = storeOf([a]);
      assert.equal((await store.commit({ require: [], put: [{ key: "k", value: 1 }] })).committed, true);
      const pid = a.server.pid;
      await a.again().found(soon());
      assert.equal(a.server.pid, pid);
      assert.equal((await store.read("")).entries.length, 1);
    });

    await t.test("the others join one after the other, and have a vote", async () => {
      await b.server.join([a.server.url], soon());
      await c.server.join([a.server.url, b.server.url], soon());
      const members = a.server.members([a.server.url]);
      const all = await members.list();
      members.close();
      const voters = all.filter(({ isLearner }) => !isLearner).map(({ name }) => name);
      assert.deepEqual(new Set(voters), new Set(["a", "b", "c"]));
    });

    await t.test("a user's certificate of the same authority does not open it", async () => {
      const { cert, key } = await makeUserCertificate(a.home);
      await writeFile(join(a.home, "user.crt"), cert);
      await writeFile(join(a.home, "user.key"), key);
      const tls = {
        caFile: join(a.home, "ca/ca.crt"),
        certFile: join(a.home, "user.crt"),
        keyFile: join(a.home, "user.key"),
      };
      const store = openEtcdStore({ endpoints: [a.server.url], prefix: "/matriarch/", tls, log: noLog });
      await assert.rejects(store.read(""), { code: "store-refused" });
      await store.close();
    });

    await t.test("one that is killed is started again, by this agent or by the next", async () => {
      const pid = c.server.pid;
      assert.ok(pid);
      process.kill(pid, "SIGKILL");
      await until("another process", () => c.server.pid !== undefined && c.server.pid !== pid);
      c.server.close();
      const next = c.again();
      assert.equal(await next.ensure(), "adopted");
      assert.equal(next.pid, c.server.pid);
    });

    await t.test("care remembers the others, and copies the data of the one that leads", async () => {
      for (const { server, news } of hosts) {
        // The one that was killed may not have found its leader yet.
        const members = server.members();
        await until("its leader", async () => (await members.health(server.url)).leader !== "0");
        members.close();
        await careForEtcd({ server, tell: (item) => news.push(item), wallNow: Date.now() });
      }
      assert.ok(hosts.some(({ news }) => news.some(({ kind }) => kind === "snapshot")));
    });

    await t.test("one whose data are gone gets them from the others", async () => {
      const server = b.server;
      const pid = server.pid;
      assert.ok(pid);
      await rm(server.files.data, { recursive: true });
      process.kill(pid, "SIGKILL");
      await until("rebuilt", () => b.news.some(({ kind }) => kind === "rebuilt"));
      const members = a.server.members([a.server.url]);
      await until(
        "three voters",
        async () => (await members.list()).filter(({ isLearner }) => !isLearner).length === 3,
      );
      members.close();
    });

    await t.test("one whose log is damaged gets its data from the others, and the old ones are kept", async () => {
      const pid = b.server.pid;
      assert.ok(pid);
      process.kill(pid, "SIGKILL");
      await truncate(join(b.server.files.data, "member/snap/db"), 5000);
      const before = b.news.length;
      await until("rebuilt", () => b.news.slice(before).some(({ kind }) => kind === "rebuilt"), 40_000);
      assert.ok((await readdir(join(b.home, "etcd"))).includes("put-aside"));
      assert.equal((await storeOf([b]).read("")).entries.length, 1);
    });

    await t.test("the one that leads is taken out, and the next write does not notice", async () => {
      const members = a.server.members(hosts.map(({ server }) => server.url));
      const { leader: lead } = await members.health(a.server.url);
      const leader = (await members.list()).find(({ id }) => id === lead);
      assert.ok(leader);
      const left = hosts.filter(({ server }) => !leader.clientUrls.includes(server.url));
      const store = storeOf(left);
      await store.read("");
      const others = left[0]?.server.members(left.map(({ server }) => server.url));
      // etcd lets none go before all have seen each other for five seconds.
      await until("it to go", async () => (await others?.takeOut(leader), true));
      assert.equal((await store.commit({ require: [], put: [{ key: "k", value: 2 }] })).committed, true);
      assert.equal((await others?.list())?.length, 2);
      for (const one of [members, others]) one?.close();
    });
  });
});

test("etcd of one host goes on alone when the others are lost for good, and those that join come to the same", async () => {
  const [a, b, c, d, e] = await makeHosts(["a", "b", "c", "d", "e"]);
  assert.ok(a && b && c && d && e);
  await a.server.found(soon());
  await b.server.join([a.server.url], soon());
  await c.server.join([a.server.url, b.server.url], soon());
  const store = storeOf([a]);
  await store.commit({ require: [], put: [{ key: "k", value: 1 }] });
  await assert.rejects(a.server.standAlone(soon()), { code: "host-in-use", message: /has its majority/ });

  // One that follows knows of its last entry that it is committed, has applied it, and has not written that down.
  const members = a.server.members();
  await until("another leader", async () => {
    await members.moveLeadAway(a.server.url);
    const { id, leader } = await members.health(a.server.url);
    return leader !== "0" && leader !== id;
  });
  members.close();
  for (let n = 0; n < 9; n++) assert.equal(await raise(store), true);
  const last = await store.commit({ require: [], put: [{ key: "k", value: "last" }] });
  for (const { server } of [b, c]) {
    assert.ok(server.pid);
    server.close();
    process.kill(server.pid, "SIGKILL");
  }
  const require = [{ key: "k", revision: last.revision }];
  const pending = [1, 2, 3].map((value) =>
    store.commit({ require, put: [{ key: "k", value }] }).catch(() => undefined),
  );
  for (const { server } of [b, c]) await rm(server.files.directory, { recursive: true });
  await until("no majority", () =>
    store.read("").then(
      () => false,
      () => true,
    ),
  );
  await a.server.standAlone(AbortSignal.timeout(60_000));
  await Promise.all(pending);
  assert.ok(a.news.some(({ kind }) => kind === "alone"));
  await until("writes", () => raise(store));

  await d.server.join([a.server.url], soon());
  await e.server.join([a.server.url, d.server.url], soon());
  for (let n = 0; n < 10; n++) assert.equal(await raise(store), true);
  // A member that follows applies a moment later.
  await until("the same revision and data in all", async () => new Set(await statesOf([a, d, e])).size === 1, 10_000);

  // Started again, it throws nobody out.
  const pid = a.server.pid;
  assert.ok(pid);
  process.kill(pid, "SIGKILL");
  await until("another process", () => a.server.pid !== undefined && a.server.pid !== pid);
  const asked = a.server.members([d.server.url]);
  const names = async () => (await asked.list()).map(({ name }) => name).toSorted();
  await until("all members", async () => (await names()).join() === "a,d,e");
  asked.close();
});

describe("etcd of one host", () => {
  test("a full one is made room in, and takes writes again", async () => {
    const [host] = await makeHosts(["a"], { quotaBytes: 4 * 1024 * 1024 });
    assert.ok(host);
    await host.server.found(soon());
    const store = storeOf([host]);
    const value = "x".repeat(100_000);
    await assert.rejects(
      async () => {
        for (let n = 0; n < 100; n++) await store.commit({ require: [], put: [{ key: "k", value: `${n}${value}` }] });
      },
      { code: "store-full" },
    );
    await careForEtcd({ server: host.server, tell: (item) => host.news.push(item), wallNow: Date.now() });
    assert.deepEqual(
      host.news.map(({ kind }) => kind).filter((kind) => kind.startsWith("quota")),
      ["quota-reached", "quota-cleared"],
    );
    assert.equal((await store.commit({ require: [], put: [{ key: "k", value: 1 }] })).committed, true);
  });

  test("one that was to go on alone when its agent ended does so with the next agent, however often", async () => {
    const [host] = await makeHosts(["a"]);
    assert.ok(host);
    await host.server.found(soon());
    await storeOf([host]).commit({ require: [], put: [{ key: "k", value: 1 }] });
    let last = host.server;
    for (let n = 0; n < 2; n++) {
      const { files, pid } = last;
      last.close();
      const state = await readState(files);
      assert.ok(state && pid);
      await writeState(files, { ...state, phase: "alone" });
      last = host.again();
      assert.equal(await last.ensure(), "started");
      assert.notEqual(last.pid, pid);
      assert.equal((await readState(files))?.phase, "member");
      await until("writes", () => raise(storeOf([host])));
    }
  });

  test("one that has lost its data, and is alone, does not begin as an empty one", async () => {
    const [host] = await makeHosts(["a"]);
    assert.ok(host);
    await host.server.found(soon());
    await host.server.stop();
    await rm(host.server.files.data, { recursive: true });
    const next = host.again();
    await next.ensure();
    await until("failing", () => host.news.some(({ kind }) => kind === "failing"));
    next.close();
  });

  test("a host that has neither founded nor joined is told so; a server that is missing is named", async () => {
    const [host] = await makeHosts(["a"]);
    assert.ok(host);
    await assert.rejects(host.server.ensure(), { code: "etcd-failed", message: /no etcd yet/ });
    await assert.rejects(findEtcd([join(host.home, "none")]), {
      code: "etcd-missing",
      hint: /apt-get install etcd-server/,
    });
  });
});
