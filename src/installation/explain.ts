/** Why each member does what it does, who could take over, and what the cluster survives. Pure. */
import type { ClusterRuntime, MemberRuntime } from "../agent/runtime.ts";
import type { Candidate, Explanation } from "../contract/cluster.ts";
import { judgeSwitchover, rulesInForce, type Verdict } from "../core/candidates.ts";
import { formatReason } from "../core/reason.ts";
import { formatRejection } from "../core/rejection.ts";
import type { Peer, View } from "../core/view.ts";
import { votesNeeded } from "../domain/rule.ts";
import { clusterStatus, memberNumber, type StatusContext } from "./status.ts";

export function explainCluster(cluster: ClusterRuntime, context: StatusContext): Explanation {
  const status = clusterStatus(cluster, context);
  const { rule, previous } = cluster.record.rule.value;
  const { survives, doesNot } = survival(cluster);
  return {
    cluster: cluster.name,
    state: status.state,
    summary: status.detail,
    members: [...cluster.members.values()]
      .toSorted((a, b) => memberNumber(a.id) - memberNumber(b.id))
      .map(({ id, decision, view }) => ({
        member: id,
        code: decision?.because.code ?? "unknown",
        because: decision ? formatReason(decision.because) : "not looked at yet",
        waiting_for: view?.busy[0]?.kind ?? null,
      })),
    rule: {
      voters: rule.voters.map((voter) => voter.member),
      acks: rule.acks,
      votes_to_elect: votesNeeded(rule) ?? null,
      previous: previous.length,
    },
    candidates: candidatesOf(cluster, undefined),
    survives,
    does_not_survive: doesNot,
  };
}

/** The verdict on every member; the first without a rejection is the one that would be chosen. */
export function candidatesOf(cluster: ClusterRuntime, to: string | undefined): readonly Candidate[] & Candidate[] {
  const view = viewOf(cluster);
  if (!view) return [];
  const verdicts = judgeSwitchover(view, to ?? null);
  const chosen = verdicts.find((verdict) => verdict.rejection === undefined)?.member;
  return verdicts.map((verdict) => toCandidate(verdict, chosen));
}

function toCandidate({ member, rejection, lagBytes }: Verdict, chosen: string | undefined): Candidate {
  return {
    member,
    eligible: rejection === undefined,
    chosen: member === chosen,
    lag_bytes: lagBytes ?? null,
    reason: rejection
      ? formatRejection(rejection)
      : member === chosen
        ? "least behind: it would become primary"
        : "could become primary",
  };
}

/** As the holder sees it, with what is known of every server now; as anybody does, when the holder has not looked yet. */
export function viewOf(cluster: ClusterRuntime): View | undefined {
  const members = [...cluster.members.values()];
  const looked = members.filter((member) => member.view);
  const seer = looked.find(({ id }) => id === cluster.record.reign.value.holder) ?? looked[0];
  if (!seer?.view) return undefined;
  const peers = members
    .filter(({ id }) => id !== seer.id)
    .map((member) => [member.id, peerOf(cluster, member, seer.view)]);
  return { ...seer.view, cluster: cluster.record, server: seer.server, peers: Object.fromEntries(peers) };
}

function peerOf({ record }: ClusterRuntime, { id, server }: MemberRuntime, view: View | undefined): Peer {
  const incarnation = record.members[id]?.value.incarnation ?? 0;
  return { heardAt: view?.now ?? 0, incarnation, server, epoch: record.reign.value.epoch, eligible: true };
}

function survival(cluster: ClusterRuntime): { survives: string[]; doesNot: string[] } {
  const { members, durability } = cluster.record.spec.value;
  const hosts = new Set(Object.values(cluster.record.members).map((member) => member.value.host));
  const survives: string[] = ["the end or restart of the agent, and of the router: Postgres goes on"];
  const doesNot: string[] = [];
  const electable = rulesInForce(cluster.record).every((rule) => rule.voters.length > 0);
  if (electable) survives.push("the loss of the primary: a standby takes over by itself");
  else doesNot.push("the loss of the primary's data directory: no standby holds every acknowledged write now");
  if (members.length > 2) survives.push("the loss of one standby: writes go on");
  if (durability === "async")
    doesNot.push("the loss of the primary without losing the newest writes (durability async)");
  if (hosts.size === 1) doesNot.push("the loss of this machine or of its disk: all members are on it");
  return { survives, doesNot };
}
