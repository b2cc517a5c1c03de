/** The guard's core on a virtual clock: who is promised what, who is ended, and when. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { feedOf, Rig, timings, voterOf } from "./testing.ts";
import type { MemberFeed } from "./wire.ts";

const hosts = ["a", "b", "c"];

/** Three guards, all fed, the holder's promises in place; agents go on feeding unless they are `silent`. */
function running(more: Partial<MemberFeed> = {}): Rig {
  const rig = new Rig();
  for (const host of hosts) rig.start(host);
  for (const host of ["b", "c"]) feed(rig, host);
  feed(rig, "a", { open: false, ...more });
  rig.advance(10);
  feed(rig, "a", more);
  return rig;
}

function feed(rig: Rig, host: string, more: Partial<MemberFeed> = {}): void {
  rig.guards.get(host)?.feed([feedOf(host, more)], rig.now);
}

/** Advances with an agent on every host that feeds each second. */
function live(rig: Rig, ms: number, feeds: Readonly<Record<string, Partial<MemberFeed>>> = {}): void {
  for (let left = ms; left > 0; left -= 500) {
    rig.advance(Math.min(left, 500));
    for (const host of hosts) if (!rig.frozen.has(host)) feed(rig, host, feeds[host]);
  }
}

function report(rig: Rig, host: string) {
  const found = rig.guards.get(host)?.members()[0];
  assert.ok(found);
  return found;
}

function cutOff(rig: Rig, host: string): void {
  for (const other of hosts) {
    rig.cut.add(`${host}>${other}`);
    rig.cut.add(`${other}>${host}`);
  }
}

describe("lease", () => {
  test("a holder is promised time at once when its epoch is told, and goes on for as long as it is fed", () => {
    const rig = new Rig();
    for (const host of hosts) rig.start(host);
    for (const host of ["b", "c", "a"]) feed(rig, host, { open: false });
    rig.advance(3);
    assert.deepEqual(
      report(rig, "a").held.map(({ voter }) => voter.member),
      ["shop-b", "shop-c"],
    );
    assert.equal(report(rig, "b").given?.holder, "shop-a");
    live(rig, 20_000);
    assert.equal(rig.fenced.length, 0);
  });

  test("a holder that is cut off is ended by its guard a margin before its voters are free", () => {
    const rig = running();
    live(rig, 2000);
    cutOff(rig, "a");
    live(rig, 3000);
    const [fenced, ...more] = rig.fenced;
    assert.deepEqual([fenced?.because, fenced?.host, more.length], ["promises-ended", "a", 0]);
    const freeAt = Math.min(...["b", "c"].map((host) => report(rig, host).given?.until ?? Infinity));
    assert.ok(fenced && freeAt - fenced.at >= timings.marginMs, `ended ${fenced?.at}, voters free ${freeAt}`);
    assert.equal(report(rig, "a").fenced?.because, "promises-ended");
  });

  test("one voter of two is enough where one acknowledgement is", () => {
    const rig = running();
    rig.cut.add("a>c");
    live(rig, 5000);
    assert.equal(rig.fenced.length, 0);
  });

  test("every rule in force counts: the one before needs both", () => {
    const rules = [feedOf("a").rules[0]!, { voters: [voterOf("b"), voterOf("c")], acks: 2 }];
    const rig = running({ rules });
    live(rig, 2000, { a: { rules } });
    rig.cut.add("a>c");
    live(rig, 2000, { a: { rules } });
    assert.equal(rig.fenced[0]?.because, "promises-ended");
  });

  test("without voters in the rule its time does not end, and before it is open nothing is ended", () => {
    const rig = running({ rules: [{ voters: [], acks: 0 }] });
    cutOff(rig, "a");
    live(rig, 5000, { a: { rules: [{ voters: [], acks: 0 }] } });
    live(rig, 5000, { a: { open: false } });
    assert.equal(rig.fenced.length, 0);
  });

  test("heartbeats stop 10 s after the last feed, and the server is ended: a stuck agent is no zombie", () => {
    const rig = running();
    const fedAt = rig.now;
    for (const host of ["b", "c"]) feed(rig, host);
    rig.advance(9900);
    assert.equal(rig.fenced.length, 0);
    rig.advance(3000);
    const { at = 0 } = rig.fenced[0] ?? {};
    assert.ok(at > fedAt + 10_000 && at < fedAt + 10_000 + timings.promiseMs, `ended after ${at - fedAt} ms`);
  });

  test("who holds nothing any more and acts as a primary is ended at the very feed that says so", () => {
    const rig = running();
    feed(rig, "a", { epoch: 2, holds: false, postmaster: feedOf("a").postmaster });
    assert.deepEqual(
      rig.fenced.map(({ because, at }) => [because, at]),
      [["not-holder", rig.now]],
    );
  });

  test("what was promised for an epoch does not count for the one after it", () => {
    const rig = running();
    live(rig, 1000);
    assert.equal(report(rig, "a").held.length, 2);
    cutOff(rig, "a");
    feed(rig, "a", { epoch: 2, open: false });
    assert.deepEqual(report(rig, "a").held, []);
  });

  test("what a voter has given stands, however often its agent speaks of it", () => {
    const rig = running();
    live(rig, 1000);
    cutOff(rig, "a");
    const given = report(rig, "b").given;
    feed(rig, "b");
    assert.ok(given);
    assert.deepEqual(report(rig, "b").given, given);
  });

  test("an answer counts from before its heartbeat left, whenever it arrives; one from the future not at all", () => {
    const rig = running();
    const guard = rig.guards.get("a");
    const promise = { cluster: "shop", epoch: 1, voter: voterOf("d"), promiseMs: 1500 };
    guard?.hear("d", { kind: "promises", promises: [{ ...promise, sentAt: rig.now - 400 }] });
    guard?.hear("d", { kind: "promises", promises: [{ ...promise, sentAt: rig.now + 1 }] });
    const held = report(rig, "a").held.find(({ voter }) => voter.member === "shop-d");
    assert.equal(held?.safeUntil, rig.now - 400 + 1500 - 300);
  });
});

