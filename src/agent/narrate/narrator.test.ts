import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, mock, test } from "node:test";
import type { ActionResult } from "../../core/action.ts";
import type { Decision } from "../../core/decision.ts";
import { voterOf, type ClusterRecord, type Reign, type Versioned } from "../../domain/cluster.ts";
import { zeroLsn } from "../../domain/lsn.ts";
import { type EventFile, openEventFile } from "../../events/event-file.ts";
import type { Log } from "../../log/log.ts";
import type { MemberLoop } from "../member-loop.ts";
import { cluster, versioned } from "../testing.ts";
import { Narrator } from "./narrator.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-narrator-"));
after(() => rmSync(directory, { recursive: true }));

const patienceMs = 5000;
const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as Log;

/** One of three hosts: `ha` has member a, and so on. */
class Host {
  readonly name: string;
  readonly file: EventFile;
  readonly narrator: Narrator;
  record: ClusterRecord;

  constructor(name: string, record: ClusterRecord, isHeard: (host: string) => boolean) {
    this.name = name;
    this.record = record;
    this.file = openEventFile(join(directory, `${name}-${performance.now()}.sqlite`), { host: name, now });
    const { events, operations, pauses } = this.file;
    const clock = { now, wallNow: now };
    this.narrator = new Narrator({
      events,
      operations,
      pauses,
      log,
      clock,
      host: name,
      isHeard,
      changed: () => undefined,
    });
    this.narrator.recordChanged(this.loop, undefined);
  }

  get loop() {
    return { name: "t", record: this.record, clock: { now, wallNow: now } };
  }

  sees(record: ClusterRecord): void {
    const before = this.record;
    this.record = record;
    this.narrator.recordChanged(this.loop, before);
  }

  told(): readonly string[] {
    return this.file.events.list({ limit: 1000 }).map(({ type, host, member }) => `${host}: ${type} ${member ?? ""}`);
  }
}

let time = 1_000_000;
function now(): number {
  return time;
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});
after(() => mock.timers.reset());

/** Looking at events takes no time; the hosts' patience does. */
function passPatience(): void {
  time += patienceMs;
  mock.timers.tick(patienceMs);
}

function share(hosts: readonly Host[]): void {
  for (const to of hosts)
    for (const from of hosts)
      for (const origin of Object.keys(from.file.journal.heads()))
        to.file.journal.apply(from.file.journal.read(origin, to.file.journal.headOf(origin), 500));
}

let revision = 10;
function changed<T>({ value }: Versioned<T>, change: Partial<T>): Versioned<T> {
  return { value: { ...value, ...change }, revision: (revision += 1) };
}

const start = onHosts(cluster({}));

function onHosts(record: ClusterRecord): ClusterRecord {
  const members = Object.entries(record.members).map(([id, member]) => [id, changed(member, { host: `h${id}` })]);
  return { ...record, members: Object.fromEntries(members) };
}

function withReign(record: ClusterRecord, reign: Partial<Reign>): ClusterRecord {
  return { ...record, reign: changed(record.reign, reign) };
}

function withRule(record: ClusterRecord, ids: readonly string[], acks: number): ClusterRecord {
  const voters = ids.map((id) => voterOf(memberOf(record, id).value));
  return { ...record, rule: changed(record.rule, { rule: { voters, acks } }) };
}

function memberOf(record: ClusterRecord, id: string): ClusterRecord["members"][string] {
  const member = record.members[id];
  assert.ok(member);
  return member;
}

function withVote(record: ClusterRecord, id: string): ClusterRecord {
  const position = { timeline: 1, lsn: zeroLsn };
  const vote = { epoch: 2, voter: voterOf(memberOf(record, id).value), position };
  return { ...record, votes: { ...record.votes, [id]: { value: vote, revision: (revision += 1) } } };
}

const taken = withReign(start, { epoch: 2, holder: "b", phase: "taken", how: "election" });
const handed = withReign(start, { epoch: 2, holder: "c", phase: "taken", how: "handover" });
const two = withRule(start, ["b", "c"], 1);
const paused: ClusterRecord = { ...start, pause: { value: { until: 1e12, by: "ada" }, revision: 7 } };
const { b: _gone, ...withoutB } = start.members;

