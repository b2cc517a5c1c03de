/** Making an installation and joining it, over real TLS between addresses of this machine; and everything that is refused. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";

import { hostConfigFile, readHostConfig } from "../../config/host-config.ts";
import type { HostMade, HostOptions, JoinRequest } from "../../contract/host.ts";
import { ensureAuthority } from "../../drivers/certificates/ca.ts";
import { checkHostCertificate, hostCertificateFiles } from "../../drivers/certificates/host.ts";
import { listHosts } from "../../drivers/store/host-records.ts";
import { MemoryStore } from "../../drivers/store/memory.ts";
import { OpError } from "../../errors/op-error.ts";
import { initHost } from "./init.ts";
import { joinHost } from "./join.ts";
import { HostWorld, type RunningHost } from "./testing.ts";
import { formatToken, parseToken } from "./token.ts";

const quiet = (): void => {};

interface Founded {
  readonly first: HostOptions;
  readonly made: Omit<HostMade, "service">;
  readonly agent: RunningHost;
  readonly token: string;
}

async function found(world: HostWorld, change: Parameters<HostWorld["start"]>[1] = {}): Promise<Founded> {
  const first = await world.machine();
  const made = await initHost(first, world.stores, quiet);
  const agent = await world.start(first, change);
  return { first, made, agent, token: made.token?.token ?? "" };
}

async function names(world: HostWorld): Promise<readonly string[]> {
  return (await listHosts(world.store)).map(({ value }) => value.name);
}

describe("host init and join", () => {
  test("four hosts: the first three hold the CA's key and run the store, the fourth does not", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    for (let count = 0; count < 3; count += 1) {
      const machine = await world.machine();
      const made = await joinHost(token, machine, world.stores, quiet);
      assert.ok(made.changed);
      assert.equal(made.store.isMember, count < 2);
      const files = hostCertificateFiles(machine.home);
      assert.equal(existsSync(files.caKeyFile), count < 2);
      for (const file of [files.keyFile, ...(count < 2 ? [files.caKeyFile] : [])])
        assert.equal(statSync(file).mode & 0o777, 0o600, file);
      const { name } = await checkHostCertificate(machine.home, Date.now());
      assert.equal(name, machine.name);
    }
    assert.deepEqual(world.calls, ["start db-1", "join db-2", "join db-3"]);
    const records = (await listHosts(world.store)).map(({ value }) => value);
    assert.deepEqual(
      records.map(({ signs, runsStore }) => signs && runsStore),
      [true, true, true, false],
    );
    assert.deepEqual(
      records.map(({ zone }) => zone),
      ["z1", "z2", "z3", "z4"],
    );
  });

  test("done again, both say so and do nothing; with other arguments they refuse", async () => {
    await using world = new HostWorld();
    const { first, token } = await found(world);
    const second = await world.machine();
    await joinHost(token, second, world.stores, quiet);
    const calls = [...world.calls];
    const again = await initHost(first, world.stores, quiet);
    assert.ok(!again.changed && again.token === null);
    assert.ok(!(await joinHost(token, second, world.stores, quiet)).changed);
    assert.deepEqual(world.calls, calls);
    await assert.rejects(initHost({ ...first, name: "other" }, world.stores, quiet), { code: "host-exists" });
    await assert.rejects(joinHost(token, { ...second, zone: "other" }, world.stores, quiet), { code: "host-exists" });
  });

  test("the home of a host that was removed: told what to type; put aside when asked, and joined as a new one", async () => {
    await using world = new HostWorld();
    const { agent, first, token } = await found(world);
    const second = await world.machine();
    await joinHost(token, second, world.stores, quiet);
    await agent.hosts.remove("db-2", { lost: true }, { by: "ada" });
    await agent.stop();
    const again = await world.start(first);
    const files = hostCertificateFiles(second.home);
    const before = [readFileSync(files.certFile, "utf8"), await readdir(second.home)];
    await assert.rejects(joinHost(token, second, world.stores, quiet), {
      code: "host-removed",
      hint: /matriarch host join TOKEN --yes/,
    });
    assert.deepEqual([readFileSync(files.certFile, "utf8"), await readdir(second.home)], before);
    const { home, agentScript } = second;
    const made = await joinHost(token, { home, agentScript, service: false, again: true }, world.stores, quiet);
    // As what it was: nobody has to remember its flags.
    assert.deepEqual([made.changed, made.name, made.zone, made.basePort], [true, "db-2", "z2", second.basePort]);
    assert.notEqual(readFileSync(files.certFile, "utf8"), before[0]);
    const [aside = ""] = await readdir(join(second.home, "aside"));
    assert.equal(readFileSync(join(second.home, "aside", aside, "host", "host.crt"), "utf8"), before[0]);
    assert.deepEqual(await names(world), ["db-1", "db-2"]);
    await again.stop();
  });

  test("a join that was cut short before host.json goes on as the same host", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    const second = await world.machine();
    const cut = { ...world.stores, join: () => Promise.reject(new OpError("etcd-failed", { message: "cut short" })) };
    await assert.rejects(joinHost(token, second, cut, quiet), { code: "etcd-failed" });
    assert.equal(readHostConfig(second.home), undefined);
    assert.deepEqual(await names(world), ["db-1", "db-2"]);
    assert.ok((await joinHost(token, second, world.stores, quiet)).changed);
    assert.deepEqual(await names(world), ["db-1", "db-2"]);
  });

  test("an init that was cut short goes on with its certificates and its store", async () => {
    await using world = new HostWorld();
    const first = await world.machine();
    const made = await initHost(first, world.stores, quiet);
    await rm(hostConfigFile(first.home));
    const again = await initHost(first, world.stores, quiet);
    assert.equal(again.installation, made.installation);
    assert.ok(again.changed);
  });

  test("a host that joins without an address takes the one that it reaches the others by, if others can use it", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    const { address: _address, ...second } = await world.machine();
    // Towards 127.0.0.2 this machine is 127.0.0.1, which is nobody's address: a person has to say, or there is only one.
    const outcome = await joinHost(token, second, world.stores, quiet).then(
      ({ address }) => address,
      (error: unknown) => (error instanceof OpError ? error.code : "?"),
    );
    assert.ok(outcome !== "127.0.0.1" && outcome !== "?", outcome);
  });
});

/** What a refused join must leave as it was. */
async function refused(world: HostWorld, token: string, machine: HostOptions, expected: object): Promise<void> {
  const before = JSON.stringify(await world.store.read(""));
  await assert.rejects(joinHost(token, machine, world.stores, quiet), expected);
  assert.equal(JSON.stringify(await world.store.read("")), before, "the store has changed");
  assert.ok(!existsSync(hostConfigFile(machine.home)));
  assert.ok(!existsSync(hostCertificateFiles(machine.home).certFile));
}

