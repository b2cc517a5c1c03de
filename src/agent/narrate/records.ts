/**
 * Events from changes of a cluster's records: who holds the epoch, which rule is in force, who voted. Every host sees
 * them. In the best position is who wrote them: the holder's host, which lives when it takes an epoch or changes the
 * rule, and the voter's host for a vote.
 */
import { votersInFull } from "../../core/regions.ts";
import type { ClusterRecord, MemberId, Reign } from "../../domain/cluster.ts";
import { sameRule, sameVoter, usualAcks, type CommitRule } from "../../domain/rule.ts";
import type { Occasion, Teller } from "./teller.ts";
import type { WritePause } from "./write-pause.ts";

/** What a change is told with, besides the records themselves. */
export interface Background {
  readonly pause: WritePause;
  /** who held the epoch before the present holder; undefined when this agent has not seen it */
  readonly formerHolder: string | undefined;
}

export function tellRecordChange(
  teller: Teller,
  before: ClusterRecord,
  after: ClusterRecord,
  background: Background,
): void {
  tellReign(teller, before, after, background);
  tellRule(teller, before, after);
  tellVotes(teller, before, after);
  tellPause(teller, before, after);
  tellSleep(teller, before, after);
  tellMembers(teller, before, after);
}

/** A cluster of the same name that was made later is another one. */
export function nameOf(cluster: ClusterRecord, what: string): string {
  const { name, createdAt } = cluster.spec.value;
  return `${name}@${createdAt}/${what}`;
}

/** Told by the host of `member`. */
function by(cluster: ClusterRecord, member: MemberId, what: string): Occasion {
  return { host: cluster.members[member]?.value.host, once: nameOf(cluster, what) };
}

function byHolder(cluster: ClusterRecord, what: string): Occasion {
  return by(cluster, cluster.reign.value.holder, what);
}

function tellReign(teller: Teller, before: ClusterRecord, after: ClusterRecord, background: Background): void {
  const [was, is] = [before.reign.value, after.reign.value];
  const about = { cluster: after.spec.value.name, member: is.holder, epoch: is.epoch };
  const occasion = (what: string): Occasion => byHolder(after, `epoch/${is.epoch}/${what}`);
  if (is.epoch > was.epoch && is.holder !== was.holder) {
    // Told again when it is open; the former holder is only known here.
    if (is.how === "handover")
      teller.tell(occasion("taken"), "switchover.started", about, { from: was.holder, to: is.holder });
    else {
      const reason = `"${is.holder}" has the votes and the log`;
      teller.tell(occasion("taken"), "failover.started", about, { from: was.holder, reason });
    }
  }
  if (is.phase === "open" && (was.phase !== "open" || is.epoch !== was.epoch)) tellOpen(teller, after, background);
  if (is.how === "forced" && is.epoch > was.epoch) {
    const missing = before.rule.value.rule.voters.map((voter) => voter.member);
    teller.tell(occasion("forced"), "data.loss-accepted", about, { missing });
  }
  if (is.phase === "released" && was.phase === "taken" && was.epoch === is.epoch && is.how !== "bootstrap")
    teller.tell(occasion("released"), "failover.failed", about, {
      from: background.formerHolder ?? is.holder,
      reason: "its server did not come up as primary",
    });
}

function tellOpen(teller: Teller, after: ClusterRecord, { pause, formerHolder: from = "nobody" }: Background): void {
  const { how, holder, timeline, epoch }: Reign = after.reign.value;
  const about = { cluster: after.spec.value.name, member: holder, epoch };
  const occasion = byHolder(after, `epoch/${epoch}/open`);
  const pausedMs = pause.lasting;
  const told = { ...about, ...(pausedMs === undefined ? {} : { durationMs: pausedMs }) };
  switch (from === holder ? "restart" : how) {
    case "election":
    case "forced":
      teller.tell(occasion, "failover.done", told, { from, timeline });
      break;
    case "handover":
      teller.tell(occasion, "switchover.done", told, { from, to: holder, write_pause_ms: pausedMs ?? null });
      break;
    case "restart":
      if (!pause.isWaking) teller.tell(occasion, "primary.restarted", told);
      break;
    case "bootstrap":
      teller.tell(occasion, "primary.open", told, { timeline });
  }
}

