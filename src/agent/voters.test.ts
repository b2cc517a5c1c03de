import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultTimings, type ClusterRecord, type MemberRecord, type Vote } from "../domain/cluster.ts";
import { zeroLsn } from "../domain/lsn.ts";
import { Voters } from "./voters.ts";

const { promiseMs, marginMs } = defaultTimings;

test("a promise frees its voter only after its time, and the holder counts less than that", () => {
  const voters = started();
  voters.exchange(cluster({}), 1000);
  assert.equal(voters.view("b").given?.until, 1000 + promiseMs);
  assert.deepEqual(
    voters.view("a").held.map((held) => held.safeUntil),
    [1000 + promiseMs - marginMs, 1000 + promiseMs - marginMs],
  );
});

test("a voter that votes promises nothing more to the holder, from before its vote is written", () => {
  const voters = started();
  voters.setVote("b", 2);
  voters.exchange(cluster({}), 1000);
  assert.equal(voters.view("b").given, undefined);
  assert.equal(voters.view("a").held.length, 1);
});

test("a vote in the store binds a voter after a restart of the agent", () => {
  const voters = started(cluster({ votes: { b: vote("b", 1) } }));
  voters.exchange(cluster({ votes: { b: vote("b", 1) } }), 1000);
  assert.equal(voters.view("b").given, undefined);
});

test("a directory that was copied anew has not voted: it promises again", () => {
  const voters = started();
  voters.setVote("b", 2);
  const rebuilt = cluster({ incarnations: { b: 2 } });
  voters.learn(rebuilt, 500);
  voters.exchange(rebuilt, 1000);
  assert.equal(voters.view("b").given?.holder, "a");
});

test("time that was given back binds nobody", () => {
  const voters = started();
  voters.exchange(cluster({}), 1000);
  voters.release(1);
  assert.equal(voters.view("b").given?.until, -Infinity);
  assert.deepEqual(voters.view("a").held, []);
});

test("a new epoch begins without promises and with time for its holder to be heard", () => {
  const voters = started();
  voters.exchange(cluster({}), 1000);
  voters.learn(cluster({ epoch: 2, holder: "b" }), 2000);
  assert.deepEqual(voters.view("b").held, []);
  assert.equal(voters.view("c").epochSeenAt, 2000);
  assert.equal(voters.view("c").heardHolderAt, undefined);
});

function started(record = cluster({})): Voters {
  const voters = new Voters(defaultTimings, 0);
  voters.learn(record, 0);
  return voters;
}

interface Shape {
  readonly epoch?: number;
  readonly holder?: string;
  readonly incarnations?: Readonly<Record<string, number>>;
  readonly votes?: ClusterRecord["votes"];
}

/** Three members a, b, c; a holds epoch 1. */
function cluster({ epoch = 1, holder = "a", incarnations = {}, votes = {} }: Shape): ClusterRecord {
  const ids = ["a", "b", "c"];
  const member = (id: string): MemberRecord => ({
    id,
    host: "h",
    port: 1,
    dataDirectory: `/${id}`,
    incarnation: incarnations[id] ?? 1,
    wish: "none",
    createdAt: 0,
  });
  return {
    revision: 1,
    spec: versioned({
      name: "t",
      generation: 1,
      major: 18,
      engine: "embedded",
      durability: "quorum",
      members: ids,
      lastMember: 3,
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
    reign: versioned({ epoch, holder, incarnation: 1, timeline: 1, phase: "open", how: "bootstrap", since: 0 }),
    rule: versioned({ epoch, rule: { voters: [], acks: 0 }, previous: [] }),
    timelines: versioned([{ id: 1, parent: null, forkedAt: zeroLsn, epoch: 1 }]),
    members: Object.fromEntries(ids.map((id) => [id, versioned(member(id))])),
    votes,
    intent: undefined,
    pause: undefined,
  };
}

function vote(member: string, incarnation: number) {
  const value: Vote = { epoch: 2, voter: { member, incarnation }, position: { timeline: 1, lsn: zeroLsn } };
  return versioned(value);
}

function versioned<T>(value: T): { readonly value: T; readonly revision: number } {
  return { value, revision: 1 };
}