describe("a join that is refused changes nothing", () => {
  test("tokens: damaged, cut off, unknown, expired, revoked, used up", async () => {
    await using world = new HostWorld();
    // To the tenth only where requests take no time.
    let ahead = 0;
    const { token, agent } = await found(world, { wallNow: () => Date.now() + ahead });
    const machine = await world.machine();
    const is = (message: RegExp) => ({ code: "join-refused", message });
    await refused(world, "nonsense", machine, is(/not a token/));
    await refused(world, token.slice(0, -3), machine, is(/not a whole one/));
    const wrong = formatToken({ ...parseToken(token), secret: "guessed" });
    await refused(world, wrong, machine, is(/not known/));
    await refused(world, formatToken({ ...parseToken(token), id: "none" }), machine, is(/not known/));
    const asked = { by: "ada" };
    const short = await agent.hosts.makeToken({ expires_ms: 1000, uses: 1 }, asked);
    // Later by less than clocks may differ.
    ahead = 1500;
    await refused(world, short.token, machine, is(/expired/));
    ahead = 0;
    const revoked = await agent.hosts.makeToken({ expires_ms: 60_000, uses: 1 }, asked);
    await agent.hosts.revokeToken(revoked.id, asked);
    await refused(world, revoked.token, machine, is(/not known/));
    await assert.rejects(agent.hosts.revokeToken(revoked.id, asked), { code: "token-not-found" });
    const once = await agent.hosts.makeToken({ expires_ms: 60_000, uses: 1 }, asked);
    await joinHost(once.token, machine, world.stores, quiet);
    await refused(world, once.token, await world.machine(), is(/used up/));
  });

  test("another CA at the token's address: the secret is never sent there", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    await using elsewhere = new HostWorld();
    const stranger = await found(elsewhere);
    const misled = formatToken({ ...parseToken(token), agents: parseToken(stranger.token).agents });
    await refused(world, misled, await world.machine(), { code: "join-refused", message: /another installation/ });
  });

  test("an agent that shows the CA and has no certificate of it", async () => {
    await using world = new HostWorld();
    const { token, first, agent } = await found(world);
    await agent.stop();
    // Everything is right but who signed: a CA is public.
    const { caFile } = hostCertificateFiles(first.home);
    const ca = readFileSync(caFile);
    await rm(join(first.home, "ca"), { recursive: true });
    await ensureAuthority(join(first.home, "ca"), Date.now());
    const { signHost, readAuthority, makeHostRequest } = await import("../../drivers/certificates/host.ts");
    const authority = await readAuthority(first.home);
    assert.ok(authority);
    const request = await makeHostRequest(first.home, "db-1");
    const forged = await signHost(authority, { request, name: "db-1", address: "127.0.0.2" }, Date.now());
    await writeFile(hostCertificateFiles(first.home).certFile, forged);
    await writeFile(caFile, ca);
    await world.start(first);
    await refused(world, token, await world.machine(), { code: "bad-certificate" });
  });

  test("the name of another host, and its address and ports", async () => {
    await using world = new HostWorld();
    const { token, first } = await found(world);
    const machine = await world.machine();
    await refused(world, token, { ...machine, name: "db-1" }, { code: "host-exists", message: /db-1/ });
    const same = { ...machine, basePort: first.basePort ?? 0, address: first.address ?? "" };
    await refused(world, token, same, { code: "port-in-use" });
  });

  test("names and places that cannot be", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    const machine = await world.machine();
    await refused(world, token, { ...machine, name: "DB 1" }, { code: "bad-name" });
    await refused(world, token, { ...machine, zone: "a/b" }, { code: "bad-value" });
    await refused(world, token, { ...machine, address: "0.0.0.0" }, { code: "bad-value" });
    await refused(world, token, { ...machine, address: "192.0.2.7" }, { code: "bad-value", message: /cannot listen/ });
  });

  test("no agent at the token's addresses", async () => {
    await using world = new HostWorld();
    const { token, agent } = await found(world);
    await agent.stop();
    await refused(world, token, await world.machine(), { code: "host-unreachable", detail: /refused|ECONNREFUSED/ });
  });

  test("a clock that differs by 2 s, with the difference; either side finds it", async () => {
    await using world = new HostWorld();
    let ahead = 0;
    const { token, agent } = await found(world, { wallNow: () => Date.now() + ahead });
    ahead = 5000;
    await refused(world, token, await world.machine(), { code: "host-unfit", message: /[45]\.\d s behind/ });
    ahead = -5000;
    await refused(world, token, await world.machine(), { code: "host-unfit", message: /[45]\.\d s ahead/ });
    ahead = 0;
    const request = await requestOf(world, token);
    const late = { ...request, sent_at: Date.now() - 3000 };
    await assert.rejects(agent.hosts.checkJoin(late), { code: "host-unfit", message: /3\.\d s behind/ });
  });

  test("another version", async () => {
    await using world = new HostWorld();
    const { token, agent } = await found(world);
    const other = { ...(await requestOf(world, token)), version: "9.9.9" };
    await assert.rejects(agent.hosts.join(other), {
      code: "host-unfit",
      message: /different versions/,
      detail: /9\.9\.9/,
    });
    assert.deepEqual(await names(world), ["db-1"]);
  });

  test("an address that the others do not reach: each port is named, and whoever answers there is not believed", async () => {
    await using world = new HostWorld();
    const { token, agent } = await found(world);
    const request = await requestOf(world, token);
    await assert.rejects(agent.hosts.join(request), (error: unknown) => {
      assert.ok(error instanceof OpError && error.code === "host-unfit");
      for (let at = 0; at < 5; at += 1)
        assert.match(
          error.detail ?? "",
          new RegExp(`"db-1" to 127\\.0\\.0\\.\\d:${request.base_port + at}: the connection was refused`),
        );
      return true;
    });
    const foreign = createServer((socket) => socket.end("220 mail ready\r\n"));
    await new Promise<void>((resolve) => foreign.listen(request.base_port, request.address, resolve));
    await assert.rejects(agent.hosts.join(request), { detail: /something else answers there/ });
    foreign.close();
    assert.deepEqual(await names(world), ["db-1"]);
  });

  test("a port of its own that is in use", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    const machine = await world.machine();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen((machine.basePort ?? 0) + 3, machine.address, resolve));
    await refused(world, token, machine, {
      code: "port-in-use",
      message: new RegExp(String((machine.basePort ?? 0) + 3)),
    });
    other.close();
  });
});

