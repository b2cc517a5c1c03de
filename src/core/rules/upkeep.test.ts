/** The serving primary's housekeeping: rule, slots, ends of operations, its own account. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Intent } from "../../domain/cluster.ts";
import { toLsn } from "../../domain/lsn.ts";
import { formatSyncNames, noVoters } from "../../domain/rule.ts";
import type { RunningServer } from "../../domain/server.ts";
import { end, now, primary, ruleOf, says, standby, streamOf, viewOf, type ViewChange } from "../testing.ts";
import { endIntent, keepRule, keepSlots, serve } from "./upkeep.ts";

const both = formatSyncNames(ruleOf(1, "b", "c"));

test("rule: nothing to do while everybody streams; nothing for a standby", () => {
  assert.equal(keepRule(viewOf("a")), undefined);
  assert.equal(keepRule(viewOf("b")), undefined);
});

test("rule: what the store says reaches the server, before the barrier too", () => {
  const server = primary({ syncNames: "" });
  assert.equal(says(keepRule(viewOf("a", { server, reign: { phase: "taken" } }))), "set-rule: rule-into-server");
});

test("rule: durability async: the server waits for nobody", () => {
  const spec = { durability: "async" } as const;
  const [action] = keepRule(viewOf("a", { spec }))?.actions ?? [];
  assert.deepEqual(action?.kind === "set-rule" && action.rule, noVoters);
  assert.equal(keepRule(viewOf("a", { spec, server: primary({ syncNames: "" }) })), undefined);
});

test("rule: one voter more is stricter: the store first (P3)", () => {
  const view = viewOf("a", { rule: ruleOf(1, "b"), server: primary({ syncNames: formatSyncNames(ruleOf(1, "b")) }) });
  assert.equal(says(keepRule(view)), "record rule-stricter: voter-joins");
});

/** c has been silent for six seconds */
const cLost = (change: ViewChange = {}, server = {}) =>
  keepRule(
    viewOf("a", {
      server: primary({ standbys: [streamOf("b")], ...server }),
      ...change,
      memory: { silentSince: { c: now - 6000 }, ...change.memory },
    }),
  );

test("rule: one voter fewer is laxer: Postgres first, its walsender ended, the rest flushed, then the store (P3)", () => {
  const [first] = cLost()?.actions ?? [];
  assert.ok(first?.kind === "set-rule");
  assert.deepEqual([first.rule, first.endStreams], [ruleOf(1, "b"), ["c.1"]]);

  const told = { syncNames: formatSyncNames(ruleOf(1, "b")) };
  const until = (lsn: bigint) => ({ memory: { laxer: { epoch: 3, rule: ruleOf(1, "b"), until: toLsn(lsn) } } });
  const waits = cLost(until(1001n), told);
  assert.deepEqual(waits?.because, { code: "voters-must-flush", missing: ["b"] });
  assert.equal(says(cLost(until(1000n), told)), "record rule-laxer: voter-leaves");
  assert.equal(says(cLost({}, told)), "set-rule: voter-leaves");
});

test("rule: a voter that is silent for a short while stays", () =>
  assert.equal(cLost({ memory: { silentSince: { c: now - 4000 } } }), undefined));

test("rule: no voter is left: nobody can be elected from the moment the store knows it; strict waits instead", () => {
  const alone = { memory: { silentSince: { b: now - 6000, c: now - 6000 } } };
  assert.equal(says(cLost(alone, { standbys: [] })), "record rule-stricter: no-voter-left");
  assert.equal(cLost({ ...alone, spec: { durability: "strict" } }, { standbys: [] }), undefined);
});

test("slots: one for each other member, on every member, kept while a leaving one has its record", () => {
  const [action] = keepSlots(viewOf("b"))?.actions ?? [];
  assert.deepEqual(action?.kind === "slots" && action.members, ["a", "c"]);
  assert.equal(keepSlots(viewOf("a")), undefined);
  assert.equal(keepSlots(viewOf("a", { spec: { members: ["a", "b"] }, records: { c: {} } })), undefined);
  assert.equal(says(keepSlots(viewOf("a", { spec: { members: ["a", "b"] } }))), "slots: slots");
});

