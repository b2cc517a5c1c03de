/** Looking after hosts: labels, drain, removal, renewal, and the refusal of hosts that were removed; agents over real TLS. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { describe, test } from "node:test";

import { checkHostCertificate, hostCertificateFiles } from "../../drivers/certificates/host.ts";
import { listHosts } from "../../drivers/store/host-records.ts";
import { unitName } from "../../config/service.ts";
import { OpError } from "../../errors/op-error.ts";
import { agentUnit } from "./service-unit.ts";
import { certificateKeeper } from "./keep-certificate.ts";
import { initHost } from "./init.ts";
import { joinHost } from "./join.ts";
import { renewHostCertificate } from "./renew.ts";
import { HostWorld, type RunningHost } from "./testing.ts";

const quiet = (): void => {};
const ada = { by: "ada" };
const dayMs = 86_400_000;

/** Two hosts, each with its agent. */
async function two(world: HostWorld): Promise<{ first: RunningHost; second: RunningHost }> {
  const [a, b] = [await world.machine(), await world.machine()];
  const { token } = await initHost(a, world.stores, quiet);
  const founding = await world.start(a);
  await joinHost(token?.token ?? "", b, world.stores, quiet);
  await founding.stop();
  return { first: await world.start(a), second: await world.start(b) };
}

async function ended(host: RunningHost, id: string): Promise<ReturnType<RunningHost["parts"]["operations"]["get"]>> {
  const { operations } = host.parts;
  const over = new AbortController();
  const events = new EventTarget();
  operations.subscribe(id, () => events.dispatchEvent(new Event("change")), over.signal);
  const deadline = AbortSignal.timeout(20_000);
  while (operations.get(id).state === "running") await once(events, "change", { signal: deadline });
  over.abort();
  return operations.get(id);
}

