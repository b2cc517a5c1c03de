/** What the protocol writes to the store, each as one all-or-nothing step. */
import {
  revisionOf,
  voterOf,
  type ClusterRecord,
  type ClusterTxn,
  type MemberId,
  type MemberRecord,
  type RecordKey,
  type Reign,
  type RuleRecord,
  type Sleep,
  type Vote,
} from "../domain/cluster.ts";
import type { Lsn } from "../domain/lsn.ts";
import { sameRule, type CommitRule } from "../domain/rule.ts";
import type { Timeline, WalPosition } from "../domain/timeline.ts";
import { rulesInForce, type Tally } from "./candidates.ts";
import { ruleForNewHolder } from "./rule-change.ts";
import type { View } from "./view.ts";

/** Whatever moves the epoch requires `pause` too: a member that has not heard of a pause does not act in it (P11). */
function requiring(cluster: ClusterRecord, keys: readonly RecordKey[]): ClusterTxn["require"] {
  return keys.map((key) => ({ key, revision: revisionOf(cluster, key) }));
}

/** P4: from now on nothing is acknowledged or promised for epochs below the vote's. */
export function voteTxn(view: View, position: WalPosition): ClusterTxn {
  const own = view.cluster.members[view.self];
  if (!own) throw new Error("a member without a record cannot vote");
  const vote: Vote = { epoch: view.cluster.reign.value.epoch + 1, voter: voterOf(own.value), position };
  return {
    require: requiring(view.cluster, ["reign", `vote/${view.self}`, `member/${view.self}`]),
    write: [{ key: `vote/${view.self}`, value: vote }],
  };
}

/** Changes nothing but the revision of the own record, which every record of the protocol requires. */
export function settleTxn(view: View): ClusterTxn {
  const key: RecordKey = `member/${view.self}`;
  const own = view.cluster.members[view.self];
  if (!own) throw new Error("a member without a record has nothing to settle");
  return { require: requiring(view.cluster, [key]), write: [{ key, value: own.value }] };
}

/** P4: a false alarm; only while the epoch is still the one before the vote's. */
export function withdrawVoteTxn(view: View): ClusterTxn {
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "reign", `vote/${view.self}`]),
    write: [{ key: `vote/${view.self}`, value: null }],
  };
}

/** P5: the winner takes the epoch and reserves its timeline (P6); every counted vote must still stand. */
export function takeEpochTxn(view: View, votes: Tally, how: "election" | "forced"): ClusterTxn {
  const { cluster } = view;
  const own = votes.votes.find((vote) => vote.voter.member === view.self);
  if (!own) throw new Error("a winner has voted for itself");
  const survivors = votes.votes.map((vote) => vote.voter).filter((voter) => voter.member !== view.self);
  const absent = absentVoters(
    view,
    survivors.map((voter) => voter.member),
  );
  const next = nextTimeline(cluster, own.position, votes.epoch);
  const timeline: Timeline = how === "forced" ? { ...next, isForced: true } : next;
  const rule: RuleRecord = {
    epoch: votes.epoch,
    rule: ruleForNewHolder(cluster, survivors, absent),
    previous: how === "forced" ? [] : distinctRules(rulesInForce(cluster)),
  };
  return {
    require: requiring(cluster, [
      "reign",
      "rule",
      "timelines",
      "pause",
      `member/${view.self}`,
      ...votes.votes.map((vote): RecordKey => `vote/${vote.voter.member}`),
    ]),
    write: [
      { key: "reign", value: takenReign(view, votes.epoch, own.voter.incarnation, timeline.id, how) },
      { key: "rule", value: rule },
      { key: "timelines", value: [...cluster.timelines.value, timeline] },
    ],
  };
}

/** P5: the holder itself has all that was acknowledged and begins a new epoch without votes, on its own timeline. */
export function restartEpochTxn(view: View): ClusterTxn {
  const { reign, rule } = view.cluster;
  const epoch = reign.value.epoch + 1;
  return {
    require: requiring(view.cluster, ["reign", "rule", "pause", `member/${view.self}`]),
    write: [
      { key: "reign", value: takenReign(view, epoch, reign.value.incarnation, reign.value.timeline, "restart") },
      { key: "rule", value: { ...rule.value, epoch } },
    ],
  };
}

