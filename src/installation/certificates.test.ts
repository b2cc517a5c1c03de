/** Users' certificates on a store: who is let in by one, for how long, and what is refused. Real certificates. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { certificateExpiresMs } from "../contract/certificates.ts";
import type { HostRecord } from "../domain/host.ts";
import { ensureAuthority } from "../drivers/certificates/ca.ts";
import type { NeighbourCall, Neighbours } from "../drivers/neighbours/port.ts";
import { MemoryStore } from "../drivers/store/memory.ts";
import type { Store } from "../drivers/store/port.ts";
import { OpError } from "../errors/op-error.ts";
import { AccessCertificates } from "./certificates.ts";

const asked = { by: "root" };
const ada = { name: "ada", role: "operator", expires_ms: certificateExpiresMs } as const;
const ended = new AbortController();
let signer: string;
let other: string;

before(async () => {
  signer = await mkdtemp(join(tmpdir(), "matriarch-certificates-"));
  other = await mkdtemp(join(tmpdir(), "matriarch-certificates-"));
  await ensureAuthority(join(signer, "ca"), Date.now());
});
after(async () => {
  ended.abort();
  for (const home of [signer, other]) await rm(home, { recursive: true, force: true });
});

function host(name: string, signs: boolean): HostRecord {
  return {
    name,
    address: "10.0.0.1",
    basePort: 7400,
    region: "local",
    zone: "a",
    labels: {},
    version: "0",
    state: "active",
    runsStore: false,
    engines: { embedded: [], system: [] },
    keyFingerprint: "",
    signs,
    joinedAt: 0,
  };
}

const nobody: Pick<Neighbours, "call"> = {
  call: async ({ name }) => {
    throw new OpError("host-unreachable", { message: `host "${name}" cannot be reached` });
  },
};

async function on(store: Store, home: string, neighbours = nobody): Promise<AccessCertificates> {
  const hosts = () => [host("a", true), host("b", false), host("c", true)];
  const trouble = () => {};
  const made = new AccessCertificates({ store, home, hosts, neighbours, trouble, self: "b", wallNow: Date.now });
  await made.start(ended.signal);
  return made;
}

function shown(certificate: string): { readonly fingerprint: string } {
  return { fingerprint: new X509Certificate(certificate).fingerprint256 };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, "did not come true in time");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("made on one host, good on another, until it is revoked there", async () => {
  const store = new MemoryStore();
  const [here, there] = [await on(store, signer), await on(store, other)];
  const { id, certificate, key, ca, hosts } = await here.create(ada, asked);
  const parsed = new X509Certificate(certificate);
  assert.match(parsed.subject, /CN=ada\nOU=operator/);
  assert.ok(parsed.checkPrivateKey(createPrivateKey(key)));
  assert.ok(parsed.verify(new X509Certificate(ca).publicKey));
  assert.equal(hosts.length, 3);
  assert.ok(here.isGood(shown(certificate)));
  await until(() => there.isGood(shown(certificate)));
  await there.revoke(id);
  assert.ok(!there.isGood(shown(certificate)));
  await until(() => !here.isGood(shown(certificate)));
  assert.deepEqual(await here.list(), []);
  await assert.rejects(here.revoke(id), { code: "certificate-not-found" });
});

test("one that the authority signed and nobody wrote down lets nobody in", async () => {
  const elsewhere = await (await on(new MemoryStore(), signer)).create(ada, asked);
  assert.ok(!(await on(new MemoryStore(), signer)).isGood(shown(elsewhere.certificate)));
});

test("the store holds no key; what is damaged there lets nobody in and keeps nobody out", async () => {
  const store = new MemoryStore();
  const { certificate, key } = await (await on(store, signer)).create(ada, asked);
  await store.commit({ require: [], put: [{ key: "certificate/ffffffffffff", value: { role: "admin" } }] });
  const secret = key.split("\n")[1] ?? "";
  assert.ok(secret.length > 20 && !JSON.stringify(await store.read("")).includes(secret));
  const later = await on(store, signer);
  assert.ok(later.isGood(shown(certificate)));
  assert.equal((await later.list()).length, 1);
});

test("a host without the authority's key asks one that has it, on behalf of the admin", async () => {
  const store = new MemoryStore();
  const [a, calls] = [await on(store, signer), [] as [string, NeighbourCall][]];
  const b = await on(store, other, {
    call: async (to, call) => {
      calls.push([to.name, call]);
      if (to.name === "a") return nobody.call(to, call);
      return a.create(ada, asked);
    },
  });
  const { certificate } = await b.create(ada, asked);
  await until(() => b.isGood(shown(certificate)));
  assert.deepEqual(
    calls.map(([name, { path, as }]) => [name, path, as]),
    ["a", "c"].map((name) => [name, "/v1/certificates", { by: "root", role: "admin" }]),
  );
  await assert.rejects((await on(store, other)).create(ada, asked), { code: "host-unreachable" });
});

test("one that would outlive its authority is refused", async () => {
  const store = new MemoryStore();
  const wish = { ...ada, expires_ms: 3651 * 24 * 3_600_000 };
  await assert.rejects((await on(store, signer)).create(wish, asked), { code: "bad-value", message: /outlive/ });
  assert.deepEqual((await store.read("")).entries, []);
});
