/** Whole hosts that are lost, frozen or switched off. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../lab/host.ts";
import { promised, type Story } from "../lab/stories.ts";
import type { Scene } from "../lab/story.ts";

export const hostsLost: readonly Story[] = [
  {
    name: "host of the primary lost: link down, up again later",
    outcome: "a standby takes over; the former primary fences itself and comes back as a standby",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const lost = await scene.primary();
      await scene.lab.network.link(lost.name, "down");
      await scene.writesAgain();
      await sleep(2000);
      await scene.lab.network.link(lost.name, "up");
    },
  },
  {
    name: "host of the primary lost: kill -9 of everything on it, switched on again later",
    outcome: "a standby takes over; the host comes back by itself when it is switched on",
    gapMsMax: promised.hostLost,
    ci: true,
    run: async (scene) => {
      const lost = await scene.primary();
      await lost.kill();
      await scene.writesAgain();
      await sleep(1000);
      lost.boot();
    },
  },
  {
    name: "host of the primary lost: all its packets vanish",
    outcome: "a standby takes over; sessions through the other hosts are cut at once, not after TCP gives up",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const lost = await scene.primary();
      await lost.vanish();
      await scene.writesAgain();
      for (const host of scene.others(lost)) await scene.writesVia(host, 10, 5000);
    },
  },
  {
    name: "host of the primary frozen, thawed after the failover",
    outcome: "a standby takes over; the thawed server acknowledges nothing and comes back as a standby",
    gapMsMax: promised.hostLost,
    ci: true,
    run: async (scene) => {
      const frozen = await scene.primary();
      await frozen.freeze();
      await scene.writesAgain();
      await sleep(1000);
      frozen.thaw();
      await scene.writesAgain(100);
    },
  },
  {
    name: "host of the primary frozen for half a second, four times",
    outcome: "no second primary, whether or not anybody takes over",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const frozen = await scene.primary();
      for (let turn = 0; turn < 4; turn += 1) {
        await frozen.freeze();
        await sleep(500);
        frozen.thaw();
        await scene.writesAgain(40);
      }
    },
  },
  {
    name: "host of the primary frozen for as long as a promise lasts, five times",
    outcome: "no second primary, whether the thawed host or a standby is first",
    gapMsMax: 2 * promised.hostLost,
    run: async (scene) => {
      for (const ms of [1300, 1450, 1600, 1750, 1900]) {
        const frozen = await scene.primary();
        await frozen.freeze();
        await sleep(ms);
        frozen.thaw();
        await scene.writesAgain(40);
        await scene.cluster.healthy();
      }
    },
  },
  {
    name: "host of a standby lost: kill -9 of everything on it",
    outcome: "nothing happens to the primary",
    gapMsMax: promised.nothing,
    run: async (scene) => {
      const lost = await standby(scene);
      await lost.kill();
      await scene.writesAgain(200);
      lost.boot();
    },
  },
  {
    name: "hosts of both standbys lost",
    outcome: "writes wait, nothing is lost, and they go on when one of the hosts is back",
    run: async (scene) => {
      const lost = await scene.standbys();
      for (const host of lost) await host.kill();
      await scene.writesStop();
      lost[0]?.boot();
      await scene.writesAgain(30, 60_000);
      lost[1]?.boot();
    },
  },
  {
    name: "the store's leader is on the lost host of the primary",
    outcome: "a standby takes over, as soon as the store has a leader again",
    gapMsMax: promised.hostLost,
    run: async (scene) => {
      const leader = await storeLeader(scene);
      if (leader !== (await scene.primary())) {
        await scene.switchover("--to", scene.cluster.memberOn(leader).id);
        await scene.cluster.healthy();
      }
      assert.equal(await storeLeader(scene), await scene.primary());
      await leader.vanish();
      await scene.writesAgain();
    },
  },
  {
    name: "two faults at once: host of the primary lost, and the agent of a standby killed",
    outcome: "a standby takes over",
    gapMsMax: 2 * promised.hostLost,
    run: async (scene) => {
      const lost = await scene.primary();
      const hurt = await standby(scene);
      await Promise.all([lost.kill(), hurt.killRole("agent")]);
      await scene.writesAgain();
      lost.boot();
    },
  },
  {
    name: "two faults at once: host of the primary frozen, and the links of the others slow and lossy",
    outcome: "a standby takes over",
    gapMsMax: 3 * promised.hostLost,
    run: async (scene) => {
      const frozen = await scene.primary();
      for (const host of scene.others(frozen))
        await scene.lab.network.slow(host.name, { delayMs: 15, jitterMs: 10, loss: 0.01 });
      await frozen.freeze();
      await scene.writesAgain();
      frozen.thaw();
      for (const host of scene.others(frozen)) await scene.lab.network.slow(host.name, undefined);
    },
  },
  {
    name: "whole data centre off and on",
    outcome: "everything comes back by itself, and every acknowledged write is there",
    healsWithinMs: 120_000,
    ci: true,
    run: async (scene) => {
      await Promise.all(scene.lab.hosts.map((host) => host.kill()));
      for (const host of scene.lab.hosts) host.boot();
      await scene.writesAgain(30, 90_000);
    },
  },
];

async function standby(scene: Scene): Promise<Host> {
  const [first] = await scene.standbys();
  if (!first) throw new Error("there is no standby");
  return first;
}

async function storeLeader({ lab }: Scene): Promise<Host> {
  for (const host of lab.hosts) if (isLeader(await host.storeStatus())) return host;
  throw new Error("the store has no leader");
}

function isLeader(told: unknown): boolean {
  const text = JSON.stringify(told ?? {});
  const member = /"member_id":(\d+)/.exec(text)?.[1];
  return member !== undefined && member === /"leader":(\d+)/.exec(text)?.[1];
}