describe("hosts", () => {
  test("list says who is heard; a host whose agent is down is not", async () => {
    await using world = new HostWorld();
    const { first, second } = await two(world);
    assert.deepEqual(
      (await first.hosts.list()).map(({ name, heard }) => [name, heard]),
      [
        ["db-1", true],
        ["db-2", true],
      ],
    );
    await second.stop();
    assert.deepEqual(
      (await first.hosts.list()).map(({ heard }) => heard),
      [true, false],
    );
  });

  test("labels are set and taken away; a host that is none is not found", async () => {
    await using world = new HostWorld();
    const { first } = await two(world);
    await first.hosts.label("db-2", { disk: "nvme", rack: "12" }, ada);
    assert.deepEqual((await first.hosts.label("db-2", { rack: null }, ada)).labels, { disk: "nvme" });
    await assert.rejects(first.hosts.label("db-9", {}, ada), { code: "host-not-found" });
  });

  test("drain: primaries first, then members; those without room stay and are named", async () => {
    await using world = new HostWorld();
    const { first } = await two(world);
    first.members.push(
      { cluster: "shop", member: "db-2/one", isPrimary: true },
      { cluster: "shop", member: "db-2/stays", isPrimary: false },
    );
    const operation = await ended(first, (await first.hosts.drain("db-2", ada)).id);
    assert.deepEqual(operation.result, { moved: ["db-2/one to db-9"], stayed: ["db-2/stays"] });
    assert.deepEqual(world.calls.slice(-3), ["switch db-2/one", "move db-2/one", "move db-2/stays"]);
    assert.equal((await first.hosts.list())[1]?.state, "draining");
    assert.equal((await first.hosts.undrain("db-2", ada)).state, "active");
  });

  test("remove: not itself, not with members, not as lost while it answers; afterwards its certificate is refused", async () => {
    await using world = new HostWorld();
    const { first, second } = await two(world);
    const keep = { lost: false };
    await assert.rejects(first.hosts.remove("db-1", keep, ada), { code: "host-in-use", message: /itself/ });
    first.members.push({ cluster: "shop", member: "db-2/one", isPrimary: false });
    await assert.rejects(first.hosts.remove("db-2", keep, ada), { code: "host-in-use", detail: /db-2\/one/ });
    await assert.rejects(first.hosts.remove("db-2", { lost: true }, ada), { code: "host-in-use", message: /answers/ });
    const peers = (await listHosts(world.store)).map(({ value }) => value);
    await second.stop();
    await first.hosts.remove("db-2", { lost: true }, ada);
    assert.deepEqual(world.calls.slice(-2), ["give up db-2/one", "remove db-2 from the store"]);
    assert.deepEqual(
      (await listHosts(world.store)).map(({ value }) => value.name),
      ["db-1"],
    );
    // Its files are still there, and the CA has signed them.
    const gone = await world.start({
      ...second.parts.config,
      home: second.parts.home,
      service: false,
      agentScript: "",
    });
    await first.stop();
    await world.start({ home: first.parts.home, service: false, agentScript: "" });
    const seed = peers.find(({ name }) => name === "db-1");
    assert.ok(seed);
    const call = {
      method: "POST",
      path: "/v1/peer/reach",
      body: { address: "x", ports: [], nonce: "-" },
      deadlineMs: 5000,
    } as const;
    await assert.rejects(gone.parts.neighbours.call(seed, call), { code: "not-authenticated" });
  });

  test("remove: what etcd did not say is looked up, and done again if need be", async () => {
    for (const isDone of [true, false]) {
      await using world = new HostWorld();
      const { first, second } = await two(world);
      await second.stop();
      const commit = world.store.commit.bind(world.store);
      let unknown = 0;
      world.store.commit = async (txn, signal) => {
        if (!txn.remove || unknown++ > 0) return commit(txn, signal);
        if (isDone) await commit(txn, signal);
        throw new OpError("store-outcome-unknown", { message: "etcd did not say" });
      };
      await first.hosts.remove("db-2", { lost: true }, ada);
      assert.ok(unknown > 0);
      assert.deepEqual(
        (await listHosts(world.store)).map(({ value }) => value.name),
        ["db-1"],
      );
    }
  });

  test("the last host that holds the CA's key stays", async () => {
    await using world = new HostWorld();
    const { first, second } = await two(world);
    await first.stop();
    const records = await listHosts(world.store);
    const { commitHost } = await import("../../drivers/store/host-records.ts");
    const own = records.find(({ value }) => value.name === "db-2");
    assert.ok(own);
    await commitHost(world.store, { ...own.value, signs: false }, own.revision);
    await assert.rejects(second.hosts.remove("db-1", { lost: true }, ada), {
      code: "host-in-use",
      message: /CA's key/,
    });
  });

  test("renewal: not before it is due; by itself with the CA's key, by another host without; same key", async () => {
    await using world = new HostWorld();
    const { first, second } = await two(world);
    const { home } = second.parts;
    const before = await checkHostCertificate(home, Date.now());
    assert.equal(await renewHostCertificate(second.parts), undefined);
    const later = { ...second.parts, wallNow: () => Date.now() + 61 * dayMs };
    assert.ok(((await renewHostCertificate(later)) ?? 0) > before.notAfter);
    await rm(hostCertificateFiles(home).caKeyFile);
    const much = { ...second.parts, wallNow: () => Date.now() + 125 * dayMs };
    // The host that signs goes by its own clock, so this one is as long as any of today.
    assert.ok((await renewHostCertificate(much)) !== undefined);
    const after = await checkHostCertificate(home, Date.now());
    assert.equal(after.keyFingerprint, before.keyFingerprint);
    const late = { ...second.parts, wallNow: () => Date.now() + 400 * dayMs };
    await assert.rejects(renewHostCertificate(late), { code: "bad-certificate", message: /expired/ });
    // All hosts were off for a year: whoever has the key needs nobody.
    assert.ok((await renewHostCertificate({ ...first.parts, wallNow: late.wallNow })) !== undefined);
  });

  test("a certificate that could not be renewed is told of, once a day, with its end and why; a renewed one is not", async () => {
    await using world = new HostWorld();
    const { first, second } = await two(world);
    await rm(hostCertificateFiles(second.parts.home).caKeyFile);
    let now = Date.now();
    const keep = certificateKeeper({ ...second.parts, wallNow: () => now });
    const told = () => second.parts.events.list({ type: "host.certificate-ending", limit: 10 }).map((e) => e.message);
    await keep();
    assert.deepEqual(told(), [], "it is not due yet");
    const { notAfter } = await checkHostCertificate(second.parts.home, now);
    await first.stop();
    now += 61 * dayMs;
    await keep();
    now += 23 * 3_600_000;
    await keep();
    assert.equal(told().length, 1);
    assert.match(told()[0] ?? "", /^the certificate of host "db-2" ends .* and was not renewed: .*db-1/);
    assert.ok(told()[0]?.includes(new Date(notAfter).toISOString()));
    now += 100 * dayMs;
    await keep();
    assert.match(told()[1] ?? "", /was not renewed: .*expired/);
  });
});

test("the unit ends the agent alone, and quotes what systemd would expand", () => {
  const unit = agentUnit({ node: "/opt/a b/node", agentScript: "/opt/$x/agent.mjs", home: "/srv/50%" });
  assert.match(unit, /^KillMode=process$/m);
  assert.match(unit, /^ExecStart="\/opt\/a b\/node" .* "\/opt\/\$\$x\/agent\.mjs" --home \/srv\/50%%$/m);
  assert.equal(unitName("/var/lib/matriarch"), "matriarch.service");
  assert.equal(unitName("/srv/other home"), "matriarch-srv-other-home.service");
});