test("slots: a former primary that follows keeps no log for the others, but for a replica of its own", () => {
  const anewOn = (server: Partial<RunningServer>, change: ViewChange = {}) => {
    const [action] =
      keepSlots(viewOf("b", { server: standby({ slots: ["a", "c"], ...server }), ...change }))?.actions ?? [];
    return action?.kind === "slots" ? action.anew : undefined;
  };
  assert.deepEqual(anewOn({ idleSlots: ["a", "c"] }), ["a", "c"]);
  assert.deepEqual(anewOn({ idleSlots: ["a", "c"] }, { records: { c: { upstream: "b" } } }), ["a"]);
  assert.equal(anewOn({ idleSlots: ["a"], streaming: false }), undefined);
  assert.equal(anewOn({}), undefined);
  const away = { server: primary({ idleSlots: ["b"] }) };
  assert.equal(keepSlots(viewOf("a", away)), undefined, "the primary keeps log for who is away");
});

test("slots: a standby waits for the barrier with them, the primary does not", () => {
  const taken = { reign: { phase: "taken" } } as const;
  assert.equal(keepSlots(viewOf("b", taken)), undefined);
  assert.equal(says(keepSlots(viewOf("a", { ...taken, server: primary({ slots: [] }) }))), "slots: slots");
});

const base = { id: "1", requestedAt: 0, by: "ann" };
const outcomeOf = (intent: Intent, change: ViewChange = {}) => {
  const [action] = endIntent(viewOf("a", { intent, ...change }))?.actions ?? [];
  return action?.kind === "record" ? action.outcome : undefined;
};

test("intent: over once the epoch has moved on, and failed when another member than asked for has it", () => {
  const intent = { kind: "switchover", to: "a", epoch: 2, ...base } as const;
  assert.deepEqual(outcomeOf(intent), { operation: "1", state: "done", message: '"a" is the primary now' });
  assert.equal(outcomeOf({ ...intent, to: "b" })?.state, "failed");
  assert.equal(outcomeOf({ ...intent, to: null })?.state, "done");
  assert.equal(outcomeOf({ ...intent, epoch: 3 }), undefined);
  assert.equal(outcomeOf(intent, { reign: { phase: "taken" } }), undefined);
});

test("intent: a rolling restart is over when everybody who is still there has had a turn", () => {
  assert.equal(outcomeOf({ kind: "restart", pending: ["b"], ...base }), undefined);
  assert.equal(outcomeOf({ kind: "restart", pending: ["d"], ...base })?.state, "done");
});

test("intent: one that nobody carries out is given up, so that the cluster is not busy for ever", () => {
  const intent = { kind: "restart", pending: ["b"], ...base } as const;
  const seenFor = (ms: number, id = "1") =>
    outcomeOf(intent, {
      memory: { intent: { id, startedAt: now - ms, checkpointed: false, held: false, stoppedAt: undefined } },
    });
  assert.equal(seenFor(239_000), undefined);
  assert.equal(seenFor(300_000, "another"), undefined);
  assert.deepEqual(seenFor(240_000), {
    operation: "1",
    state: "failed",
    message: "nobody could carry it out in 4 minutes: b had no turn",
  });
});

test("serve: it counts, or says for whom writes wait", () => {
  assert.deepEqual(serve(viewOf("a"))?.because, { code: "serving", standbys: 2, voters: 2 });
  const server = primary({ standbys: [streamOf("b", { state: "catchup" })], syncNames: both, flushed: end });
  assert.deepEqual(serve(viewOf("a", { server }))?.because, {
    code: "writes-wait",
    for: ["b", "c"],
    durability: "quorum",
  });
  assert.equal(says(serve(viewOf("a", { server, spec: { durability: "async" } }))), "nothing: serving");
  assert.equal(serve(viewOf("b", { server: standby() })), undefined);
});