describe("voter", () => {
  test("promises nothing before its agent has spoken of the cluster, nor below the epoch of its vote", () => {
    const rig = new Rig();
    for (const host of hosts) rig.start(host);
    feed(rig, "a", { open: false });
    rig.advance(1000);
    assert.deepEqual(report(rig, "a").held, []);
    feed(rig, "b", { votedFor: 2 });
    rig.advance(1000);
    assert.deepEqual(report(rig, "a").held, []);
    assert.notEqual(report(rig, "b").heardHolderAt, null);
    feed(rig, "b");
    rig.advance(300);
    assert.equal(report(rig, "a").held.length, 1);
  });

  test("a rebuilt directory is another voter: its promises are not those of the one before", () => {
    const rig = running();
    feed(rig, "c", { voter: { member: "shop-c", incarnation: 2 } });
    rig.advance(300);
    assert.ok(report(rig, "a").held.some(({ voter }) => voter.member === "shop-c" && voter.incarnation === 2));
  });

  test("two members of one cluster on one host promise each other without any network", () => {
    const rig = new Rig();
    const guard = rig.start("a");
    const both = [feedOf("a", { open: false, voterHosts: ["a"] }), feedOf("b", { voterHosts: ["a"], rules: [] })];
    guard.feed(both, rig.now);
    rig.advance(timings.heartbeatMs);
    const [holder, voter] = guard.members();
    assert.deepEqual(
      holder?.held.map((held) => held.voter.member),
      ["shop-b"],
    );
    assert.equal(voter?.given?.holder, "shop-a");
    assert.equal(rig.sent.length, 0);
  });

  test("what it has given is not forgotten while its agent speaks of other clusters only", () => {
    const rig = running();
    rig.guards.get("b")?.feed([], rig.now);
    assert.notEqual(report(rig, "b").given, null);
  });
});

