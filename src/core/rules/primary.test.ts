/** The holder: recovery, promotion, barrier, opening. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toLsn } from "../../domain/lsn.ts";
import { noVoters } from "../../domain/rule.ts";
import { end, now, primary, ruleOf, says, standby, stopped, viewOf, voter, type ViewChange } from "../testing.ts";
import {
  awaitOpening,
  openAfterBarrier,
  othersWhoCanElect,
  passBarrier,
  promoteWinner,
  recordFork,
  recoverPrimary,
} from "./primary.ts";

const dead = (change: ViewChange = {}) => viewOf("a", { server: stopped(), ...change });
const unheard = { b: undefined, c: undefined };

test("recover: primary killed, both voters well: it gives its time back at once (3 members, quorum)", () =>
  assert.equal(says(recoverPrimary(dead())), "release, record release: server-died-others-elect"));

test("recover: primary killed, one of two voters not heard of: it starts again in a new epoch", () => {
  const decision = recoverPrimary(dead({ peers: { c: undefined } }));
  assert.equal(says(decision), "record take-epoch: server-died-restart");
  assert.deepEqual(decision?.because, { code: "server-died-restart", missing: ["c"] });
});

test("recover: a voter that was heard of too long ago cannot be counted on", () => {
  const view = dead({ peers: { b: { heardAt: now - 1501 } } });
  assert.equal(says(recoverPrimary(view)), "record take-epoch: server-died-restart");
});

test("recover: a primary that was stopped in order starts again", () =>
  assert.equal(
    says(recoverPrimary(dead({ server: stopped({ clean: true, end }) }))),
    "record take-epoch: server-died-restart",
  ));

test("recover: primary stopped in order, given up by the operator: the others elect", () => {
  const intent = {
    kind: "failover",
    to: null,
    epoch: 3,
    acceptDataLoss: false,
    id: "1",
    requestedAt: 0,
    by: "ann",
  } as const;
  const view = dead({ server: stopped({ clean: true, end }), intent });
  assert.equal(says(recoverPrimary(view)), "release, record release: server-died-others-elect");
});

test("recover: before it was open it starts again in its epoch, as what its directory is", () => {
  const taken = (timeline: number) =>
    recoverPrimary(dead({ server: stopped({ timeline }), reign: { phase: "taken" }, peers: unheard }))?.actions[0];
  const [as, before] = [taken(2), taken(1)];
  assert.equal(as?.kind === "start" && as.as, "primary");
  assert.equal(before?.kind === "start" && before.as, "standby");
});

test("recover: the directory is gone or damaged", () => {
  assert.equal(says(recoverPrimary(dead({ server: { kind: "absent" } }))), "release, record release: directory-gone");
  assert.equal(
    says(recoverPrimary(dead({ server: stopped({ damaged: true }), peers: unheard }))),
    "release, record release: directory-gone",
  );
});

test("recover: starts that fail are further and further apart when nobody can take over", () => {
  const waits = recoverPrimary(dead({ server: stopped({ failures: 3 }), peers: unheard }));
  assert.equal(says(waits), "nothing: server-died-restart");
  assert.equal(waits?.recheckAt, now - 10 + 4000);
  const full = recoverPrimary(dead({ server: stopped({ failures: 3, noRoom: true }), peers: unheard }));
  assert.equal(says(full), "nothing: disk-full");
});

test("recover: nothing to say of a standby, of a running primary, and after the time was given back", () => {
  assert.equal(recoverPrimary(viewOf("b", { server: stopped() })), undefined);
  assert.equal(recoverPrimary(viewOf("a")), undefined);
  assert.equal(recoverPrimary(dead({ reign: { phase: "released" } })), undefined);
});

test("electors: before the barrier every rule must be satisfied, by the directories that it names", () => {
  assert.deepEqual(othersWhoCanElect(viewOf("a")), ["b", "c"]);
  assert.deepEqual(othersWhoCanElect(viewOf("a", { previous: [ruleOf(1, "d")] })), []);
  assert.deepEqual(othersWhoCanElect(viewOf("a", { records: { c: { incarnation: 2 } } })), []);
  assert.deepEqual(othersWhoCanElect(viewOf("a", { rule: noVoters })), []);
});

test("promote: the winner, on the timeline reserved for it, with every timeline planted", () => {
  const decision = promoteWinner(viewOf("a", { reign: { phase: "taken" }, server: standby() }));
  assert.equal(says(decision), "promote: promoting");
  const [action] = decision?.actions ?? [];
  assert.ok(action?.kind === "promote");
  assert.deepEqual([action.epoch, action.timeline, action.known.length], [3, 2, 2]);
  assert.deepEqual(action.rule, ruleOf(1, "b", "c"));
});

test("promote: with durability async the server waits for nobody", () => {
  const view = viewOf("a", { reign: { phase: "taken" }, server: standby(), spec: { durability: "async" } });
  const [action] = promoteWinner(view)?.actions ?? [];
  assert.deepEqual(action?.kind === "promote" && action.rule, noVoters);
});

test("promote: a promotion that failed gives the epoch back", () => {
  const memory = { failedReigns: [{ epoch: 3, at: now - 5 }] };
  const view = viewOf("a", { reign: { phase: "taken" }, server: standby(), memory });
  assert.equal(says(promoteWinner(view)), "release, record release: promotion-failed");
});

test("promote: a server that still starts is waited for, up to its time", () => {
  const starting = (forMs: number) =>
    viewOf("a", { reign: { phase: "taken" }, server: { kind: "starting", asPrimary: false, since: now - forMs } });
  assert.equal(says(promoteWinner(starting(10))), "nothing: waiting-for-start");
  assert.equal(says(promoteWinner(starting(60_001))), "fence: start-too-slow");
});

test("promote: nothing to say once open, of another member, of a primary", () => {
  assert.equal(promoteWinner(viewOf("a", { server: standby() })), undefined);
  assert.equal(promoteWinner(viewOf("b", { reign: { phase: "taken" } })), undefined);
  assert.equal(promoteWinner(viewOf("a", { reign: { phase: "taken" } })), undefined);
});

test("fork: where Postgres really left the old timeline is recorded, once", () => {
  const fork = (at: bigint) => viewOf("a", { memory: { fork: { timeline: 2, at: toLsn(at) } } });
  assert.equal(says(recordFork(fork(490n))), "record timeline: timeline-fork-known");
  assert.equal(recordFork(fork(500n)), undefined);
  assert.equal(recordFork(viewOf("a")), undefined);
});

test("barrier: a first commit once the server has the rule, and only then", () => {
  const taken = (change: ViewChange = {}) => passBarrier(viewOf("a", { reign: { phase: "taken" }, ...change }));
  assert.equal(says(taken()), "barrier: barrier");
  assert.equal(taken({ server: primary({ syncNames: "" }) }), undefined);
  assert.equal(taken({ busy: [{ kind: "barrier", since: now }] }), undefined);
  assert.equal(taken({ memory: { barrierPassed: passed(3) } }), undefined);
  assert.equal(passBarrier(viewOf("a")), undefined);
});

/** The barrier of this epoch, by the run of the server that the builder shows. */
function passed(epoch: number) {
  const server = primary();
  return { epoch, serverSince: server.kind === "running" ? server.since : -1 };
}

