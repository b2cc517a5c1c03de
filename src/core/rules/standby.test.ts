/** A member that does not hold the epoch: its directory, its server, its stream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toLsn } from "../../domain/lsn.ts";
import type { Memory } from "../view.ts";
import {
  end,
  now,
  primary,
  ruleOf,
  says,
  standby,
  stopped,
  streamOf,
  viewOf,
  voteOf,
  type ViewChange,
} from "../testing.ts";
import { inPrimaryRegion, mayBeVoter } from "../regions.ts";
import { keepSlots } from "./upkeep.ts";
import { endFrozenStandby, followHolder, rebuild, rest, startStandby } from "./standby.ts";

const absent = { kind: "absent" } as const;
const diverged = (change: Partial<NonNullable<Memory["rebuild"]>> = {}): Partial<Memory> => ({
  rebuild: {
    incarnation: 1,
    because: { code: "diverged", replayedPastForkBytes: 9 },
    rewindFailed: false,
    keeps: false,
    ...change,
  },
});
/** timeline 2 was begun by a forced epoch, at 500 */
const forced = [
  { id: 1, parent: null, forkedAt: toLsn(0n), epoch: 1 },
  { id: 2, parent: 1, forkedAt: toLsn(500n), epoch: 3, isForced: true },
] as const;
const reclone = { records: { b: { wish: "reclone" } } } as const;

test("rebuild: no directory: copied from the primary, as a new incarnation that is recorded first", () => {
  const decision = rebuild(viewOf("b", { server: absent }));
  assert.deepEqual(decision?.because, { code: "cloning", source: "a", why: { code: "no-directory" } });
  const [action] = decision?.actions ?? [];
  const member =
    action?.kind === "clone" ? action.record.write.find(({ key }) => key === "member/b")?.value : undefined;
  assert.ok(member && "incarnation" in member && member.incarnation === 2);
});

test("rebuild: no source: the primary is not open, not heard of, or knows an older epoch (I9)", () => {
  const copy = (change: ViewChange) => says(rebuild(viewOf("b", { server: absent, rule: ruleOf(1, "c"), ...change })));
  assert.equal(copy({ reign: { phase: "taken" } }), "nothing: no-source");
  assert.equal(copy({ peers: { a: undefined } }), "nothing: no-source");
  assert.equal(copy({ peers: { a: { epoch: 2 } } }), "nothing: no-source");
  assert.equal(copy({ peers: { a: { server: standby() } } }), "nothing: no-source");
  assert.equal(copy({ peers: { a: { heardAt: now - 2000 } } }), "nothing: no-source");
});

test("rebuild: a voter that the barrier waits for is copied before the primary is open", () =>
  assert.equal(says(rebuild(viewOf("b", { server: absent, reign: { phase: "taken" } }))), "clone: cloning"));

test("rebuild: diverged: its server is ended first, then it is rewound where the engine can, else copied", () => {
  assert.equal(says(rebuild(viewOf("b", { memory: diverged() }))), "fence: diverged");
  const down = { server: stopped(), memory: diverged() };
  assert.equal(says(rebuild(viewOf("b", down))), "clone: cloning");
  const system = { ...down, spec: { engine: "system" } } as const;
  assert.equal(says(rebuild(viewOf("b", system))), "rewind: rewinding");
  assert.equal(says(rebuild(viewOf("b", { ...system, memory: diverged({ rewindFailed: true }) }))), "clone: cloning");
  assert.equal(rebuild(viewOf("b", { ...down, memory: diverged({ incarnation: 0 }) })), undefined);
});

test("rebuild: left behind by a forced epoch: never rewound, and kept before the copy (I13)", () => {
  const keeps = (change: ViewChange): unknown => {
    const [action] = rebuild(viewOf("b", { spec: { engine: "system" }, timelines: forced, ...change }))?.actions ?? [];
    return action?.kind === "clone" ? action.keeps : action?.kind;
  };
  assert.equal(keeps({ server: stopped(), memory: diverged({ keeps: true }) }), true);
  assert.equal(keeps({ server: stopped(), memory: diverged() }), "rewind");
  // How far its log goes is not known: it never came up to show it.
  assert.equal(keeps({ server: stopped({ failures: 3, timeline: 1 }) }), true);
  assert.equal(keeps({ server: stopped({ failures: 3, timeline: 1, clean: true, end: toLsn(500n) }) }), false);
  assert.equal(keeps({ server: stopped({ failures: 3, timeline: 2 }) }), false);
  // There is nothing that a cluster could be made of.
  assert.equal(keeps({ server: stopped({ damaged: true, timeline: 1 }) }), false);
  assert.equal(keeps({ server: absent }), false);
});