describe("a home or a store that holds something else is refused, and stays as it is", () => {
  test("damaged host.json", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    const machine = await world.machine();
    await writeFile(hostConfigFile(machine.home), '{"installation": 1}');
    await assert.rejects(joinHost(token, machine, world.stores, quiet), { code: "bad-value", message: /host\.json/ });
    await assert.rejects(initHost(machine, world.stores, quiet), { code: "bad-value" });
    assert.deepEqual(await names(world), ["db-1"]);
  });

  test("clusters of an installation of one machine", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    const machine = await world.machine();
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(machine.home, "clusters", "shop"), { recursive: true });
    await assert.rejects(initHost(machine, world.stores, quiet), { code: "host-exists", detail: /shop/ });
    await assert.rejects(joinHost(token, machine, world.stores, quiet), { code: "host-exists" });
    assert.deepEqual(await readdir(machine.home), ["clusters"]);
  });

  test("a store with another installation, or with keys of nobody", async () => {
    await using world = new HostWorld();
    await found(world);
    const machine = await world.machine();
    const given = { endpoints: ["https://127.0.0.9:2379"], prefix: "/matriarch/" };
    const before = JSON.stringify(await world.store.read(""));
    await assert.rejects(initHost({ ...machine, store: given }, world.stores, quiet), {
      code: "store-taken",
      detail: /db-1/,
    });
    assert.equal(JSON.stringify(await world.store.read("")), before);
    const nobodys = new MemoryStore();
    await nobodys.commit({ require: [], put: [{ key: "cluster/old/spec", value: {} }] });
    const stores = { ...world.stores, open: () => nobodys };
    await assert.rejects(initHost({ ...machine, store: given }, stores, quiet), { code: "store-taken" });
    assert.deepEqual(await readdir(machine.home), []);
  });

  test("already a host of another installation", async () => {
    await using world = new HostWorld();
    const { token } = await found(world);
    await using elsewhere = new HostWorld();
    const { first } = await found(elsewhere);
    await assert.rejects(joinHost(token, first, world.stores, quiet), {
      code: "host-exists",
      message: /another installation/,
    });
  });
});

async function requestOf(world: HostWorld, token: string): Promise<JoinRequest> {
  const { makeHostRequest } = await import("../../drivers/certificates/host.ts");
  const { version } = await import("../../config/version.ts");
  const machine = await world.machine();
  const { id, secret } = parseToken(token);
  return {
    token: { id, secret },
    name: machine.name ?? "",
    address: machine.address ?? "",
    base_port: machine.basePort ?? 0,
    region: "local",
    zone: "a",
    version,
    sent_at: Date.now(),
    request: await makeHostRequest(machine.home, machine.name ?? ""),
    engines: { embedded: [18], system: [] },
    nonce: "word\n",
  };
}