test("open: a barrier of an earlier run of the server proves nothing (seed 1086)", () => {
  const before = { epoch: 3, serverSince: passed(3).serverSince - 1 };
  assert.equal(
    openAfterBarrier(viewOf("a", { reign: { phase: "taken" }, memory: { barrierPassed: before } })),
    undefined,
  );
});

test("open: what is missing is told: the barrier, or promises", () => {
  const waits = (change: ViewChange) => says(awaitOpening(viewOf("a", { reign: { phase: "taken" }, ...change })));
  assert.equal(waits({}), "nothing: barrier");
  assert.equal(waits({ memory: { barrierPassed: passed(3) }, lease: { held: [] } }), "nothing: waiting-for-promises");
});

test("open: after the barrier, with time granted by the voters", () => {
  const taken = (change: ViewChange = {}) =>
    says(openAfterBarrier(viewOf("a", { reign: { phase: "taken" }, ...change })));
  assert.equal(taken({ memory: { barrierPassed: passed(3) } }), "record open: opening");
  assert.notEqual(taken({ memory: { barrierPassed: passed(3) }, lease: { held: [] } }), "record open: opening");
  assert.notEqual(taken(), "record open: opening");
  assert.notEqual(taken({ memory: { barrierPassed: passed(2) } }), "record open: opening");
  assert.equal(openAfterBarrier(viewOf("a")), undefined);
});

test("open: earlier rules are dropped with it, because the barrier carried what they acknowledged", () => {
  const view = viewOf("a", {
    reign: { phase: "taken" },
    previous: [ruleOf(1, "d")],
    memory: { barrierPassed: passed(3) },
  });
  const [action] = openAfterBarrier(view)?.actions ?? [];
  const rule = action?.kind === "record" ? action.txn.write.find(({ key }) => key === "rule")?.value : undefined;
  assert.deepEqual(rule, { epoch: 3, rule: { voters: [voter("b"), voter("c")], acks: 1 }, previous: [] });
});