test("rebuild: no room for a copy beside what is kept: it waits, and looks again after a while", () => {
  const noRoom = (at: number): ViewChange => ({
    server: stopped(),
    memory: { ...diverged({ keeps: true }), noRoom: { at, message: "full" } },
  });
  assert.equal(says(rebuild(viewOf("b", noRoom(now - 1000)))), "nothing: no-room-to-keep");
  assert.equal(says(rebuild(viewOf("b", noRoom(now - 10_000)))), "clone: cloning");
});

test("rebuild: diverged and no source: a running server goes on running, for its vote", () =>
  assert.equal(rebuild(viewOf("b", { memory: diverged(), peers: { a: undefined } })), undefined));

test("rebuild: damaged, or starts that fail again and again; not when its disk is full", () => {
  assert.equal(says(rebuild(viewOf("b", { server: stopped({ damaged: true }) }))), "clone: cloning");
  assert.equal(says(rebuild(viewOf("b", { server: stopped({ failures: 3 }) }))), "clone: cloning");
  assert.equal(rebuild(viewOf("b", { server: stopped({ failures: 2 }) })), undefined);
  assert.equal(rebuild(viewOf("b", { server: stopped({ failures: 3, noRoom: true }) })), undefined);
});

test("rebuild: a copy that was asked for waits until the member is no voter any more", () => {
  assert.equal(rebuild(viewOf("b", reclone)), undefined);
  assert.equal(says(rebuild(viewOf("b", { ...reclone, rule: ruleOf(1, "c") }))), "fence: reclone-wished");
  const strict = { ...reclone, spec: { durability: "strict" }, rule: ruleOf(1, "b") } as const;
  assert.equal(says(rebuild(viewOf("b", strict))), "fence: reclone-wished");
});

test("rebuild: nothing to say of a healthy standby, nor of the holder", () => {
  assert.equal(rebuild(viewOf("b")), undefined);
  assert.equal(rebuild(viewOf("a", { server: absent })), undefined);
});

const started = (self: string, change: ViewChange = {}) => {
  const [action] = startStandby(viewOf(self, { server: stopped(), ...change }))?.actions ?? [];
  return action?.kind === "start" ? { as: action.as, upstream: action.upstream } : undefined;
};

test("start: a stopped standby streams from the holder; from nobody while its vote stands or may stand (P4)", () => {
  assert.deepEqual(started("b"), { as: "standby", upstream: "a" });
  assert.deepEqual(started("b", { votes: [voteOf("b")] }), { as: "standby", upstream: null });
  const asked = { epoch: 3, rule: undefined, opens: false, votes: true };
  assert.deepEqual(started("b", { memory: { unsure: [asked] } }), { as: "standby", upstream: null });
  assert.deepEqual(started("b", { reign: { phase: "released" } }), { as: "standby", upstream: null });
});

test("start: a former holder that gave its time back starts as a standby of nobody", () => {
  assert.deepEqual(started("a", { reign: { phase: "released" } }), { as: "standby", upstream: null });
  assert.equal(startStandby(viewOf("a", { server: stopped() })), undefined);
});

test("start: after failures it waits longer each time, and says why", () => {
  const again = startStandby(viewOf("b", { server: stopped({ failures: 2 }) }));
  assert.equal(says(again), "nothing: starting-standby");
  assert.equal(again?.recheckAt, now - 10 + 2000);
  assert.equal(
    says(startStandby(viewOf("b", { server: stopped({ failures: 2, noRoom: true }) }))),
    "nothing: disk-full",
  );
});

test("frozen standby: suspected, then ended; a start that lasts too long or is hopeless is ended too", () => {
  const frozen = (forMs: number) =>
    viewOf("b", { server: { kind: "unresponsive", role: "standby", since: now - forMs } });
  assert.equal(says(endFrozenStandby(frozen(300))), "nothing: standby-frozen");
  assert.equal(says(endFrozenStandby(frozen(1200))), "fence: standby-frozen");
  const starting = (forMs: number, isHopeless = false) =>
    viewOf("b", { server: { kind: "starting", asPrimary: false, since: now - forMs, isHopeless } });
  assert.equal(says(endFrozenStandby(starting(100))), "nothing: waiting-for-start");
  assert.equal(says(endFrozenStandby(starting(60_001))), "fence: start-too-slow");
  assert.equal(says(endFrozenStandby(starting(100, true))), "fence: start-too-slow");
  assert.equal(endFrozenStandby(viewOf("b")), undefined);
});