describe("release", () => {
  test("frees the voters at once, and what was on its way binds nobody again", () => {
    const rig = running();
    live(rig, 1000);
    const late = { cluster: "shop", epoch: 1, holder: "shop-a", sentAt: rig.now };
    rig.guards.get("a")?.release("shop", 1);
    rig.advance(2);
    for (const host of ["b", "c"]) assert.equal(report(rig, host).given, null);
    rig.guards.get("b")?.hear("a", { kind: "heartbeats", heartbeats: [late] });
    live(rig, 1000);
    for (const host of ["b", "c"]) assert.equal(report(rig, host).given, null);
  });

  test("ends a server that would still serve", () => {
    const rig = running();
    rig.guards.get("a")?.release("shop", 1);
    assert.equal(rig.fenced[0]?.because, "promises-ended");
  });

  test("that was lost is said again", () => {
    const rig = running();
    rig.cut.add("a>b");
    rig.guards.get("a")?.release("shop", 1);
    rig.advance(500);
    rig.cut.clear();
    rig.advance(timings.heartbeatMs + 2);
    assert.equal(report(rig, "b").given, null);
  });

  test("that the store never heard of: the holder goes on after a while", () => {
    const rig = running();
    rig.dead.add(100 + "a".charCodeAt(0));
    rig.guards.get("a")?.release("shop", 1);
    live(rig, 2500, { a: { open: false } });
    assert.equal(report(rig, "a").held.length, 2);
  });

  test("frees nothing of a later epoch", () => {
    const rig = running();
    feed(rig, "b", { epoch: 2, holds: true, open: false });
    rig.advance(5);
    rig.guards.get("c")?.hear("a", { kind: "release", cluster: "shop", epoch: 1 });
    assert.equal(report(rig, "c").given?.epoch, 2);
  });
});

describe("a guard's own life", () => {
  test("killed and started again it goes on with what its agent knows, and nobody notices", () => {
    const rig = running();
    live(rig, 2000);
    const { held } = report(rig, "a");
    rig.stop("a");
    rig.advance(150);
    rig.start("a");
    feed(rig, "a", { held });
    live(rig, 3000);
    assert.equal(rig.fenced.length, 0);
  });

  test("started together with its agent, which knows of no promises, it gathers them before it judges", () => {
    const rig = running();
    live(rig, 1000);
    rig.stop("a");
    rig.advance(150);
    rig.start("a");
    live(rig, 3000);
    assert.equal(rig.fenced.length, 0);
  });

  test("and ends the server when there are none to gather", () => {
    const rig = running();
    cutOff(rig, "a");
    rig.stop("a");
    rig.start("a");
    live(rig, 1000);
    assert.equal(rig.fenced[0]?.because, "promises-ended");
  });

  test("frozen past its time it ends the server before it does anything else", () => {
    const rig = running();
    live(rig, 1000);
    rig.frozen.add("a");
    rig.advance(4000);
    assert.equal(rig.fenced.length, 0);
    const said = rig.sent.length;
    rig.frozen.delete("a");
    feed(rig, "a");
    assert.equal(rig.fenced[0]?.at, rig.now);
    assert.ok(rig.sent.slice(said).every(({ from }) => from !== "a"));
  });

  const known = [
    { cluster: "shop", member: "shop-a", postmaster: { pid: 7, isPrimary: true, dataDirectory: "/data/a" } },
  ];

  test("started alone it ends the primaries that the guard before it knew, after a second", () => {
    const rig = new Rig();
    const guard = rig.start("a", known);
    rig.advance(999);
    assert.equal(rig.fenced.length, 0);
    rig.advance(2);
    assert.deepEqual([rig.fenced[0]?.pid, rig.fenced[0]?.because], [7, "no-agent"]);
    guard.feed([feedOf("a", { postmaster: null })], rig.now);
    assert.equal(guard.members()[0]?.fenced?.because, "no-agent");
  });

  test("an agent that is there, and has not come to a cluster yet, has the time of a feed", () => {
    const rig = new Rig();
    rig.start("a", known);
    rig.guards.get("a")?.feed([], rig.now);
    rig.advance(9990);
    assert.equal(rig.fenced.length, 0);
    rig.advance(20);
    assert.equal(rig.fenced[0]?.because, "no-agent");
  });

  test("a new agent that has not come to its primary yet leaves it the time of the last feed", () => {
    const rig = running();
    for (let i = 0; i < 9; i += 1) {
      rig.guards.get("a")?.feed([], rig.now);
      for (const host of ["b", "c"]) feed(rig, host);
      rig.advance(1000);
    }
    assert.equal(rig.fenced.length, 0);
  });
});
