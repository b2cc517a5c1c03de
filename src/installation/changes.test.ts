/** Wishes that the loops are to fulfil: what is waited for, and what is refused before it is written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { ClusterRuntime } from "../agent/runtime.ts";
import { clusterOf, standby } from "../core/testing.ts";
import type { Intent } from "../domain/cluster.ts";
import type { OperationRecord } from "../events/event.ts";
import { awaitIntentEnd, failOver } from "./changes.ts";
import type { Parts } from "./parts.ts";

const operation = {
  id: "o",
  kind: "failover",
  cluster: "shop",
  state: "running",
  steps_total: null,
} as OperationRecord;
const intent: Intent = {
  kind: "failover",
  to: null,
  epoch: 1,
  acceptDataLoss: false,
  id: "o",
  by: "a",
  requestedAt: 0,
};

/** An agent whose store says `record` when it is told to. */
class Agent {
  readonly #listeners: ((name: string) => void)[] = [];
  readonly #clusters = new Map<string, ClusterRuntime>();
  readonly operation = { ...operation };
  readonly parts: Parts;

  constructor(cluster: ClusterRuntime) {
    this.#clusters.set("shop", cluster);
    this.parts = {
      runtime: {
        clusters: this.#clusters,
        onChange: (listener: (name: string) => void) => this.#listeners.push(listener),
      },
      operations: { get: () => this.operation, begin: () => assert.fail("something was begun") },
      storeHealth: { storeReachable: true },
      clock: { wallNow: () => 0 },
      signal: new AbortController().signal,
    } as unknown as Parts;
  }

  async reads(record: ClusterRuntime["record"]): Promise<void> {
    this.#clusters.set("shop", { name: "shop", record, storeReachable: true, members: new Map() });
    for (const listener of this.#listeners) listener("shop");
    await turn();
  }
}

const without = clusterOf({});
const withIntent = { ...without, intent: { value: intent, revision: 9 } };
const bare: ClusterRuntime = { name: "shop", record: without, storeReachable: true, members: new Map() };

test("a wish that was written is not taken for ended before it has been read here", async () => {
  const agent = new Agent(bare);
  let isOver = false;
  const waiting = awaitIntentEnd(agent.parts, operation).then(() => (isOver = true));
  await agent.reads(without);
  assert.equal(isOver, false);
  await agent.reads(withIntent);
  assert.equal(isOver, false);
  await agent.reads(without);
  await waiting;
});

test("a wish that came and went between two looks has ended when its operation has", async () => {
  const agent = new Agent(bare);
  const waiting = awaitIntentEnd(agent.parts, operation);
  Object.assign(agent.operation, { state: "done" });
  await agent.reads(without);
  await waiting;
});

test("failover where votes are missing: refused with what is missing and what goes on without it", async () => {
  const because = { code: "votes-missing", from: ["b"], needed: 2, have: 1 };
  const member = { id: "c", server: standby(), decision: { actions: [], because } };
  const agent = new Agent({ ...bare, members: new Map([["c", member]]) } as unknown as ClusterRuntime);
  const wish = (force: boolean) => failOver(agent.parts, "shop", { force, acceptDataLoss: false }, { by: "a" });
  for (const force of [false, true])
    await assert.rejects(wish(force), {
      code: "no-candidate",
      detail: /needs 2 votes and has 1; missing: "b"/,
      hint: /--force --accept-data-loss/,
    });
});
