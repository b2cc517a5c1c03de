/** The loop of one member against a server that can be held in the middle of a look. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { defaultTimings } from "../domain/cluster.ts";
import { zeroLsn } from "../domain/lsn.ts";
import type { RunningServer } from "../domain/server.ts";
import { MemoryStore } from "../drivers/store/memory.ts";
import type { MemberServer } from "../drivers/postgres/port.ts";
import type { Hands } from "./act.ts";
import { MemberLoop, type MemberSurroundings } from "./member-loop.ts";
import { cluster } from "./testing.ts";
import { Voters } from "./voters.ts";

/** A promotion lasts longer than the pause between two equal actions. */
const timings = { ...defaultTimings, heartbeatMs: 1 };

const standby: RunningServer = {
  kind: "running",
  role: "standby",
  since: 0,
  timeline: 1,
  flushed: zeroLsn,
  replayed: zeroLsn,
  upstream: null,
  receiving: false,
  streaming: false,
  notStreamingSince: 0,
  walMissing: false,
  syncNames: "",
  standbys: [],
  slots: [],
  flushStuckSince: undefined,
  pendingRestart: false,
  configured: 1,
};

test("what was seen before a promotion ended asks for no second one", async () => {
  let promotions = 0;
  let role: RunningServer["role"] = "standby";
  let endPromotion = (): void => undefined;
  let lookUnderWay = (): void => undefined;
  const looking = new Promise<void>((resolve) => (lookUnderWay = resolve));
  const seen = new Promise<void>((resolve) => (endPromotion = resolve));
  const server = fakeServer({
    observe: async () => {
      const found = { ...standby, role, timeline: role === "primary" ? 2 : 1 };
      // This look began before the end of the promotion and is over after it.
      if (promotions === 1 && role === "standby") {
        lookUnderWay();
        await seen;
        await sleep(20);
      }
      return found;
    },
    promote: async () => {
      promotions += 1;
      loop.wake();
      await looking;
      role = "primary";
      endPromotion();
      return zeroLsn;
    },
  });
  const loop = new MemberLoop("a", "/a", server, surroundings(server));
  loop.wake();
  const deadline = performance.now() + 10_000;
  while (loop.observed.kind !== "running" || loop.observed.role !== "primary") {
    assert.ok(performance.now() < deadline, "never seen as primary");
    await sleep(10);
  }
  await loop.close();
  assert.equal(promotions, 1);
});

function surroundings(server: MemberServer): MemberSurroundings {
  const record = cluster({ epoch: 2, holder: "a", phase: "taken" });
  const taken = { ...record, reign: { value: { ...record.reign.value, timeline: 2 }, revision: 1 } };
  const clock = { now: () => performance.now(), wallNow: () => 0 };
  const voters = new Voters(timings, clock.now());
  voters.learn(taken, clock.now());
  const store = new MemoryStore();
  const hands: Hands = {
    member: "a",
    timings,
    record: () => taken,
    server: () => server,
    upstream: () => assert.fail("nobody is followed"),
    commit: () => store.commit({ require: [] }),
    setVote: () => undefined,
    promisesInForce: async () => undefined,
    isBound: () => false,
    release: async () => undefined,
    cutClients: () => undefined,
    holdClients: async () => undefined,
    renewServer: async () => undefined,
    keeper: { checkRoom: async () => undefined, keep: async () => undefined },
    hooks: async () => false,
    progress: () => undefined,
  };
  return {
    clock,
    timings,
    countsClients: false,
    surroundings: (member) => ({
      cluster: taken,
      storeReachable: true,
      peers: {},
      lease: voters.view(member),
      isWorkedOn: false,
      hushed: undefined,
    }),
    hands: () => hands,
    decided: () => undefined,
    ended: () => undefined,
    failed: (_loop, error) => assert.fail(String(error)),
  };
}

function fakeServer(parts: Pick<MemberServer, "observe" | "promote">): MemberServer {
  const nothing = async (): Promise<void> => undefined;
  return {
    pid: 1,
    ...parts,
    onChange: () => undefined,
    useEngine: () => undefined,
    startStandby: nothing,
    startPrimary: nothing,
    stop: async () => "stopped",
    fence: nothing,
    follow: nothing,
    stopReceiver: nothing,
    setRule: async () => zeroLsn,
    endStream: nothing,
    barrier: () => new Promise(() => undefined),
    checkpoint: nothing,
    want: () => undefined,
    setSlots: nothing,
    rewind: nothing,
    clone: nothing,
    removeKept: nothing,
    configure: nothing,
    destroy: nothing,
    close: nothing,
  };
}
