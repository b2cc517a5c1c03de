/** What the members' servers themselves show of their settings, whichever host they are on. Called by this folder. */
import { z } from "zod";
import type { ClusterRuntime, MemberRuntime } from "../../agent/runtime.ts";
import type { MemberId } from "../../domain/cluster.ts";
import { settingColumns, serverSettingSchema } from "../../drivers/postgres/configuration/trial.ts";
import { withSession } from "../../drivers/postgres/session/session.ts";
import { OpError } from "../../errors/op-error.ts";
import { awaitCluster, clusterOf, isHere, type Parts } from "../parts.ts";
import { memberNumber } from "../status.ts";

const askMs = 5000;

const runningSettingSchema = serverSettingSchema.extend({ pending_restart: z.boolean() });
export type RunningSetting = z.infer<typeof runningSettingSchema>;

export interface AskedMember {
  readonly member: MemberId;
  readonly settings: ReadonlyMap<string, RunningSetting>;
}

export interface Away {
  readonly member: MemberId;
  readonly reason: string;
}

export interface AskedMembers {
  /** in the order of their numbers */
  readonly asked: readonly AskedMember[];
  readonly away: readonly Away[];
}

/** An agent that has just started has not looked at its servers yet, and would take them for gone. */
export async function onceSeen(parts: Parts, name: string): Promise<ClusterRuntime> {
  const isSeen = ({ members }: ClusterRuntime): boolean =>
    [...members.values()].every(({ decision }) => decision !== undefined);
  await awaitCluster(parts, name, isSeen, { withinMs: askMs, describe: () => "" }).catch((error: unknown) => {
    if (!(error instanceof OpError && error.code === "operation-failed")) throw error;
  });
  return clusterOf(parts, name);
}

/** By names in lower case. A server that is down, or does not answer in time, is away. */
export async function askMembers(parts: Parts, cluster: ClusterRuntime): Promise<AskedMembers> {
  const members = [...cluster.members.values()].toSorted((a, b) => memberNumber(a.id) - memberNumber(b.id));
  const answers = await Promise.all(members.map((member) => askMember(parts, cluster, member)));
  return {
    asked: answers.flatMap((answer) => ("settings" in answer ? answer : [])),
    away: answers.flatMap((answer) => ("reason" in answer ? answer : [])),
  };
}

async function askMember(
  parts: Parts,
  { record }: ClusterRuntime,
  { id: member, server, socketDirectory }: MemberRuntime,
): Promise<AskedMember | Away> {
  const own = record.members[member]?.value;
  if (!own || server.kind !== "running") return { member, reason: `its server is ${stateOf(server.kind)}` };
  if (!isHere(parts, own) && !parts.hosts.isHeard(own.host))
    return { member, reason: `host "${own.host}" does not answer` };
  const sql = `SELECT pg_catalog.jsonb_agg(s)::text AS document FROM (SELECT ${settingColumns}, pending_restart FROM pg_catalog.pg_settings) AS s`;
  try {
    const [row] = await withSession({ socketDirectory, port: own.port }, { withinMs: askMs }, (session) =>
      session.query(sql, [], { withinMs: askMs }),
    );
    const rows = z.array(runningSettingSchema).parse(JSON.parse(row?.["document"] ?? "[]"));
    return { member, settings: new Map(rows.map((setting) => [setting.name.toLowerCase(), setting])) };
  } catch (error) {
    return { member, reason: error instanceof Error ? error.message : String(error) };
  }
}

function stateOf(kind: MemberRuntime["server"]["kind"]): string {
  switch (kind) {
    case "absent":
      return "not made yet";
    case "stopped":
      return "down";
    case "starting":
      return "starting";
    default:
      return "not answering";
  }
}
