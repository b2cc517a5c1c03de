import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ClusterSpec, Intent, MemberRecord, RecordKey, RecordValue } from "../../domain/cluster.ts";
import { parseLsn, toLsn } from "../../domain/lsn.ts";
import { attachmentId } from "../../domain/attachment.ts";
import { OpError } from "../../errors/op-error.ts";
import { MemoryStore } from "./memory.ts";
import {
  changeCluster,
  commitCluster,
  createCluster,
  type FirstRecords,
  listClusters,
  readCluster,
  removeCluster,
} from "./records.ts";

const spec: ClusterSpec = {
  name: "shop",
  generation: 1,
  major: 18,
  engine: "embedded",
  durability: "quorum",
  members: ["shop-1", "shop-2"],
  primaryRegion: "local",
  lastMember: 2,
  wish: "running",
  memoryBytes: 268_435_456,
  cpus: 0.5,
  ports: { primary: 5432, read: 5433 },
  settings: { work_mem: "8MB" },
  readLagBytesMax: 1 << 24,
  failoverLagBytesMax: 0,
  systemIdentifier: "7300000000000000001",
  createdAt: 1_790_000_000_000,
};

function memberNamed(id: string): MemberRecord {
  return {
    id,
    host: "local",
    region: "local",
    zone: "local",
    port: 6001,
    dataDirectory: `/d/${id}`,
    incarnation: 1,
    wish: "none",
    createdAt: 1,
  };
}

function first(name = "shop"): FirstRecords {
  return {
    spec: { ...spec, name },
    reign: { epoch: 1, holder: "shop-1", incarnation: 1, timeline: 1, phase: "taken", how: "bootstrap", since: 5 },
    rule: { epoch: 1, rule: { voters: [{ member: "shop-2", incarnation: 1 }], acks: 1 }, previous: [] },
    timelines: [{ id: 1, parent: null, forkedAt: toLsn(0n), epoch: 1 }],
    members: [memberNamed("shop-1"), memberNamed("shop-2")],
  };
}