const cutOff = (forMs: number) => standby({ streaming: false, notStreamingSince: now - forMs });

test("follow: pointed at the holder; not while its vote stands", () => {
  const elsewhere = standby({ upstream: "c" });
  assert.equal(says(followHolder(viewOf("b", { server: elsewhere }))), "follow: re-pointing");
  assert.equal(followHolder(viewOf("b", { server: elsewhere, votes: [voteOf("b")] })), undefined);
  assert.equal(followHolder(viewOf("b")), undefined);
  assert.equal(followHolder(viewOf("a")), undefined);
});

test("follow: a stream that does not come is waited for, then the server starts again", () => {
  assert.equal(says(followHolder(viewOf("b", { server: cutOff(1000) }))), "nothing: not-streaming");
  assert.equal(says(followHolder(viewOf("b", { server: cutOff(5000) }))), "stop: not-streaming");
  const taken = { server: cutOff(9000), reign: { phase: "taken" } } as const;
  assert.equal(says(followHolder(viewOf("b", taken))), "nothing: waits-for-primary");
  assert.equal(
    says(followHolder(viewOf("b", { server: cutOff(9000), peers: { a: undefined } }))),
    "nothing: waits-for-primary",
  );
});

test("follow: it streams under the name of the directory before: it starts again under its own", () => {
  const peers = { a: { server: primary({ standbys: [streamOf("b"), streamOf("c")] }) } };
  const renamed = { peers, records: { b: { incarnation: 2 } } };
  assert.equal(says(followHolder(viewOf("b", renamed))), "stop: old-stream-name");
  assert.equal(followHolder(viewOf("b", { ...renamed, server: standby({ since: now - 100 }) })), undefined);
});

test("rest: it follows, and says how far behind it is", () => {
  const view = viewOf("b", { server: standby({ flushed: toLsn(400n) }) });
  assert.deepEqual(rest(view)?.because, { code: "following", upstream: "a", lagBytes: Number(end) - 400 });
  assert.deepEqual(rest(viewOf("b", { peers: { a: undefined } }))?.because, {
    code: "following",
    upstream: "a",
    lagBytes: undefined,
  });
  assert.equal(rest(viewOf("a")), undefined);
});

const cascaded = { records: { c: { upstream: "b" } } } as const;
const peerB = (server: ReturnType<typeof standby>, heardAt = now) => ({
  ...cascaded,
  peers: { b: { server, heardAt } },
});

test("followHolder: one that is to follow a standby does so while that one streams, else the primary", () => {
  const ownOf = (upstream: string) => standby({ upstream });
  const follows = (upstream: string, change: ViewChange) =>
    says(followHolder(viewOf("c", { server: ownOf(upstream), ...change }))) ?? "stays";
  assert.equal(follows("a", peerB(standby())), "follow: re-pointing");
  assert.equal(follows("b", peerB(standby())), "stays");
  const away = (forMs: number) => standby({ streaming: false, notStreamingSince: now - forMs });
  assert.equal(follows("b", peerB(away(100))), "stays", "between two primaries nobody streams for a moment");
  assert.equal(follows("b", peerB(away(60_000))), "follow: re-pointing");
  assert.equal(follows("b", peerB(standby(), now - 60_000)), "follow: re-pointing", "its host is silent");
  assert.equal(follows("a", peerB(away(60_000))), "stays");
});

test("one that follows a standby is never wanted in the rule, nor elected, in whatever region", () => {
  const view = viewOf("a", cascaded);
  assert.deepEqual([mayBeVoter(view.cluster, "c"), inPrimaryRegion(view.cluster, "c")], [false, false]);
  assert.deepEqual([mayBeVoter(view.cluster, "b"), inPrimaryRegion(view.cluster, "b")], [true, true]);
});

test("the primary keeps no slot for one that streams from a standby, and has one when it comes back", () => {
  const slotsFor = (upstream: string, slots: readonly string[]) =>
    says(
      keepSlots(
        viewOf("a", { ...cascaded, server: primary({ slots }), peers: { c: { server: standby({ upstream }) } } }),
      ),
    );
  assert.equal(slotsFor("b", ["b", "c"]), "slots: slots");
  assert.equal(slotsFor("b", ["b"]), undefined);
  assert.equal(slotsFor("a", ["b"]), "slots: slots");
});