/** What changes, what is told of it, and by whom. `vague`: told for another only when that one is not heard. */
const changes: readonly {
  readonly what: string;
  readonly before: ClusterRecord;
  readonly after: ClusterRecord;
  readonly by: string;
  readonly told: readonly string[];
  readonly vague?: true;
}[] = [
  { what: "an election", before: start, after: taken, by: "hb", told: ["failover.started b"] },
  {
    what: "a new primary opens",
    before: taken,
    after: withReign(taken, { phase: "open" }),
    by: "hb",
    told: ["failover.done b"],
  },
  {
    what: "taken and open, seen as one",
    before: start,
    after: withReign(taken, { phase: "open" }),
    by: "hb",
    told: ["failover.started b", "failover.done b"],
  },
  { what: "a handover", before: start, after: handed, by: "hc", told: ["switchover.started c"] },
  {
    what: "a handover is done",
    before: handed,
    after: withReign(handed, { phase: "open" }),
    by: "hc",
    told: ["switchover.done c"],
  },
  {
    what: "a restart in place",
    before: start,
    after: withReign(start, { epoch: 2, how: "restart" }),
    by: "ha",
    told: ["primary.restarted a"],
  },
  {
    what: "the former primary is back before others are elected",
    before: start,
    after: withReign(start, { epoch: 2, how: "election" }),
    by: "ha",
    told: ["primary.restarted a"],
  },
  {
    what: "a forced failover",
    before: two,
    after: withReign(two, { epoch: 2, holder: "b", phase: "taken", how: "forced" }),
    by: "hb",
    told: ["failover.started b", "data.loss-accepted b"],
  },
  {
    what: "an epoch given back",
    before: taken,
    after: withReign(taken, { phase: "released" }),
    by: "hb",
    told: ["failover.failed b"],
  },
  {
    what: "voters join",
    before: start,
    after: two,
    by: "ha",
    told: ["voter.added b", "voter.added c", "rule.restored "],
    vague: true,
  },
  {
    what: "the last voters leave",
    before: two,
    after: withRule(two, [], 0),
    by: "ha",
    told: ["voter.dropped b", "voter.dropped c", "rule.degraded "],
    vague: true,
  },
  { what: "a vote", before: start, after: withVote(start, "c"), by: "hc", told: ["vote.cast c"], vague: true },
  {
    what: "a vote is taken back",
    before: withVote(start, "c"),
    after: start,
    by: "hc",
    told: ["vote.withdrawn c"],
    vague: true,
  },
  { what: "a pause", before: start, after: paused, by: "ha", told: ["cluster.paused "] },
  { what: "the end of a pause", before: paused, after: start, by: "ha", told: ["cluster.resumed "] },
  {
    what: "a member is added",
    before: { ...start, members: withoutB },
    after: start,
    by: "ha",
    told: ["member.added b"],
  },
  {
    what: "a member is removed",
    before: start,
    after: { ...start, members: withoutB },
    by: "ha",
    told: ["member.removed b"],
  },
];

function threeHosts(record: ClusterRecord, isHeard: (host: string) => boolean, t: { after(end: () => void): void }) {
  const hosts = ["ha", "hb", "hc"].map((name) => new Host(name, record, isHeard));
  t.after(() => hosts.forEach(({ file }) => file.close()));
  return hosts;
}