describe("cluster records", () => {
  test("a new cluster reads back as it was made, all in one revision", async () => {
    const store = new MemoryStore();
    assert.equal(await readCluster(store, "shop"), undefined);
    assert.equal(await createCluster(store, first()), 1);
    const { members, timelines, ...rest } = await present(store);
    assert.deepEqual(rest, {
      revision: 1,
      spec: { value: spec, revision: 1 },
      reign: { value: first().reign, revision: 1 },
      rule: { value: first().rule, revision: 1 },
      votes: {},
      intent: undefined,
      pause: undefined,
      sleep: undefined,
      attachments: {},
    });
    assert.deepEqual(Object.keys(members), ["shop-1", "shop-2"]);
    assert.deepEqual(timelines.value, first().timelines);
  });

  test("a second cluster of the same name is refused, even one of which a single record is left", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    await assert.rejects(createCluster(store, first()), hasCode("cluster-exists"));
    await commitCluster(store, "shop", { require: [], write: [{ key: "reign", value: null }] });
    await assert.rejects(createCluster(store, first()), hasCode("cluster-exists"));
  });

  test("clusters do not see each other; a name that begins like another's is another", async () => {
    const store = new MemoryStore();
    await createCluster(store, first("shop"));
    await createCluster(store, first("shop-2"));
    assert.deepEqual(await listClusters(store), ["shop", "shop-2"]);
    assert.equal(await removeCluster(store, "shop"), true);
    assert.equal(await removeCluster(store, "shop"), false);
    assert.deepEqual(await listClusters(store), ["shop-2"]);
    assert.notEqual(await readCluster(store, "shop-2"), undefined);
  });

  test("a refused transaction names the records that changed, as the domain calls them", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    const outcome = await commitCluster(store, "shop", {
      require: [
        { key: "reign", revision: 1 },
        { key: "vote/shop-2", revision: 4 },
      ],
      write: [{ key: "pause", value: { until: 1, by: "ada" } }],
    });
    assert.deepEqual(outcome, { committed: false, revision: 1, changed: ["vote/shop-2"] });
  });

  test("a change comes with the cluster as it is then, and a refused one with what refused it", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    const pause = { key: "pause", value: { until: 1, by: "ada" } } as const;
    const done = await changeCluster(store, "shop", { require: [{ key: "reign", revision: 1 }], write: [pause] });
    assert.equal(done.outcome.committed, true);
    assert.deepEqual(done.record, await readCluster(store, "shop"));
    assert.equal(done.record?.pause?.value.by, "ada");
    const refused = await changeCluster(store, "shop", { require: [{ key: "pause", revision: 1 }], write: [] });
    assert.equal(refused.outcome.committed, false);
    assert.deepEqual(refused.record, done.record);
  });

  test("a position of the log is kept as Postgres writes it", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    const vote = {
      epoch: 2,
      voter: { member: "shop-2", incarnation: 1 },
      position: { timeline: 1, lsn: parseLsn("0/16B3748") },
    };
    await commitCluster(store, "shop", { require: [], write: [{ key: "vote/shop-2", value: vote }] });
    const [entry] = (await store.read("cluster/shop/vote/")).entries;
    assert.deepEqual(entry?.value, { ...vote, position: { timeline: 1, lsn: "0/16B3748" } });
    assert.deepEqual((await present(store)).votes["shop-2"]?.value, vote);
  });

  const wrongs: readonly (readonly [string, string, unknown, RegExp])[] = [
    ["a wrong type", "reign", { ...first().reign, epoch: "1" }, /cluster\/shop\/reign".*epoch: /s],
    ["a field of a newer version", "spec", { ...spec, colour: "grey" }, /cluster\/shop\/spec".*colour/s],
    ["a wrong word", "reign", { ...first().reign, phase: "asleep" }, /phase: /],
    ["a wrong LSN", "timelines", [{ id: 1, parent: null, forkedAt: "zero", epoch: 1 }], /0\.forkedAt: /],
    ["more acks than voters", "rule", { epoch: 1, rule: { voters: [], acks: 1 }, previous: [] }, /rule: acks/],
    ["no value", "spec", null, /spec/],
    ["a record of a newer version", "colour", {}, /cluster\/shop\/colour".*no record of this name/s],
    ["another member's record", "member/shop-9", memberNamed("shop-8"), /shop-8/],
  ];
  for (const [what, key, value, said] of wrongs) {
    test(`${what} is refused, with key and path, and nothing is changed`, async () => {
      const store = new MemoryStore();
      await createCluster(store, first());
      await store.commit({ require: [], put: [{ key: `cluster/shop/${key}`, value }] });
      const error = await readCluster(store, "shop").catch((caught: unknown) => caught);
      assert.ok(error instanceof OpError && error.code === "store-damaged");
      assert.match(`${error.message} ${error.detail}`, said);
      assert.equal((await store.read("")).revision, 2);
      assert.equal(await removeCluster(store, "shop"), true);
    });
  }

  test("a missing record is named", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    await commitCluster(store, "shop", { require: [], write: [{ key: "rule", value: null }] });
    await assert.rejects(
      readCluster(store, "shop"),
      (error) => hasCode("store-damaged")(error) && /shop\/rule/.test(String(error)),
    );
  });

  test("a record that does not fit its own schema is never written", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    const broken = { ...first().reign, epoch: -1 };
    await assert.rejects(commitCluster(store, "shop", { require: [], write: [{ key: "reign", value: broken }] }));
    assert.equal((await store.read("")).revision, 1);
  });

  test("any record comes back as it was written", async () => {
    const store = new MemoryStore();
    await createCluster(store, first());
    await fc.assert(
      fc.asyncProperty(anyRecord, async ({ key, value }) => {
        await commitCluster(store, "shop", { require: [], write: [{ key, value }] });
        // A clone, because fast-check makes objects without a prototype.
        assert.deepEqual(pick(await present(store), key), structuredClone(value));
      }),
      { numRuns: 300 },
    );
  });
});

const count = fc.nat();
const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(toLsn);
const voter = fc.record({ member: fc.constantFrom("shop-1", "shop-2", "shop-3"), incarnation: count });
const rule = fc
  .uniqueArray(voter, { maxLength: 4 })
  .chain((voters) =>
    fc.integer({ min: Math.min(1, voters.length), max: voters.length }).map((acks) => ({ voters, acks })),
  );
