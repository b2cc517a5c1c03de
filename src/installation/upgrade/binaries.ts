/**
 * Binaries of Postgres on the hosts of a cluster's members: fetched, or looked at, before anything stops. Called by
 * upgrade.ts, and by other hosts' agents (PeerApi.prepareEngine).
 */
import type { WantedEngine } from "../../agent/member-servers.ts";
import { engineAnswerSchema, engineMeant, type EngineAnswer, type EngineRequest } from "../../contract/peer.ts";
import type { ClusterRecord } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import { isHere, type Parts } from "../parts.ts";

const fetchMs = 600_000;

export async function prepareHere(parts: Parts, request: EngineRequest): Promise<EngineAnswer> {
  const { version } = request;
  const choice = engineMeant(request);
  if (choice.engine === "system") return { version: await parts.servers.systemVersion(choice) };
  const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(fetchMs)]);
  const wanted: WantedEngine = { ...choice, ...(version === undefined ? {} : { version }) };
  return { version: (await parts.servers.engine(wanted, () => undefined, signal)).version };
}

/** Hosts that have members of the cluster; undefined: this one, where there are no others. */
export function hostsOf(parts: Parts, { members }: ClusterRecord): readonly (string | undefined)[] {
  const all = Object.values(members).map(({ value }) => (isHere(parts, value) ? undefined : value.host));
  return [...new Set(all)];
}

/** @throws OpError host-unreachable, engine-missing, engine-install-failed */
export async function prepareOn(parts: Parts, host: string | undefined, request: EngineRequest): Promise<string> {
  if (host === undefined) return (await prepareHere(parts, request)).version;
  const call = { method: "POST", path: "/v1/peer/engine", body: request, deadlineMs: fetchMs } as const;
  const answer = engineAnswerSchema.safeParse(await parts.hosts.call(host, call));
  if (answer.success) return answer.data.version;
  throw new OpError("host-unreachable", {
    message: `the agent of host "${host}" gave an answer that does not fit`,
    hint: "It may be of another version: see matriarch host list.",
  });
}
