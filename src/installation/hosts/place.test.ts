/** A place among the first hosts that another has left: taken by a host that is there, and by no more than one. */
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { test } from "node:test";

import type { HostRecord } from "../../domain/host.ts";
import { hostCertificateFiles } from "../../drivers/certificates/host.ts";
import { listHosts } from "../../drivers/store/host-records.ts";
import { initHost } from "./init.ts";
import { joinHost } from "./join.ts";
import { takePlace, type OwnStoreMember } from "./place.ts";
import { HostWorld, type RunningHost } from "./testing.ts";

const quiet = (): void => {};
const ada = { by: "ada" };

/** Four hosts; the agents of the first and the fourth run. */
async function four(world: HostWorld): Promise<{ first: RunningHost; fourth: RunningHost }> {
  const machines = [
    await world.machine(),
    await world.machine(),
    await world.machine(),
    await world.machine(),
  ] as const;
  const { token } = await initHost(machines[0], world.stores, quiet);
  const founding = await world.start(machines[0]);
  for (const machine of machines.slice(1)) await joinHost(token?.token ?? "", machine, world.stores, quiet);
  await founding.stop();
  return { first: await world.start(machines[0]), fourth: await world.start(machines[3]) };
}

async function records(world: HostWorld): Promise<readonly HostRecord[]> {
  return (await listHosts(world.store)).map(({ value }) => value);
}

/** Its etcd: joins when it is told to. */
function member(joins: (readonly string[])[]): OwnStoreMember {
  return {
    exists: async () => joins.length > 0,
    canRun: async () => {},
    join: async (endpoints) => void joins.push(endpoints),
  };
}

test("a place that a removed host leaves is taken by one that is there; what was begun is finished", async () => {
  await using world = new HostWorld();
  const { first, fourth } = await four(world);
  const joins: (readonly string[])[] = [];
  const own = member(joins);
  const take = async (store = own, freeForMs = 0): Promise<boolean> =>
    takePlace(fourth.parts, { hosts: await records(world), freeForMs, member: store });
  assert.equal(await take(), false);

  await first.hosts.remove("db-2", { lost: true }, ada);
  await assert.rejects(take({ ...own, join: () => Promise.reject(new Error("cut short")) }), /cut short/);
  const record = (await records(world)).find(({ name }) => name === "db-4");
  assert.deepEqual([record?.signs, record?.runsStore], [true, true]);
  assert.equal(await take(), true);
  assert.deepEqual(
    joins.map((endpoints) => endpoints.length),
    [2],
  );
  assert.equal(statSync(hostCertificateFiles(fourth.parts.home).caKeyFile).mode & 0o777, 0o600);
  assert.equal(await take(), false);
  // From now on it gives places itself, and there is none left.
  assert.deepEqual((await fourth.hosts.place("db-4")).runs_store, true);
  assert.deepEqual(
    (await records(world)).map(({ name, signs, runsStore }) => `${name} ${signs} ${runsStore}`),
    ["db-1 true true", "db-3 true true", "db-4 true true"],
  );
});

test("a host without etcd takes no place, and gets no key", async () => {
  await using world = new HostWorld();
  const { first, fourth } = await four(world);
  await first.hosts.remove("db-3", { lost: true }, ada);
  const lacking = { ...member([]), canRun: () => Promise.reject(new Error("etcd is not installed on this host")) };
  await assert.rejects(
    takePlace(fourth.parts, { hosts: await records(world), freeForMs: 0, member: lacking }),
    /not installed/,
  );
  assert.equal(existsSync(hostCertificateFiles(fourth.parts.home).caKeyFile), false);
  assert.equal((await records(world)).find(({ name }) => name === "db-4")?.signs, false);
});

test("places are given by hosts that hold the key, to hosts that there are, and only while one is free", async () => {
  await using world = new HostWorld();
  const { first, fourth } = await four(world);
  const { ca_key, runs_store } = await first.hosts.place("db-4");
  assert.deepEqual([ca_key, runs_store], [null, false]);
  await assert.rejects(first.hosts.place("db-9"), { code: "host-not-found" });
  await assert.rejects(fourth.hosts.place("db-4"), { code: "not-supported" });
});