/** P8: the stopped holder gives the epoch to a target that has flushed the whole log, `end` included. */
export function handOverTxn(view: View, to: MemberId, end: Lsn): ClusterTxn {
  const { cluster } = view;
  const target = cluster.members[to]?.value;
  const own = cluster.members[view.self]?.value;
  if (!target || !own) throw new Error("a hand-over needs the records of both members");
  const epoch = cluster.reign.value.epoch + 1;
  const timeline = nextTimeline(cluster, { timeline: cluster.reign.value.timeline, lsn: end }, epoch);
  const kept = cluster.rule.value.rule.voters.filter((voter) => voter.member !== to);
  const rule: RuleRecord = {
    epoch,
    rule: ruleForNewHolder(cluster, [voterOf(own), ...kept], []),
    // All that was acknowledged is on both, so a vote of either one carries it.
    previous: [{ voters: [voterOf(own), voterOf(target)], acks: 2 }],
  };
  const reign: Reign = {
    epoch,
    holder: to,
    incarnation: target.incarnation,
    timeline: timeline.id,
    phase: "taken",
    how: "handover",
    since: view.wallNow,
  };
  return {
    require: requiring(cluster, [
      "reign",
      "rule",
      "timelines",
      "intent",
      "pause",
      `member/${to}`,
      `member/${view.self}`,
    ]),
    write: [
      { key: "reign", value: reign },
      { key: "rule", value: rule },
      { key: "timelines", value: [...cluster.timelines.value, timeline] },
    ],
  };
}

/**
 * P5: a holder that gave its time back, and whom nobody has replaced, takes the next epoch: it still has all that was
 * acknowledged. It runs as a standby now, so it promotes on a timeline of its own.
 */
export function reclaimEpochTxn(view: View, position: WalPosition): ClusterTxn {
  const { cluster } = view;
  const epoch = cluster.reign.value.epoch + 1;
  const timeline = nextTimeline(cluster, position, epoch);
  return {
    require: requiring(cluster, ["reign", "rule", "timelines", "pause", `member/${view.self}`]),
    write: [
      { key: "reign", value: takenReign(view, epoch, cluster.reign.value.incarnation, timeline.id, "restart") },
      { key: "rule", value: { ...cluster.rule.value, epoch } },
      { key: "timelines", value: [...cluster.timelines.value, timeline] },
    ],
  };
}

/** P1: time given back; the epoch stays until somebody takes the next one. */
export function releaseTxn(view: View): ClusterTxn {
  const { reign } = view.cluster;
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "reign"]),
    write: [{ key: "reign", value: { ...reign.value, phase: "released" } }],
  };
}

/** P2: the barrier has passed: what came before this epoch is on its voters, earlier rules are done with. */
export function openTxn(view: View): ClusterTxn {
  const { reign, rule } = view.cluster;
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "reign", "rule"]),
    write: [
      { key: "reign", value: { ...reign.value, phase: "open" } },
      { key: "rule", value: { ...rule.value, previous: [] } },
    ],
  };
}

export function ruleTxn(view: View, rule: CommitRule): ClusterTxn {
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "reign", "rule"]),
    write: [{ key: "rule", value: { ...view.cluster.rule.value, rule } }],
  };
}

/** The directory is about to be rewound or copied anew: from here on it is another voter (P3). */
export function rebuildTxn(view: View): ClusterTxn {
  const own = view.cluster.members[view.self]?.value;
  if (!own) throw new Error("a member without a record cannot be rebuilt");
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "reign"]),
    write: [
      {
        key: `member/${view.self}`,
        value: { ...own, incarnation: own.incarnation + 1, wish: own.wish === "reclone" ? "none" : own.wish },
      },
      { key: `vote/${view.self}`, value: null },
    ],
  };
}

/** The exact fork of the own timeline, known once Postgres has promoted. */
export function forkTxn(view: View, timeline: Timeline): ClusterTxn {
  const timelines = view.cluster.timelines.value.map((known) => (known.id === timeline.id ? timeline : known));
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "timelines", "reign"]),
    write: [{ key: "timelines", value: timelines }],
  };
}

export function endIntentTxn(view: View): ClusterTxn {
  return { require: requiring(view.cluster, ["intent"]), write: [{ key: "intent", value: null }] };
}

