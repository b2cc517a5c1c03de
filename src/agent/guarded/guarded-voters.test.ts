/** The agent's side of the guard: what is fed, when a record may leave, and what is decided on after a standstill. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { emptyMemory, type View } from "../../core/view.ts";
import { defaultTimings } from "../../domain/cluster.ts";
import { zeroLsn } from "../../domain/lsn.ts";
import type { GuardDriver } from "../../drivers/guard/port.ts";
import type { GuardReport, MemberFeed, MemberReport } from "../../guard/wire.ts";
import type { Log } from "../../log/log.ts";
import { cluster, versioned } from "../testing.ts";
import { GuardedVoters } from "./guarded-voters.ts";
import { HostGuard } from "./host-guard.ts";

const { marginMs } = defaultTimings;

test("a holder is decided on only once the guard knows of it, and has had time to gather promises", () => {
  const { voters, driver, clock } = made();
  assert.equal(voters.view("a", clock.at), undefined);
  voters.introduce(cluster({}), "a", null, clock.at);
  assert.equal(driver.fed.at(-1)?.[0]?.member, "a");
  driver.report([reportOf({ held: [] })]);
  assert.equal(voters.view("a", clock.at), undefined);
  clock.at += marginMs + 1;
  driver.report([reportOf({ held: [] })]);
  assert.deepEqual(voters.view("a", clock.at)?.held, []);
  voters.close();
});

test("after a standstill the reports that wait are read before anything is decided", () => {
  const { voters, driver, clock } = made();
  voters.introduce(cluster({}), "a", null, clock.at);
  driver.report([reportOf({ held: [{ voter: { member: "b", incarnation: 1 }, safeUntil: clock.at + 1200 }] })]);
  assert.equal(voters.view("a", clock.at)?.held.length, 1);
  clock.at += 5000;
  assert.equal(voters.view("a", clock.at), undefined, "old promises would look as if they had ended");
  const safeUntil = clock.at + 1200;
  driver.report([reportOf({ held: [{ voter: { member: "b", incarnation: 1 }, safeUntil }] })]);
  assert.equal(voters.view("a", clock.at)?.held[0]?.safeUntil, safeUntil);
  voters.close();
});

test("a guard that says nothing any more is not waited for: promises end as they were", () => {
  const { voters, driver, clock } = made();
  voters.introduce(cluster({}), "a", null, clock.at);
  const held = [{ voter: { member: "b", incarnation: 1 }, safeUntil: clock.at + 1200 }];
  driver.report([reportOf({ held })]);
  clock.at += 700;
  assert.equal(voters.view("a", clock.at), undefined);
  clock.at += 301;
  assert.deepEqual(voters.view("a", clock.at)?.held, held);
  voters.close();
});

test("what is told is in force only when the guard has taken it", async () => {
  const { voters, driver, clock } = made();
  voters.introduce(cluster({}), "b", null, clock.at);
  await voters.inForce();
  driver.hold();
  voters.learn(cluster({}), clock.at);
  voters.setVote("b", 2);
  let inForce = false;
  const waiting = voters.inForce().then(() => (inForce = true));
  await sleep(20);
  assert.equal(inForce, false);
  driver.letGo();
  await waiting;
  assert.equal(driver.fed.at(-1)?.[0]?.votedFor, 2);
  voters.close();
});

test("promises that are renewed feed nothing; a rule that is on its way does", async () => {
  const { voters, driver, clock } = made();
  voters.learn(cluster({}), clock.at);
  voters.stand(viewOf({}), null);
  await voters.inForce();
  const before = driver.fed.length;
  const held = [{ voter: { member: "b", incarnation: 1 }, safeUntil: 99 }];
  voters.stand(
    viewOf({ lease: { startedAt: 0, epochSeenAt: 0, held, given: undefined, heardHolderAt: undefined } }),
    null,
  );
  await voters.inForce();
  assert.equal(driver.fed.length, before);
  const rule = { voters: [{ member: "b", incarnation: 1 }], acks: 1 };
  const asked = { epoch: 1, rule, opens: false, votes: false };
  voters.stand(viewOf({ memory: { ...emptyMemory, asked } }), null);
  await voters.inForce();
  assert.equal(driver.fed.at(-1)?.[0]?.rules.length, 2);
  voters.close();
});

test("a member that may not vote any more is sent heartbeats while its vote stands: else it would never follow again", () => {
  const { voters, driver, clock } = made();
  const { members, ...record } = cluster({});
  const away = { ...members["b"]!, value: { ...members["b"]!.value, host: "away", region: "far" } };
  const apart = { ...record, members: { ...members, b: away } };
  const position = { timeline: 1, lsn: zeroLsn };
  const vote = versioned({ voter: { member: "b", incarnation: 1 }, epoch: 2, position });
  voters.introduce(apart, "a", null, clock.at);
  assert.deepEqual(driver.fed.at(-1)?.[0]?.voterHosts, ["h"]);
  voters.close();
  const { voters: others, driver: later } = made();
  others.introduce({ ...apart, votes: { b: vote } }, "a", null, clock.at);
  assert.deepEqual(later.fed.at(-1)?.[0]?.voterHosts, ["away", "h"]);
  others.close();
});

function viewOf(parts: Partial<View>): View {
  return {
    self: "a",
    now: 0,
    wallNow: 0,
    timings: defaultTimings,
    cluster: cluster({}),
    storeReachable: true,
    server: { kind: "absent" },
    peers: {},
    lease: { startedAt: 0, epochSeenAt: 0, held: [], given: undefined, heardHolderAt: undefined },
    isWorkedOn: false,
    hushed: undefined,
    busy: [],
    memory: emptyMemory,
    ...parts,
  };
}

function reportOf(parts: Partial<MemberReport>): MemberReport {
  return { cluster: "t", member: "a", epoch: 1, held: [], given: null, heardHolderAt: null, fenced: null, ...parts };
}

function made() {
  const clock = { at: 10_000, now: () => clock.at, wallNow: () => 0 };
  const driver = new FakeDriver();
  const guard = new HostGuard({ driver, clock, log: quiet, fenced: () => undefined });
  const voters = new GuardedVoters("t", guard, marginMs, () => undefined);
  voters.learn(cluster({}), clock.at);
  const close = voters.close.bind(voters);
  voters.close = () => {
    close();
    guard.close();
  };
  return { voters, driver, clock };
}

class FakeDriver implements GuardDriver {
  readonly pid = 1;
  readonly fed: (readonly MemberFeed[])[] = [];
  #held: Promise<void> | undefined;
  #letGo = (): void => undefined;
  #listener: (report: GuardReport) => void = () => undefined;

  hold(): void {
    this.#held = new Promise((resolve) => (this.#letGo = resolve));
  }
  letGo(): void {
    this.#held = undefined;
    this.#letGo();
  }
  report(members: readonly MemberReport[]): void {
    this.#listener({ kind: "report", startedAt: 0, pid: 1, version: "1", members, heard: {} });
  }
  async feed(members: readonly MemberFeed[]): Promise<void> {
    this.fed.push(members);
    await this.#held;
  }
  onReport(listener: (report: GuardReport) => void): void {
    this.#listener = listener;
  }
  async ensure(): Promise<"started"> {
    return "started";
  }
  async hosts(): Promise<void> {}
  async release(): Promise<void> {}
  onRestart(): void {}
  onFailure(): void {}
  async close(): Promise<void> {}
  async stop(): Promise<void> {}
}

const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };
function nothing(): void {}
