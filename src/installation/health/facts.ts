/**
 * What the status endpoint tells of a cluster's members on this host, made from the agent's picture and told to the
 * router. Called by tell.ts. Pure.
 */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import type { HealthFacts, MemberFacts } from "../../router/wire.ts";
import { clusterBody, configBody, historyBody, memberBody } from "./bodies.ts";
import { isAstray, isHolder, kindOf, lagOf, roleWord, stateWord, tagsOf, type HealthContext } from "./words.ts";

export function healthFacts(
  cluster: ClusterRuntime,
  here: readonly MemberRuntime[],
  context: HealthContext,
): HealthFacts {
  const { pause } = cluster.record;
  return {
    cluster: cluster.name,
    members: here.map((member) => memberFacts(cluster, member, context)),
    bodies: {
      cluster: JSON.stringify(clusterBody(cluster, context)),
      history: JSON.stringify(historyBody(cluster.record, context)),
      config: JSON.stringify(configBody(cluster.record)),
    },
    isPaused: pause !== undefined && pause.value.until > context.wallNow,
  };
}

function memberFacts(cluster: ClusterRuntime, member: MemberRuntime, context: HealthContext): MemberFacts {
  const { record } = cluster;
  const own = record.members[member.id]?.value;
  const { server } = member;
  return {
    member: member.id,
    serverPort: own?.port ?? 0,
    state: stateWord(member),
    role: roleWord(server),
    isHolder: isHolder(record, member),
    isWaiting: context.isWaiting(member),
    kind: kindOf(record, member.id),
    isAstray: isAstray(record, server),
    isStreaming: server.kind === "running" && server.streaming,
    lagBytes: lagOf(cluster, server),
    readyLagBytes: record.spec.value.readLagBytesMax,
    tags: tagsOf(record, member.id, context),
    isLookedAt: context.isLookedAt(member),
    body: JSON.stringify(memberBody(cluster, member, context)),
  };
}
