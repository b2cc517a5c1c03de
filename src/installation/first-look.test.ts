/** Who asks while the agent starts is told what it saw, and never waits for long. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterRuntime, MemberRuntime } from "../agent/runtime.ts";
import { firstLook } from "./first-look.ts";

const decision = { actions: [], because: { code: "settling", unsure: 1 }, recheckAt: 0 } as const;

function clusterOf(members: readonly MemberRuntime["decision"][]): ClusterRuntime {
  const all = members.map((decided, at) => [`shop-${at}`, { decision: decided }] as const);
  return { members: new Map(all) } as unknown as ClusterRuntime;
}

test("the first request after a start waits until every member was looked at", async () => {
  let cluster = clusterOf([decision, undefined]);
  setTimeout(() => (cluster = clusterOf([decision, decision])), 50);
  const [found] = await firstLook({ startedAt: Date.now() }, () => [cluster]);
  assert.equal(found?.members.get("shop-1")?.decision, decision);
});

test(
  "a member that is never looked at: later requests do not wait, and the first ones go on",
  { timeout: 60_000 },
  async () => {
    const cluster = clusterOf([decision, undefined]);
    for (const startedAt of [Date.now() - 60_000, Date.now()])
      assert.deepEqual(await firstLook({ startedAt }, () => [cluster]), [cluster]);
  },
);
