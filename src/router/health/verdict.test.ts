/** Status codes of the paths, on members that a real cluster is seldom in the state of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberFacts } from "../wire.ts";
import { BadQuery, checks, type Judged } from "./verdict.ts";

const primary: MemberFacts = {
  member: "shop-1",
  serverPort: 20_000,
  state: "running",
  role: "primary",
  isHolder: true,
  isWaiting: false,
  kind: "async",
  isAstray: false,
  isStreaming: false,
  lagBytes: { apply: 0, write: 0 },
  readyLagBytes: 1000,
  tags: { region: "eu" },
  isLookedAt: true,
  body: "{}",
};
const standby: MemberFacts = {
  ...primary,
  member: "shop-2",
  role: "replica",
  isHolder: false,
  isStreaming: true,
  kind: "sync",
};

function code(facts: MemberFacts, asked: string, judged: Partial<Judged> = {}): boolean {
  const [path = "", query = ""] = asked.split("?");
  const whole: Judged = {
    facts,
    isLedTo: facts.role === "primary",
    isStale: false,
    isUnattended: { primary: false, standby: false },
    isPaused: false,
    ...judged,
  };
  return checks[path]?.(whole, new Map(new URLSearchParams(query))) ?? false;
}

test("a primary that clients are not let through to, or that may acknowledge nothing, is none", () => {
  assert.equal(code(primary, "primary"), true);
  assert.equal(code(primary, "primary", { isLedTo: false }), false, "held: a switchover, or before the barrier");
  assert.equal(code({ ...primary, isWaiting: true }, "primary"), false);
  assert.equal(code({ ...primary, isHolder: false }, "primary"), false, "deposed");
  assert.equal(code({ ...primary, state: "unknown" }, "primary"), false, "silent");
  assert.equal(code({ ...primary, isWaiting: true }, "leader"), true);
  assert.equal(code(primary, "read-only", { isLedTo: false }), false);
});

test("a standby that has another log than the holder, or is not let loose on readers, is none", () => {
  assert.equal(code(standby, "replica"), true);
  assert.equal(code({ ...standby, isAstray: true }, "replica"), false);
  assert.equal(code({ ...standby, tags: { noloadbalance: "true" } }, "replica"), false);
  assert.equal(code(standby, "replica", { isStale: true }), false, "nobody knows how far behind it is");
  assert.equal(code({ ...standby, isStreaming: false }, "replica"), true, "the primary is away: reads go on");
  assert.equal(code({ ...standby, isStreaming: false }, "replica?replication_state=streaming"), false);
  assert.equal(code({ ...standby, isStreaming: false }, "readiness"), false);
});

test("lag in every unit; what is not known is not within it", () => {
  const behind = { ...standby, lagBytes: { apply: 2 * 1024 * 1024, write: 100 } };
  for (const [lag, good] of [
    ["2097152", true],
    ["2097151", false],
    ["2MB", true],
    ["1.5MB", false],
    ["2048kB", true],
    ["1GB", true],
    ["1TB", true],
    ["2097152B", true],
  ] as const)
    assert.equal(code(behind, `replica?lag=${lag}`), good, lag);
  assert.equal(code({ ...standby, lagBytes: { apply: null, write: null } }, "replica?lag=1TB"), false);
  assert.equal(code({ ...standby, lagBytes: { apply: null, write: null } }, "replica"), true);
  assert.equal(code(behind, "readiness"), false);
  assert.equal(code(behind, "readiness?mode=write"), true);
  assert.equal(code(behind, "readiness?lag=3MB"), true);
  for (const lag of ["", "x", "1mb", "-1", "1e3", "0x10"])
    assert.throws(() => code(standby, `replica?lag=${lag}`), BadQuery, lag);
});

test("classes of standbys, with and without the primary", () => {
  const classes = ["sync", "quorum", "async"] as const;
  for (const kind of classes)
    assert.deepEqual(
      classes.filter((path) => code({ ...standby, kind }, path)),
      [kind],
    );
  assert.equal(code({ ...standby, kind: "quorum" }, "read-only-sync"), false);
  assert.equal(code(primary, "read-only-quorum"), true);
  assert.equal(code(primary, "sync"), false);
});

test("alive is who is looked after; a standby may be without an agent for longer, and a pause excuses all", () => {
  const gone = { isUnattended: { primary: true, standby: false } };
  assert.equal(code(primary, "liveness", gone), false);
  assert.equal(code(standby, "liveness", gone), true);
  assert.equal(code({ ...standby, isLookedAt: false }, "liveness"), false);
  assert.equal(code({ ...primary, isLookedAt: false }, "liveness", { isPaused: true }), true);
});
