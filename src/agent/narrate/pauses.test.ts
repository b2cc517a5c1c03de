/** Commits that waited for standbys, in the ledger: for as long as this host has the primary, and no longer. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Decision } from "../../core/decision.ts";
import { primary, standby } from "../../core/testing.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { openEventFile } from "../../events/event-file.ts";
import type { Route } from "../../router/wire.ts";
import { cluster } from "../testing.ts";
import { Pauses } from "./pauses.ts";
import { Teller } from "./teller.ts";

const directory = mkdtempSync(join(tmpdir(), "matriarch-waits-"));
after(() => rmSync(directory, { recursive: true }));

let time = Date.now();
const clock = { now: () => time, wallNow: () => time };
const waits: Decision = { actions: [], because: { code: "writes-wait", for: ["b"], durability: "strict" } };
const serving: Decision = { actions: [], because: { code: "serving", standbys: 1, voters: 1 } };
const start = cluster({});

function heldBy(record: ClusterRecord, holder: string): ClusterRecord {
  const members = Object.entries(record.members).map(([id, member]) => {
    return [id, { ...member, value: { ...member.value, host: `h${id}` } }] as const;
  });
  return {
    ...record,
    members: Object.fromEntries(members),
    reign: { ...record.reign, value: { ...record.reign.value, holder } },
  };
}

function onHostA(name: string) {
  const { events, operations, pauses: marks } = openEventFile(join(directory, `${name}.sqlite`), { host: "ha" });
  const teller = new Teller({ events, operations, clock, host: "ha" });
  const pauses = new Pauses(teller, { clock, marks, cluster: "t@1" }, "ha");
  const decide = (holder: string, decision: Decision) => {
    const record = heldBy(start, holder);
    const observed = holder === "a" ? primary() : standby();
    pauses.decided({ name: "t", record, clock }, { id: "a", observed, observedAt: time }, decision);
  };
  const told = () => events.list({ limit: 10 }).map(({ duration_ms: ms, details }) => [ms, details["why"]]);
  return { decide, told };
}

test("pause: commits that waited for standbys, from the first look to the one that serves", () => {
  const { decide, told } = onHostA("serves");
  decide("a", waits);
  time += 4000;
  decide("a", waits);
  time += 500;
  decide("a", serving);
  decide("a", serving);
  assert.deepEqual(told(), [[4500, "voters"]]);
});

test("pause: commits that waited until another host got the primary, and not until it is back here", () => {
  const { decide, told } = onHostA("moved");
  decide("a", waits);
  time += 2000;
  decide("b", serving);
  time += 86_400_000;
  decide("a", serving);
  assert.deepEqual(told(), [[2000, "voters"]]);
});

/** As the cluster's loop is: its methods are called on it. */
class Loop {
  readonly name = "t";
  readonly clock = clock;
  readonly members = new Map();
  readonly record = heldBy(start, "b");
  readonly #heard = new Map<string, never>();

  remoteMembers(): ReadonlyMap<string, never> {
    return this.#heard;
  }
}

test("pause: a host without the primary hears of its routes as well", () => {
  const { events, operations, pauses: marks } = openEventFile(join(directory, "remote.sqlite"), { host: "ha" });
  const teller = new Teller({ events, operations, clock, host: "ha" });
  const pauses = new Pauses(teller, { clock, marks, cluster: "t@1" }, "ha");
  const route = (state: "open" | "hold"): Route => {
    return { cluster: "t", kind: "primary", epoch: 1, state, targets: [], cut: true };
  };
  const loop = new Loop();
  pauses.routed(loop, [route("open")]);
  pauses.heard(loop);
  pauses.routed(loop, [route("hold")]);
  assert.equal(pauses.endpoint.lasting, 0);
});

test("pause: a primary whose host is lost: from when it was heard last, as the failover that ends it", () => {
  const { events, operations, pauses: marks } = openEventFile(join(directory, "lost.sqlite"), { host: "ha" });
  const teller = new Teller({ events, operations, clock, host: "ha" });
  const pauses = new Pauses(teller, { clock, marks, cluster: "t@1" }, "ha");
  const reign = (value: Partial<ClusterRecord["reign"]["value"]>): ClusterRecord => {
    const record = heldBy(start, value.holder ?? "b");
    return { ...record, reign: { ...record.reign, value: { ...record.reign.value, ...value } } };
  };
  const heard = new Map();
  heard.set("b", { server: primary(), heardAt: time });
  const loop = {
    name: "t",
    clock,
    members: new Map(),
    record: reign({ epoch: 1, holder: "b", phase: "open" }),
    remoteMembers: () => heard,
  };
  const route = (epoch: number, state: "open" | "hold"): Route => {
    return { cluster: "t", kind: "primary", epoch, state, targets: [], cut: true };
  };
  pauses.routed(loop, [route(1, "open")]);
  pauses.heard(loop);
  // Until another has the epoch, this host's endpoint leads to the one that is lost.
  time += 3000;
  loop.record = reign({ epoch: 2, holder: "a", phase: "taken", how: "election" });
  pauses.routed(loop, [route(2, "hold")]);
  time += 1500;
  loop.record = reign({ epoch: 2, holder: "a", phase: "open", how: "election" });
  pauses.routed(loop, [route(2, "open")]);
  const told = events.list({ limit: 10 }).map(({ duration_ms: ms, details }) => [ms, details["why"]]);
  assert.deepEqual(told, [[4500, "failover"]]);
});
