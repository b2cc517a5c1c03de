/** The hosts as users see them: their records, whether their agents answer now, and what is placed on them. */
import { version } from "../../config/version.ts";
import { reachAnswerSchema, type HostStatus } from "../../contract/host.ts";
import type { HostRecord, InstallationSettings } from "../../domain/host.ts";
import { listHosts, readSettings } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import type { HostParts } from "./parts.ts";

/** A healthy agent answers in milliseconds; a lost one must not keep a person waiting. */
const heardWithinMs = 1500;

export async function listHostStatus(parts: HostParts): Promise<readonly HostStatus[]> {
  const { hosts, settings } = await knownHosts(parts);
  if (hosts.length > 0 && !hosts.some(({ name }) => name === parts.config.name)) throw removed(parts.config);
  return Promise.all(hosts.map((host) => hostStatus(parts, host, settings)));
}

interface Known {
  readonly hosts: readonly HostRecord[];
  readonly settings: InstallationSettings;
}

/** Without the store, as they were read last: whoever is in the dark needs to know where the hosts are. */
async function knownHosts({ store, book }: HostParts): Promise<Known> {
  // Nobody's members are replaced while it is away.
  const remembered = (): Known => ({ hosts: book.all(), settings: { replaceAfterMs: null } });
  if (!book.isFresh()) return remembered();
  try {
    const [hosts, settings] = await Promise.all([listHosts(store), readSettings(store)]);
    return { hosts: hosts.map(({ value }) => value), settings };
  } catch (error) {
    if (error instanceof OpError && error.code === "store-unavailable") return remembered();
    throw error;
  }
}

/** From here all others would look as if they were away: they refuse this host's certificate. */
function removed({ name }: HostParts["config"]): OpError {
  return new OpError("host-removed", {
    message: `host "${name}" was removed from the installation`,
    detail: "The other hosts answer it no more.",
    hint: "To let it join again: matriarch host join TOKEN --yes. To end what runs on it: matriarch agent stop --servers",
  });
}

export async function hostStatus(
  parts: HostParts,
  host: HostRecord,
  { replaceAfterMs }: InstallationSettings,
): Promise<HostStatus> {
  const running = await runningVersion(parts, host);
  const members = parts.moves.membersOn(host.name).map(({ member }) => member);
  const silentMs = running === undefined ? Math.round(parts.silentMs(host.name)) : null;
  const isReplaced = silentMs !== null && replaceAfterMs !== null && members.length > 0;
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
    members,
    silent_ms: silentMs,
    replaced_in_ms: isReplaced ? Math.max(0, replaceAfterMs - silentMs) : null,
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