describe("what happens to a cluster is told once by one of three hosts", () => {
  for (const { what, before, after: record, by, told } of changes) {
    test(`${what}: by ${by}, at once`, (t) => {
      const hosts = threeHosts(before, () => true, t);
      for (const host of hosts) host.sees(record);
      const own = hosts.find(({ name }) => name === by);
      const expected = told.map((line) => `${by}: ${line}`);
      assert.deepEqual(own?.told(), expected);
      for (const host of hosts) if (host !== own) assert.deepEqual(host.told(), []);
      share(hosts);
      passPatience();
      share(hosts);
      for (const host of hosts) assert.deepEqual(host.told(), expected, host.name);
    });
  }

  for (const { what, before, after: record, by, told } of changes) {
    test(`${what}, and ${by} is lost at that moment: each other host has it once`, (t) => {
      const hosts = threeHosts(before, (host) => host !== by, t).filter(({ name }) => name !== by);
      for (const host of hosts) host.sees(record);
      passPatience();
      share(hosts);
      share(hosts);
      for (const host of hosts)
        assert.deepEqual(
          host.told().map((line) => line.replace(/^h[abc]: /, "")),
          told,
          host.name,
        );
    });
  }

  for (const { what, before, after: record, by, told, vague } of changes) {
    test(`${what}, and ${by} is only slow to hand it on: each host has it once`, (t) => {
      const hosts = threeHosts(before, () => true, t);
      for (const host of hosts) host.sees(record);
      passPatience();
      share(hosts);
      share(hosts);
      for (const host of hosts) {
        assert.equal(host.told().length, told.length, `${host.name}: ${host.told().join(", ")}`);
        if (vague) assert.ok(host.told().every((line) => line.startsWith(by)));
      }
    });
  }

  test("a directory that is gone: told once, and not of a new member, which has none yet", (t) => {
    const [, host] = threeHosts(start, () => true, t);
    assert.ok(host);
    const copies: Decision = { actions: [], because: { code: "cloning", source: "a", why: { code: "no-directory" } } };
    const follows: Decision = { actions: [], because: { code: "following", upstream: "a", lagBytes: 0 } };
    const sees = (observed: Pick<MemberLoop["observed"], "kind">, decision: Decision) => {
      const member = { id: "b", observed, isBusy: () => true } as unknown as MemberLoop;
      host.narrator.decided(host.loop, member, decision, undefined);
      return host.told().filter((line) => line.includes("directory.lost"));
    };
    assert.deepEqual(sees({ kind: "absent" }, follows), []);
    assert.deepEqual(sees({ kind: "absent" }, copies), []);
    sees({ kind: "stopped" }, follows);
    assert.deepEqual(sees({ kind: "absent" }, copies), ["hb: directory.lost b"]);
    assert.deepEqual(sees({ kind: "absent" }, copies), ["hb: directory.lost b"]);
  });

  test("nobody can take over: found out by two hosts, told once on each", (t) => {
    const hosts = threeHosts(withReign(start, { phase: "released" }), () => true, t);
    const decision: Decision = {
      actions: [],
      because: { code: "votes-missing", from: ["a"], needed: 2, have: 1 },
    };
    for (const round of [1, 2]) {
      for (const { narrator, loop, name } of hosts.filter(({ name: host }) => host !== "ha")) {
        const member = { id: name.slice(1), observed: { kind: "absent" } } as unknown as MemberLoop;
        narrator.decided(loop, member, decision, decision);
      }
      time += 2500 * round;
    }
    share(hosts);
    share(hosts);
    assert.deepEqual(
      hosts.map((host) => host.told()),
      [["hb: failover.impossible "], ["hb: failover.impossible "], ["hc: failover.impossible "]],
    );
  });
});

describe("an operation that another host began", () => {
  const intent = { kind: "switchover", id: "op-1", by: "ada", requestedAt: 1, to: "c", epoch: 1 } as const;
  const wanted: ClusterRecord = { ...start, intent: { value: intent, revision: 9 } };
  const route = (state: "open" | "hold") =>
    [{ cluster: "t", kind: "primary", epoch: 2, state, targets: [], cut: true }] as const;
  const ended: ActionResult = { outcome: "done" } as ActionResult;

  test("is ended by the host whose member carried it out, with the pause that its own router saw", (t) => {
    const [ha, hb, hc] = threeHosts(wanted, () => true, t) as [Host, Host, Host];
    const { id } = ha.file.operations.begin({ kind: "switchover", cluster: "t", by: "ada" });
    const outcome = { operation: id, state: "done", message: '"c" is the primary now' } as const;
    hc.narrator.recordChanged({ ...hc.loop, record: { ...wanted, intent: versioned({ ...intent, id }) } }, wanted);
    hc.narrator.routed(hc.loop, route("hold"));
    time += 140;
    const open = withReign(wanted, { epoch: 2, holder: "c", phase: "open", how: "handover" });
    for (const host of [ha, hb, hc]) host.sees(open);
    time += 10;
    hc.narrator.routed(hc.loop, route("open"));
    const member = { id: "c", observed: { kind: "absent" } } as unknown as MemberLoop;
    hc.narrator.ended(
      hc.loop,
      member,
      { kind: "record", what: "intent", txn: { require: [], write: [] }, outcome },
      ended,
      3,
    );
    share([ha, hb, hc]);
    for (const { file } of [ha, hb, hc]) {
      const { state, result, by, host } = file.operations.get(id);
      assert.deepEqual([state, by, host], ["done", "ada", "ha"]);
      assert.deepEqual(result, { message: '"c" is the primary now', primary: "c", write_pause_ms: 150 });
      const done = file.events.list({ type: "switchover.done", limit: 5 });
      assert.deepEqual(
        done.map((event) => [event.host, event.details["write_pause_ms"]]),
        [["hc", 140]],
      );
    }
  });
});
