/** Events from changes of a cluster's records: who holds the epoch, which rule is in force, who voted. */
import type { ClusterRecord, Reign } from "../../domain/cluster.ts";
import { sameRule, sameVoter, usualAcks, type CommitRule } from "../../domain/rule.ts";
import type { EventLog } from "../../events/event-log.ts";
import type { WritePause } from "./write-pause.ts";

/** What a change is told with, besides the records themselves. */
export interface Background {
  readonly pause: WritePause;
  /** who held the epoch before the present holder; undefined when this agent has not seen it */
  readonly formerHolder: string | undefined;
}

export function tellRecordChange(
  events: EventLog,
  before: ClusterRecord,
  after: ClusterRecord,
  background: Background,
): void {
  tellReign(events, before, after, background);
  tellRule(events, before, after);
  tellVotes(events, before, after);
  tellPause(events, before, after);
  tellMembers(events, before, after);
}

function tellReign(events: EventLog, before: ClusterRecord, after: ClusterRecord, background: Background): void {
  const [was, is] = [before.reign.value, after.reign.value];
  const about = { cluster: after.spec.value.name, member: is.holder, epoch: is.epoch };
  if (is.epoch > was.epoch && is.holder !== was.holder) {
    // Told again when it is open; the former holder is only known here.
    if (is.how === "handover") events.emit("switchover.started", about, { from: was.holder, to: is.holder });
    else
      events.emit("failover.started", about, { from: was.holder, reason: `"${is.holder}" has the votes and the log` });
  }
  if (is.phase === "open" && (was.phase !== "open" || is.epoch !== was.epoch))
    tellOpen(events, after, about, background);
  if (is.how === "forced" && is.epoch > was.epoch)
    events.emit("data.loss-accepted", about, { missing: before.rule.value.rule.voters.map((voter) => voter.member) });
  if (is.phase === "released" && was.phase === "taken" && was.epoch === is.epoch && is.how !== "bootstrap")
    events.emit("failover.failed", about, {
      from: background.formerHolder ?? is.holder,
      reason: "its server did not come up as primary",
    });
}

function tellOpen(
  events: EventLog,
  after: ClusterRecord,
  about: { cluster: string; member: string; epoch: number },
  { pause, formerHolder: from = "nobody" }: Background,
): void {
  const { how, holder, timeline }: Reign = after.reign.value;
  const told = { ...about, ...(pause.soFar === undefined ? {} : { durationMs: pause.soFar }) };
  switch (how) {
    case "election":
    case "forced":
      events.emit("failover.done", told, { from, timeline });
      break;
    case "handover":
      events.emit("switchover.done", told, { from, to: holder, write_pause_ms: pause.soFar ?? null });
      break;
    case "restart":
      events.emit("primary.restarted", told);
      break;
    case "bootstrap":
      events.emit("primary.open", told, { timeline });
  }
}

function tellRule(events: EventLog, before: ClusterRecord, after: ClusterRecord): void {
  const [was, is] = [before.rule.value.rule, after.rule.value.rule];
  if (sameRule(was, is)) return;
  const about = { cluster: after.spec.value.name, epoch: after.reign.value.epoch };
  const told = { voters: is.voters.map((voter) => voter.member), acks: is.acks };
  const sameReign = before.reign.value.epoch === after.reign.value.epoch;
  for (const voter of sameReign ? added(was, is) : []) events.emit("voter.added", { ...about, member: voter }, told);
  for (const voter of sameReign ? added(is, was) : [])
    events.emit("voter.dropped", { ...about, member: voter }, { ...told, reason: "it does not stream any more" });
  const full = after.spec.value.members.length - 1;
  if (is.acks < was.acks || (is.voters.length === 0 && full > 0))
    events.emit("rule.degraded", about, { ...told, reason: "too few standbys stream" });
  else if (is.voters.length === full && is.acks === usualAcks(full) && was.voters.length < full)
    events.emit("rule.restored", about, told);
}

function added(was: CommitRule, is: CommitRule): readonly string[] {
  return is.voters.filter((voter) => !was.voters.some((other) => sameVoter(other, voter))).map((voter) => voter.member);
}

function tellVotes(events: EventLog, before: ClusterRecord, after: ClusterRecord): void {
  const { epoch, holder } = after.reign.value;
  const cluster = after.spec.value.name;
  for (const [member, vote] of Object.entries(after.votes)) {
    if (before.votes[member]?.revision === vote.revision || vote.value.epoch <= epoch) continue;
    events.emit("vote.cast", { cluster, member, epoch }, { for_epoch: vote.value.epoch });
  }
  for (const [member, vote] of Object.entries(before.votes))
    if (!after.votes[member] && after.members[member] && vote.value.epoch > epoch && before.reign.value.epoch === epoch)
      events.emit("vote.withdrawn", { cluster, member, epoch }, { holder });
}

function tellPause(events: EventLog, before: ClusterRecord, after: ClusterRecord): void {
  const cluster = after.spec.value.name;
  const pause = after.pause?.value;
  if (pause && before.pause?.revision !== after.pause?.revision)
    events.emit("cluster.paused", { cluster, actor: pause.by }, { until: new Date(pause.until).toISOString() });
  if (before.pause && !pause) events.emit("cluster.resumed", { cluster });
}

function tellMembers(events: EventLog, before: ClusterRecord, after: ClusterRecord): void {
  const cluster = after.spec.value.name;
  for (const member of Object.keys(after.members))
    if (!before.members[member]) events.emit("member.added", { cluster, member });
  for (const member of Object.keys(before.members))
    if (!after.members[member]) events.emit("member.removed", { cluster, member });
}
