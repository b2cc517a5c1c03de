/** Why each member does what it does, who could take over, and what the cluster survives. Pure. */
import type { ClusterRuntime, MemberRuntime } from "../agent/runtime.ts";
import type { Candidate, Explanation } from "../contract/cluster.ts";
import { judgeMove, judgeSwitchover, type Verdict } from "../core/candidates.ts";
import { formatReason } from "../core/reason.ts";
import { formatRejection } from "../core/rejection.ts";
import { emptyMemory, type Peer, type View } from "../core/view.ts";
import { defaultTimings } from "../domain/cluster.ts";
import { votesNeeded } from "../domain/rule.ts";
import { clusterStatus, memberNumber, type StatusContext } from "./status.ts";
import { survivalOf } from "./survival.ts";

export function explainCluster(cluster: ClusterRuntime, context: StatusContext): Explanation {
  const status = clusterStatus(cluster, context);
  const { rule, previous } = cluster.record.rule.value;
  const { survives, doesNot } = survivalOf(cluster.record);
  return {
    cluster: cluster.name,
    state: status.state,
    summary: status.detail,
    store: status.store,
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
export function candidatesOf(
  cluster: ClusterRuntime,
  to: string | undefined,
  region?: string,
): readonly Candidate[] & Candidate[] {
  const view = viewOf(cluster);
  if (!view) return [];
  const verdicts = region === undefined ? judgeSwitchover(view, to ?? null) : judgeMove(view, region);
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

/**
 * As the holder sees it, with what is known of every server now. On a host that has no member of the cluster, and before
 * the first look, from what the members said alone: enough to judge by, not to decide on.
 */
export function viewOf(cluster: ClusterRuntime): View | undefined {
  const members = [...cluster.members.values()];
  const { holder } = cluster.record.reign.value;
  const looked = members.filter((member) => member.view);
  const seer = looked.find(({ id }) => id === holder) ?? looked[0] ?? members.find(({ id }) => id === holder);
  if (!seer) return undefined;
  const base = seer.view ?? bareView(cluster, seer);
  const peers = members.filter(({ id }) => id !== seer.id).map((member) => [member.id, peerOf(cluster, member, base)]);
  return { ...base, cluster: cluster.record, server: seer.server, peers: Object.fromEntries(peers) };
}

function bareView({ record, storeReachable }: ClusterRuntime, { id, server }: MemberRuntime): View {
  return {
    self: id,
    now: 0,
    wallNow: 0,
    timings: defaultTimings,
    cluster: record,
    storeReachable,
    server,
    peers: {},
    lease: { startedAt: 0, epochSeenAt: 0, held: [], given: undefined, heardHolderAt: undefined },
    isWorkedOn: false,
    hushed: undefined,
    busy: [],
    memory: emptyMemory,
  };
}

function peerOf({ record }: ClusterRuntime, { id, server }: MemberRuntime, view: View): Peer {
  const incarnation = record.members[id]?.value.incarnation ?? 0;
  return { heardAt: view.now, incarnation, server, epoch: record.reign.value.epoch, eligible: true };
}
