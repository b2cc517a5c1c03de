/** A host's part in the sleep of a cluster: when it agrees to a doze, when it objects, and how it wakes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterRecord, Sleep } from "../domain/cluster.ts";
import type { Route } from "../router/wire.ts";
import { routesOf } from "./endpoints.ts";
import { Sleeper } from "./sleeper.ts";
import { cluster, versioned } from "./testing.ts";

const dozing: Sleep = { phase: "dozing", epoch: 1, since: 0 };

/** A sleeper on a record that the test changes, with a store that deletes the sleep when it is asked to. */
function made(first: Sleep | undefined, connections: () => number | undefined = () => 0) {
  const ended = new AbortController();
  const state = {
    record: withSleep(first, 7),
    now: 0,
    hushed: undefined as number | undefined,
    commits: 0,
    storeAway: 0,
    woken: [] as string[],
    changed: 0,
  };
  const sleeper = new Sleeper({
    clock: { now: () => state.now },
    neighbourhood: { hush: (_name, revision) => void (state.hushed = revision), isHushed: () => true },
    signal: ended.signal,
    record: () => state.record,
    commit: async () => {
      state.commits += 1;
      if (state.storeAway-- > 0) throw new Error("away");
      state.record = { ...state.record, sleep: undefined };
      return true;
    },
    connections: async () => connections(),
    changed: () => void (state.changed += 1),
    woken: ({ by }, tookMs) => void state.woken.push(`${by} ${tookMs}`),
  });
  const held = (): readonly Route[] => routesOf(state.record, new Map(), undefined, sleeper.holds);
  return { sleeper, state, ended, held };
}

function withSleep(sleep: Sleep | undefined, revision: number): ClusterRecord {
  return { ...cluster({}), sleep: sleep && { ...versioned(sleep), revision } };
}

test("it agrees to a doze once its endpoints hold and have nobody, and not before", async () => {
  const { sleeper, state, held } = made(undefined);
  state.record = withSleep(dozing, 9);
  assert.equal(sleeper.hushed, undefined);
  await sleeper.routed(held(), false);
  assert.equal(sleeper.hushed, undefined, "the router has not taken the routes");
  await sleeper.routed(held(), true);
  assert.equal(sleeper.hushed, 9);
  assert.equal(state.hushed, 9);
  state.record = withSleep(dozing, 12);
  assert.equal(sleeper.hushed, undefined, "another doze is another question");
});

test("it does not agree while it has a client, or while the router does not say; then its endpoints open again", async () => {
  for (const connections of [1, undefined]) {
    const { sleeper, state, held } = made(undefined, () => connections);
    state.record = withSleep(dozing, 9);
    await sleeper.routed(held(), true);
    assert.equal(state.hushed, undefined);
    assert.equal(sleeper.holds, connections === undefined);
  }
});

test("a client that comes before it has agreed is let through at once; after that the store has to be told first", async () => {
  const early = made(undefined);
  early.state.record = withSleep(dozing, 9);
  early.state.storeAway = 1;
  early.sleeper.knock("a client");
  assert.equal(early.sleeper.holds, false);
  await early.sleeper.routed(early.held(), true);
  assert.equal(early.state.hushed, undefined, "who has objected does not agree any more");
  early.ended.abort();

  const late = made(undefined);
  late.state.record = withSleep(dozing, 9);
  await late.sleeper.routed(late.held(), true);
  late.state.storeAway = 1;
  late.sleeper.knock("a client");
  assert.equal(late.sleeper.holds, true);
  late.ended.abort();

  const inherited = made(dozing);
  inherited.state.storeAway = 1;
  inherited.sleeper.knock("a client");
  assert.equal(inherited.sleeper.holds, true, "the agent before it may have agreed");
  inherited.ended.abort();
});

test("a sleeping cluster is woken once, however many wait, and that is told when it serves again", async () => {
  const { sleeper, state } = made({ ...dozing, phase: "asleep" });
  sleeper.knock("the first");
  sleeper.knock("the second");
  await new Promise(setImmediate);
  assert.equal(state.commits, 1);
  state.now = 300;
  const open: Route = { cluster: "t", kind: "primary", epoch: 2, state: "open", targets: [], cut: true };
  await sleeper.routed([{ ...open, state: "hold" }], true);
  assert.deepEqual(state.woken, []);
  await sleeper.routed([open], true);
  assert.deepEqual(state.woken, ["the first 300"]);
});