const asked = { id: fc.uuid(), requestedAt: count, by: fc.string() };
const to = fc.constantFrom(null, "shop-2");
const intent: fc.Arbitrary<Intent> = fc.oneof(
  fc.record({ ...asked, kind: fc.constant("switchover" as const), to, epoch: count }),
  fc.record({ ...asked, kind: fc.constant("failover" as const), to, epoch: count, acceptDataLoss: fc.boolean() }),
  fc.record({
    ...asked,
    kind: fc.constant("restart" as const),
    pending: fc.array(fc.constantFrom("shop-1", "shop-2")),
  }),
);
const timeline = fc.record({
  id: fc.integer({ min: 1 }),
  parent: fc.option(fc.integer({ min: 1 })),
  forkedAt: lsn,
  epoch: count,
});

interface Written {
  readonly key: RecordKey;
  readonly value: RecordValue;
}
const anyRecord: fc.Arbitrary<Written> = fc.oneof(
  fc.record({ key: fc.constant("rule" as const), value: fc.record({ epoch: count, rule, previous: fc.array(rule) }) }),
  fc.record({ key: fc.constant("timelines" as const), value: fc.array(timeline) }),
  fc.record({ key: fc.constant("intent" as const), value: intent }),
  fc.record({ key: fc.constant("pause" as const), value: fc.record({ until: count, by: fc.string() }) }),
  fc.record({
    key: fc.constant("reign" as const),
    value: fc.record({
      epoch: count,
      holder: fc.constantFrom("shop-1", "shop-2"),
      incarnation: count,
      timeline: count,
      phase: fc.constantFrom("taken" as const, "open" as const, "released" as const),
      how: fc.constantFrom(
        "bootstrap" as const,
        "election" as const,
        "handover" as const,
        "restart" as const,
        "forced" as const,
      ),
      since: count,
    }),
  }),
  fc.record({ epoch: count, voter, position: fc.record({ timeline: count, lsn }) }).map((vote) => ({
    key: `vote/${vote.voter.member}` as const,
    value: vote,
  })),
  fc
    .dictionary(fc.stringMatching(/^[a-z_.]{1,12}$/), fc.string(), { noNullPrototype: true })
    .map((settings) => ({ key: "spec" as const, value: { ...spec, settings } })),
  fc
    .record({
      incarnation: count,
      wish: fc.constantFrom("none" as const, "reclone" as const, "restart" as const, "remove" as const),
    })
    .map((changed) => ({ key: "member/shop-1" as const, value: { ...memberNamed("shop-1"), ...changed } })),
  fc
    .record({
      app: fc.string({ minLength: 1, unit: "grapheme" }).filter((app) => app.isWellFormed()),
      phase: fc.constantFrom("making" as const, "made" as const, "attached" as const, "detaching" as const),
      envFile: fc.option(fc.record({ machine: fc.string(), path: fc.string() })),
    })
    .map((changed) => ({
      key: `attachment/${attachmentId(changed.app)}` as const,
      value: { database: "d", user: "u", role: "owner" as const, variable: "V", by: "ann", createdAt: 1, ...changed },
    })),
);

async function present(store: MemoryStore): Promise<NonNullable<Awaited<ReturnType<typeof readCluster>>>> {
  const record = await readCluster(store, "shop");
  assert.ok(record);
  return record;
}

function pick(record: Awaited<ReturnType<typeof present>>, key: RecordKey): unknown {
  const [group, id] = key.split("/");
  if (group === "member") return record.members[id ?? ""]?.value;
  if (group === "attachment") return record.attachments[id ?? ""]?.value;
  if (group === "vote") return record.votes[id ?? ""]?.value;
  const single: Record<string, { value: unknown } | undefined> = {
    spec: record.spec,
    reign: record.reign,
    rule: record.rule,
    timelines: record.timelines,
    intent: record.intent,
    pause: record.pause,
  };
  return single[key]?.value;
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof OpError && error.code === code;
}