/** A member has had its turn in a rolling restart. @param startMs of a standby: how long its start took */
export function restartedTxn(view: View, member: MemberId, startMs?: number): ClusterTxn {
  const intent = view.cluster.intent?.value;
  if (intent?.kind !== "restart") throw new Error("no rolling restart is under way");
  const pending = intent.pending.filter((other) => other !== member);
  const slowest = startMs === undefined ? {} : { slowestStartMs: Math.max(intent.slowestStartMs ?? 0, startMs) };
  return {
    require: requiring(view.cluster, ["intent"]),
    write: [{ key: "intent", value: { ...intent, ...slowest, pending } }],
  };
}

/** What its server is started with from now on. */
export function versionTxn(view: View, version: string): ClusterTxn {
  return {
    require: requiring(view.cluster, ["intent", `member/${view.self}`]),
    write: [{ key: `member/${view.self}`, value: { ...ownMember(view), version } }],
  };
}

/**
 * The rolling restart stops here. Nobody waits any more whether those whose turn is not over come up on another version: they
 * go back to the one before, this one (`putBackTo`) and any whose record has it already.
 */
export function stopRestartTxn(view: View, putBackTo: string | undefined): ClusterTxn {
  const intent = view.cluster.intent?.value;
  const upgrade = intent?.kind === "restart" ? intent.upgrade : undefined;
  const pending = intent?.kind === "restart" ? intent.pending : [];
  const back = [...new Set([view.self, ...pending])].flatMap((id): readonly MemberRecord[] => {
    const member = view.cluster.members[id]?.value;
    const version = id === view.self ? putBackTo : upgrade?.from[id];
    const isOn = id === view.self || (upgrade !== undefined && member?.version === upgrade.to);
    return member && version !== undefined && isOn ? [{ ...member, version }] : [];
  });
  return {
    require: requiring(view.cluster, ["intent", ...back.map(({ id }): RecordKey => `member/${id}`)]),
    write: [{ key: "intent", value: null }, ...back.map((value) => ({ key: `member/${value.id}`, value }) as const)],
  };
}

function ownMember(view: View): MemberRecord {
  const own = view.cluster.members[view.self];
  if (!own) throw new Error("a member without a record has no version");
  return own.value;
}

export function endPauseTxn(view: View): ClusterTxn {
  return { require: requiring(view.cluster, ["pause"]), write: [{ key: "pause", value: null }] };
}

/** Of two steps into sleep; nothing that would keep the cluster awake may have been written since it was decided. */
export function sleepTxn(view: View, sleep: Sleep): ClusterTxn {
  return {
    require: requiring(view.cluster, ["sleep", "spec", "reign", "intent", "pause", `member/${view.self}`]),
    write: [{ key: "sleep", value: sleep }],
  };
}

/** Anybody may, at any time: a cluster that is awake for nothing falls asleep again. */
export function wakeTxn(cluster: ClusterRecord): ClusterTxn {
  return { require: requiring(cluster, ["sleep"]), write: [{ key: "sleep", value: null }] };
}

export function removeMemberTxn(view: View): ClusterTxn {
  return {
    require: requiring(view.cluster, [`member/${view.self}`, "spec", "rule", "reign"]),
    write: [
      { key: `member/${view.self}`, value: null },
      { key: `vote/${view.self}`, value: null },
    ],
  };
}

function takenReign(view: View, epoch: number, incarnation: number, timeline: number, how: Reign["how"]): Reign {
  return { epoch, holder: view.self, incarnation, timeline, phase: "taken", how, since: view.wallNow };
}

/** P6: timeline ids are given out by the store, each once. */
function nextTimeline(cluster: ClusterRecord, from: WalPosition, epoch: number): Timeline {
  const highest = Math.max(...cluster.timelines.value.map((timeline) => timeline.id));
  return { id: highest + 1, parent: from.timeline, forkedAt: from.lsn, epoch };
}

function absentVoters(view: View, present: readonly MemberId[]) {
  return view.cluster.spec.value.members
    .filter((member) => member !== view.self && !present.includes(member))
    .map((member) => view.cluster.members[member]?.value)
    .filter((record) => record !== undefined)
    .map((record) => voterOf(record));
}

function distinctRules(rules: readonly CommitRule[]): readonly CommitRule[] {
  return rules.filter((rule, index) => rules.findIndex((other) => sameRule(other, rule)) === index);
}