function tellRule(teller: Teller, before: ClusterRecord, after: ClusterRecord): void {
  const [was, is] = [before.rule.value.rule, after.rule.value.rule];
  if (sameRule(was, is)) return;
  const about = { cluster: after.spec.value.name, epoch: after.reign.value.epoch };
  const told = { voters: is.voters.map((voter) => voter.member), acks: is.acks };
  const sameReign = before.reign.value.epoch === after.reign.value.epoch;
  const occasion = (what: string): Occasion => ({
    ...byHolder(after, `rule/${after.rule.revision}/${what}`),
    isVague: true,
  });
  for (const member of sameReign ? added(was, is) : [])
    teller.tell(occasion(`${member}/added`), "voter.added", { ...about, member }, told);
  for (const member of sameReign ? added(is, was) : []) {
    const reason = "it does not stream any more";
    teller.tell(occasion(`${member}/dropped`), "voter.dropped", { ...about, member }, { ...told, reason });
  }
  const full = votersInFull(after);
  if (is.acks < was.acks || (is.voters.length === 0 && full > 0))
    teller.tell(occasion("degraded"), "rule.degraded", about, { ...told, reason: "too few standbys stream" });
  else if (is.voters.length === full && is.acks === usualAcks(full) && was.voters.length < full)
    teller.tell(occasion("restored"), "rule.restored", about, told);
}

function added(was: CommitRule, is: CommitRule): readonly string[] {
  return is.voters.filter((voter) => !was.voters.some((other) => sameVoter(other, voter))).map((voter) => voter.member);
}

function tellVotes(teller: Teller, before: ClusterRecord, after: ClusterRecord): void {
  const { epoch, holder } = after.reign.value;
  const cluster = after.spec.value.name;
  const occasion = (member: MemberId, what: string): Occasion => ({
    ...by(after, member, `vote/${member}/${what}`),
    isVague: true,
  });
  for (const [member, vote] of Object.entries(after.votes)) {
    if (before.votes[member]?.revision === vote.revision || vote.value.epoch <= epoch) continue;
    const told = { for_epoch: vote.value.epoch };
    teller.tell(occasion(member, `${vote.revision}/cast`), "vote.cast", { cluster, member, epoch }, told);
  }
  for (const [member, vote] of Object.entries(before.votes)) {
    const isBack = !after.votes[member] && after.members[member] && before.reign.value.epoch === epoch;
    if (!isBack || vote.value.epoch <= epoch) continue;
    const told = { holder };
    teller.tell(occasion(member, `${vote.revision}/withdrawn`), "vote.withdrawn", { cluster, member, epoch }, told);
  }
}

function tellPause(teller: Teller, before: ClusterRecord, after: ClusterRecord): void {
  const cluster = after.spec.value.name;
  const pause = after.pause?.value;
  if (pause && before.pause?.revision !== after.pause?.revision) {
    const until = new Date(pause.until).toISOString();
    const occasion = byHolder(after, `paused/${after.pause?.revision}`);
    teller.tell(occasion, "cluster.paused", { cluster, actor: pause.by }, { until });
  }
  if (before.pause && !pause)
    teller.tell(byHolder(after, `resumed/${before.pause.revision}`), "cluster.resumed", { cluster });
}

function tellSleep(teller: Teller, before: ClusterRecord, after: ClusterRecord): void {
  const { sleep, spec } = after;
  if (sleep?.value.phase !== "asleep" || sleep.revision === before.sleep?.revision) return;
  const told = { idle_ms: spec.value.autostopMs ?? 0 };
  teller.tell(byHolder(after, `sleep/${sleep.revision}`), "cluster.asleep", { cluster: spec.value.name }, told);
}

/** The id of a member is never given twice. */
function tellMembers(teller: Teller, before: ClusterRecord, after: ClusterRecord): void {
  const cluster = after.spec.value.name;
  for (const member of Object.keys(after.members))
    if (!before.members[member])
      teller.tell(byHolder(after, `member/${member}/added`), "member.added", { cluster, member });
  for (const member of Object.keys(before.members))
    if (!after.members[member])
      teller.tell(byHolder(after, `member/${member}/removed`), "member.removed", { cluster, member });
}
