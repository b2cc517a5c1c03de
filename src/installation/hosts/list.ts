/** The hosts as users see them: their records, whether their agents answer now, and what is placed on them. */
import { version } from "../../config/version.ts";
import { reachAnswerSchema, type HostStatus } from "../../contract/host.ts";
import type { HostRecord } from "../../domain/host.ts";
import { listHosts } from "../../drivers/store/host-records.ts";
import type { HostParts } from "./parts.ts";

/** A healthy agent answers in milliseconds; a lost one must not keep a person waiting. */
const heardWithinMs = 1500;

export async function listHostStatus(parts: HostParts): Promise<readonly HostStatus[]> {
  const hosts = await listHosts(parts.store);
  return Promise.all(hosts.map(({ value }) => hostStatus(parts, value)));
}

export async function hostStatus(parts: HostParts, host: HostRecord): Promise<HostStatus> {
  const running = await runningVersion(parts, host);
  return {
    name: host.name,
    address: host.address,
    base_port: host.basePort,
    zone: host.zone,
    region: host.region,
    labels: { ...host.labels },
    state: host.state,
    heard: running !== undefined,
    version: running ?? host.version,
    members: parts.moves.membersOn(host.name).map(({ member }) => member),
    runs_store: host.runsStore,
    signs: host.signs,
    engines: { embedded: [...host.engines.embedded], system: [...host.engines.system] },
    joined_at: new Date(host.joinedAt).toISOString(),
  };
}

/** @returns undefined when its agent does not answer */
export async function runningVersion(parts: HostParts, host: HostRecord): Promise<string | undefined> {
  if (host.name === parts.config.name) return version;
  const body = { address: host.address, ports: [], nonce: "-" };
  try {
    const call = { method: "POST", path: "/v1/peer/reach", body, deadlineMs: heardWithinMs } as const;
    return reachAnswerSchema.parse(await parts.neighbours.call(host, call)).version;
  } catch {
    return undefined;
  }
}
