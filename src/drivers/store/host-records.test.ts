import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HostRecord, InstallationRecord } from "../../domain/host.ts";
import { commitHost, listHosts, readHost, readInstallation, removeHost, writeInstallation } from "./host-records.ts";
import { MemoryStore } from "./memory.ts";

const installation: InstallationRecord = { id: "i-1", caFingerprint: "ab".repeat(32), createdAt: 1 };

function hostNamed(name: string): HostRecord {
  return {
    name,
    address: "10.0.0.1",
    basePort: 7400,
    region: "local",
    zone: "a",
    labels: { disk: "nvme" },
    version: "0.1.0",
    state: "active",
    runsStore: true,
    engines: { embedded: [18], system: [15] },
    keyFingerprint: "cd".repeat(32),
    signs: true,
    joinedAt: 2,
  };
}

describe("host records", () => {
  test("a new installation reads back with its first host, and cannot be made twice", async () => {
    const store = new MemoryStore();
    assert.equal(await readInstallation(store), undefined);
    assert.equal(await writeInstallation(store, installation, hostNamed("a")), 1);
    assert.deepEqual(await readInstallation(store), { value: installation, revision: 1 });
    assert.deepEqual(await listHosts(store), [{ value: hostNamed("a"), revision: 1 }]);
    await assert.rejects(writeInstallation(store, installation, hostNamed("b")), { code: "store-taken" });
    assert.equal(await readHost(store, "b"), undefined);
  });

  test("a host is written and removed only as it was read; a longer name is another host", async () => {
    const store = new MemoryStore();
    assert.equal((await commitHost(store, hostNamed("a1"), 0)).committed, true);
    assert.equal(await readHost(store, "a"), undefined);
    assert.equal((await commitHost(store, hostNamed("a1"), 0)).committed, false);
    assert.equal((await commitHost(store, { ...hostNamed("a1"), state: "draining" }, 1)).committed, true);
    assert.equal((await readHost(store, "a1"))?.value.state, "draining");
    assert.equal((await removeHost(store, "a1", 1)).committed, false);
    assert.equal((await removeHost(store, "a1", 2)).committed, true);
    assert.deepEqual(await listHosts(store), []);
  });

  test("a record of another version, of another host, or without a field is damaged and named", async () => {
    const store = new MemoryStore();
    const put = (key: string, value: unknown) => store.commit({ require: [], put: [{ key, value }] });
    await put("host/a", { ...hostNamed("a"), later: 1 });
    await assert.rejects(listHosts(store), { code: "store-damaged", message: /"host\/a"/ });
    await put("host/a", hostNamed("b"));
    await assert.rejects(readHost(store, "a"), { code: "store-damaged", detail: /host "b"/ });
    await put("installation", { ...installation, caFingerprint: "no" });
    await assert.rejects(readInstallation(store), { code: "store-damaged", detail: /caFingerprint/ });
  });
});
