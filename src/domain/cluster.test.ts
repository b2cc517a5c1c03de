/** Reading a picture of the store by the names of its records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { revisionOf, type ClusterRecord, type RecordKey } from "./cluster.ts";
import { zeroLsn } from "./lsn.ts";
import { noVoters } from "./rule.ts";

const at = <T>(revision: number, value: T) => ({ value, revision });
const voter = { member: "a-1", incarnation: 1 };
const picture: ClusterRecord = {
  sleep: undefined,
  revision: 9,
  spec: at(1, {
    name: "a",
    generation: 1,
    major: 18,
    engine: "embedded",
    durability: "quorum",
    members: ["a-1"],
    primaryRegion: "local",
    lastMember: 1,
    wish: "running",
    memoryBytes: 1,
    cpus: 1,
    ports: { primary: 1, read: 2 },
    settings: {},
    readLagBytesMax: 1,
    failoverLagBytesMax: 1,
    systemIdentifier: "1",
    createdAt: 0,
  }),
  reign: at(2, { epoch: 1, holder: "a-1", incarnation: 1, timeline: 1, phase: "open", how: "bootstrap", since: 0 }),
  rule: at(3, { epoch: 1, rule: noVoters, previous: [] }),
  timelines: at(4, []),
  members: {
    "a-1": at(5, {
      id: "a-1",
      host: "h",
      region: "local",
      zone: "local",
      port: 1,
      dataDirectory: "/",
      incarnation: 1,
      wish: "none",
      createdAt: 0,
    }),
  },
  votes: { "a-1": at(6, { epoch: 2, voter, position: { timeline: 1, lsn: zeroLsn } }) },
  intent: at(7, { kind: "restart", pending: [], id: "1", requestedAt: 0, by: "ann" }),
  pause: at(8, { until: 1, by: "ann" }),
  attachments: {
    "my%20app": at(9, {
      app: "my app",
      database: "d",
      user: "u",
      role: "owner",
      phase: "made",
      variable: "V",
      envFile: null,
      by: "ann",
      createdAt: 0,
    }),
  },
};

test("revisionOf: each record by its name, 0 for what is not there", () => {
  const keys: readonly RecordKey[] = [
    "spec",
    "reign",
    "rule",
    "timelines",
    "member/a-1",
    "vote/a-1",
    "intent",
    "pause",
    "attachment/my%20app",
    "member/a-2",
    "vote/a-2",
    "attachment/none",
  ];
  assert.deepEqual(
    keys.map((key) => revisionOf(picture, key)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0],
  );
  const bare = { ...picture, intent: undefined, pause: undefined };
  assert.deepEqual([revisionOf(bare, "intent"), revisionOf(bare, "pause")], [0, 0]);
});
