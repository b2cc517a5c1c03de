/** One member's server: sessions, whether its primary takes writes, room for them, its stream; and its role. */
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import { formatReason } from "../../core/reason.ts";
import { formatSize } from "../../contract/units.ts";
import { isHolder, lagOf, waitsForVoters } from "../health/words.ts";
import type { ServerSources } from "../metrics/sources.ts";
import type { Check, Found } from "./line.ts";

const answerMs = 3000;

export interface MemberAsked {
  readonly cluster: ClusterRuntime;
  readonly member: MemberRuntime;
  readonly host: string;
  readonly sources: Pick<ServerSources, "connections">;
  /** of its volume */
  readonly room: () => Promise<Found>;
}

export function serverChecks(asked: MemberAsked): readonly Check[] {
  const { member, host } = asked;
  const own = { group: "pg", member: member.id, host } as const;
  const isPrimary = roleOf(asked) === "primary";
  return [
    { ...own, check: "connections", look: () => connections(asked) },
    ...(isPrimary
      ? [
          { ...own, check: "cluster-locks", look: async () => locks(asked) },
          { ...own, check: "disk-capacity", look: asked.room },
        ]
      : [{ ...own, check: "replication", look: async () => replication(asked) }]),
  ];
}

export function roleCheck(asked: MemberAsked): Check {
  return { group: "role", member: asked.member.id, host: asked.host, check: "role", look: async () => role(asked) };
}

async function connections({ cluster, member, sources }: MemberAsked): Promise<Found> {
  const port = cluster.record.members[member.id]?.value.port ?? 0;
  const { used, reserved, most } = await sources.connections(
    member.id,
    { socketDirectory: member.socketDirectory, port },
    answerMs,
  );
  const message = `${used} used, ${reserved} reserved, ${most} max`;
  if (used < most - reserved) return { ok: true, message };
  return {
    ok: false,
    message: `${message}: no more are let in`,
    hint: `End idle sessions, or raise max_connections: matriarch config set ${cluster.name} max_connections=…`,
  };
}

/** What keeps a primary from taking writes, or from acknowledging them. */
function locks({ cluster, member }: MemberAsked): Found {
  const { record, name } = cluster;
  const why = member.decision ? formatReason(member.decision.because) : "not looked at yet";
  if (!isHolder(record, member))
    return {
      ok: false,
      message: `it does not hold the cluster's lease: ${why}`,
      hint: `See: matriarch explain ${name}`,
    };
  if (waitsForVoters(record, member.server))
    return {
      ok: false,
      message: `commits wait for standbys that are not there: ${why}`,
      hint: `Bring a standby back: matriarch status ${name}`,
    };
  return { ok: true, message: "no lock keeps it from taking writes" };
}

function replication({ cluster, member }: MemberAsked): Found {
  const { server } = member;
  const hint = `See why: matriarch explain ${cluster.name}`;
  if (server.kind !== "running" || !server.streaming)
    return { ok: false, message: member.decision ? formatReason(member.decision.because) : "it does not stream", hint };
  const { apply } = lagOf(cluster, server);
  const most = cluster.record.spec.value.readLagBytesMax;
  const message = apply === null ? "streams" : `streams, ${formatSize(apply)} behind`;
  return apply === null || apply <= most ? { ok: true, message } : { ok: false, message, hint };
}

type Role = "primary" | "replica" | "former primary" | "failed" | "unknown";

function roleOf({ cluster, member }: MemberAsked): Role {
  const { server } = member;
  if (server.kind === "unresponsive" || server.kind === "starting") return "unknown";
  if (server.kind !== "running") return "failed";
  if (server.role === "standby") return "replica";
  return isHolder(cluster.record, member) ? "primary" : "former primary";
}

function role(asked: MemberAsked): Found {
  const found = roleOf(asked);
  if (found === "primary" || found === "replica") return { ok: true, message: found };
  const why = asked.member.decision ? formatReason(asked.member.decision.because) : "not looked at yet";
  return {
    ok: false,
    message: `${found}: ${why}`,
    hint: `It is brought back by itself where that is safe. See: matriarch explain ${asked.cluster.name}`,
  };
}
