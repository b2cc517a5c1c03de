/** What is told of a cluster's endpoints, in which order, and when its pooler holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Route } from "../router/wire.ts";
import { EndpointFeed } from "./endpoint-feed.ts";

const target = { member: "a", host: "127.0.0.1", port: 1 };

function made() {
  const said: string[] = [];
  const { promise: paused, resolve: pause } = Promise.withResolvers<void>();
  let now: readonly Route[] = [];
  const feed = new EndpointFeed({
    routes: () => now,
    told: () => undefined,
    take: async ([primary]) => {
      said.push(`route ${primary?.state} ${primary?.targets.length}`);
      return true;
    },
    taken: async () => undefined,
    holdPool: () => {
      said.push("hold");
      return paused;
    },
    releasePool: async () => void said.push("release"),
  });
  const tell = (state: Route["state"], targets: Route["targets"]): Promise<void> => {
    now = [{ cluster: "t", kind: "primary", epoch: 1, state, targets, cut: true }];
    return feed.tell();
  };
  return { said, pause, tell };
}

test("a planned hold is over when the pooler has no transaction open; telling it again waits for the same", async () => {
  const { said, pause, tell } = made();
  let isHeld = false;
  const held = Promise.all([tell("hold", [target]), tell("hold", [target])]).then(() => {
    isHeld = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(said, ["hold", "route hold 1"], "once");
  assert.equal(isHeld, false);
  pause();
  await held;
});

test("between the primaries the pooler is left as it is, and goes on once the router leads to the next", async () => {
  const { said, pause, tell } = made();
  pause();
  await tell("hold", [target]);
  await tell("hold", []);
  await tell("open", [{ ...target, member: "b" }]);
  assert.deepEqual(said, ["hold", "route hold 1", "route hold 0", "route open 1", "release"]);
});

test("a primary that is gone without a plan holds nobody at the pooler: its servers have gone with it", async () => {
  const { said, tell } = made();
  await tell("open", [target]);
  await tell("hold", []);
  assert.deepEqual(said, ["route open 1", "release", "route hold 0"]);
});
