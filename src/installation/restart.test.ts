/** What keeps a rolling restart from being begun, all of it at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterRuntime, MemberRuntime } from "../agent/runtime.ts";
import { clusterOf, primary, standby, viewOf } from "../core/testing.ts";
import type { Server } from "../domain/server.ts";
import { toLsn } from "../domain/lsn.ts";
import { restartProblems } from "./restart-problems.ts";
import { inOrder } from "./restart.ts";

function runtime(servers: Readonly<Record<string, Server>>): ClusterRuntime {
  const members = Object.entries(servers).map(([id, server]): [string, MemberRuntime] => [
    id,
    {
      id,
      server,
      view:
        id === "a"
          ? viewOf("a", { peers: { b: { server: servers["b"] ?? server }, c: { server: servers["c"] ?? server } } })
          : undefined,
      decision: undefined,
      busy: [],
      pid: 1,
      socketDirectory: "/",
      installed: undefined,
      progress: undefined,
    } as unknown as MemberRuntime,
  ]);
  return { name: "shop", record: clusterOf({}), storeReachable: true, members: new Map(members) };
}

const all = ["b", "c", "a"];
const away = standby({ streaming: false });
const behind = standby({ flushed: toLsn(1n) });
const far = primary({ flushed: toLsn(10n ** 9n) });

test("restart: standbys first, whoever was named first", () =>
  assert.deepEqual(inOrder(runtime({ a: primary() }), ["a", "c", "b"]), ["c", "b", "a"]));

test("restart: nothing is in the way of a healthy cluster", () =>
  assert.deepEqual(restartProblems(runtime({ a: primary(), b: standby(), c: standby() }), all, false), []));

test("restart: every member that is not well is named", () =>
  assert.deepEqual(restartProblems(runtime({ a: far, b: away, c: behind }), all, false), [
    '"b" does not stream',
    '"c" is 1000 MB behind',
  ]));

test("restart: a sick member may be restarted by name, and by its name alone", () => {
  const sick = runtime({ a: primary(), b: away, c: standby() });
  assert.deepEqual(restartProblems(sick, ["b"], false), []);
  assert.deepEqual(restartProblems(sick, ["c"], false), ['"b" does not stream']);
});

test("restart: the primary alone needs somebody who can take over, or to be told to stay", () => {
  const alone = runtime({ a: primary(), b: away, c: away });
  const [problem] = restartProblems(alone, ["a"], false);
  assert.match(problem ?? "", /nobody can take over from "a".*--in-place/);
  assert.deepEqual(restartProblems(alone, ["a"], true), []);
});
