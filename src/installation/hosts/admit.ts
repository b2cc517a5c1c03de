/**
 * Whether a host may join, and its admission: token, version, clock, name, address and ports are checked first, all of
 * it before anything is written. Called by the API for `/v1/join`, on a host that holds the CA's key. Joining again with
 * the same key is the same host, half joined; another key under the same name is refused.
 */
import { version } from "../../config/version.ts";
import { reachAnswerSchema, type Joined, type JoinCheck, type JoinRequest } from "../../contract/host.ts";
import { placesFor } from "../../core/places.ts";
import { hostPorts, type HostRecord } from "../../domain/host.ts";
import { readAuthority, requestFingerprint, signHost, type Authority } from "../../drivers/certificates/host.ts";
import { commitHost, listHosts } from "../../drivers/store/host-records.ts";
import { readJoinToken, useJoinToken, type JoinTokenRecord } from "../../drivers/store/join-tokens.ts";
import type { Versioned } from "../../domain/cluster.ts";
import { OpError } from "../../errors/op-error.ts";
import type { HostParts } from "./parts.ts";
import { atPort, portsOf, probe } from "./reach.ts";
import { refuseBadSelf } from "./self.ts";
import { storeToTell } from "./store-files.ts";
import { isSecret } from "./token.ts";

export const clockDifferenceMsMax = 2000;
const reachDeadlineMs = 6000;

/** Everything that can be said against it, without changing anything. */
export async function checkJoin(parts: HostParts, request: JoinRequest): Promise<JoinCheck> {
  const { hosts } = await examine(parts, request);
  return { hosts: hosts.map(addressOf) };
}

export async function admitHost(parts: HostParts, request: JoinRequest): Promise<Joined> {
  const { token, authority, known, hosts, keyFingerprint } = await examine(parts, request);
  const now = parts.wallNow();
  const others = (await listHosts(parts.store)).map(({ value }) => value).filter(({ name }) => name !== request.name);
  const had = { signs: known?.value.signs ?? false, runsStore: known?.value.runsStore ?? false };
  const record: HostRecord = {
    name: request.name,
    address: request.address,
    basePort: request.base_port,
    region: request.region,
    zone: request.zone,
    labels: known?.value.labels ?? {},
    version: request.version,
    state: known?.value.state ?? "active",
    engines: request.engines,
    keyFingerprint,
    ...placesFor(had, others, parts.config.store.kind === "own"),
    joinedAt: known?.value.joinedAt ?? now,
  };
  const certificate = await signHost(authority, request, now);
  const store = await storeToTell(parts.config.store, others);
  await useJoinToken(parts.store, token, request.name);
  const outcome = await commitHost(parts.store, record, known?.revision ?? 0);
  if (!outcome.committed) {
    throw new OpError("busy", {
      message: `the record of host "${request.name}" has changed at this moment`,
      hint: "Run the command again.",
    });
  }
  const { address, zone, region } = record;
  if (!known) parts.events.emit("host.joined", {}, { host: record.name, address, zone, region });
  return {
    installation: parts.config.installation,
    certificate,
    ca_key: record.signs ? authority.key : null,
    runs_store: record.runsStore,
    store,
    hosts: hosts.map(addressOf),
  };
}

interface Examined {
  readonly token: Versioned<JoinTokenRecord>;
  readonly authority: Authority;
  /** the same host, if it has joined before */
  readonly known: Versioned<HostRecord> | undefined;
  /** those that answer */
  readonly hosts: readonly HostRecord[];
  readonly keyFingerprint: string;
}

async function examine(parts: HostParts, request: JoinRequest): Promise<Examined> {
  const token = await checkToken(parts, request);
  refuseOtherVersion(request.version);
  refuseOtherClock(request.sent_at - parts.wallNow(), request.name);
  refuseBadSelf({ ...request, basePort: request.base_port });
  const keyFingerprint = await requestFingerprint(request.request);
  const hosts = await listHosts(parts.store);
  const known = hosts.find(({ value }) => value.name === request.name);
  if (known && known.value.keyFingerprint !== keyFingerprint) throw nameTaken(known.value);
  const records = hosts.map(({ value }) => value);
  refuseSamePorts(request, records);
  if (!known) refuseUsedUp(token.value);
  const authority = await readAuthority(parts.home);
  if (!authority) throw cannotSign(parts, records);
  const heard = await refuseUnreachable(parts, request, records);
  return { token, authority, known, hosts: heard, keyFingerprint };
}

async function checkToken(parts: HostParts, { token }: JoinRequest): Promise<Versioned<JoinTokenRecord>> {
  const found = await readJoinToken(parts.store, token.id);
  const hint = "Make a new one on a host of the installation: matriarch host token";
  if (!found || !isSecret(token.secret, found.value.secretHash))
    throw new OpError("join-refused", {
      message: "the token is not known to this installation",
      detail: "It is wrong, was revoked, or expired long ago.",
      hint,
    });
  const { expiresAt } = found.value;
  if (expiresAt > parts.wallNow()) return found;
  throw new OpError("join-refused", {
    message: "the token has expired",
    detail: `It was good until ${new Date(expiresAt).toISOString()}.`,
    hint,
  });
}

function refuseUsedUp({ usesMax, usedBy }: JoinTokenRecord): void {
  if (usedBy.length < usesMax) return;
  throw new OpError("join-refused", {
    message: "the token is used up",
    detail: `It was for ${usesMax === 1 ? "one host" : `${usesMax} hosts`}: ${usedBy.join(", ")}.`,
    hint: "Make a new one on a host of the installation: matriarch host token",
  });
}

/** Also asked by the host that joins, before it sends its secret. */
export function refuseOtherVersion(theirs: string): void {
  if (theirs === version) return;
  throw new OpError("host-unfit", {
    message: "the hosts run different versions of Matriarch",
    detail: `One runs ${version}, the other ${theirs}.`,
    hint: "Install the same version on the host that is to join.",
  });
}

/** @param differenceMs of the host that joins, to the installation */
export function refuseOtherClock(differenceMs: number, name: string): void {
  if (Math.abs(differenceMs) < clockDifferenceMsMax) return;
  const by = `${(Math.abs(differenceMs) / 1000).toFixed(1)} s`;
  throw new OpError("host-unfit", {
    message: `the clock of host "${name}" is ${by} ${differenceMs > 0 ? "ahead" : "behind"}`,
    detail: `Less than ${clockDifferenceMsMax / 1000} s are allowed: certificates, events and backups go by the clock.`,
    hint: "Set the clock, for example with: apt-get install -y systemd-timesyncd && timedatectl set-ntp true",
  });
}

function nameTaken({ name, address, basePort }: HostRecord): OpError {
  return new OpError("host-exists", {
    message: `there is a host "${name}" already`,
    detail: `It is another one, at ${atPort(address, hostPorts(basePort).api)}, with another key.`,
    hint: `Choose another name with --name; or, if that host is lost for good: matriarch host remove ${name} --lost`,
  });
}

function refuseSamePorts({ name, address, base_port }: JoinRequest, hosts: readonly HostRecord[]): void {
  const wanted = portsOf(base_port);
  const other = hosts.find(
    (host) =>
      host.name !== name && host.address === address && portsOf(host.basePort).some((port) => wanted.includes(port)),
  );
  if (!other) return;
  throw new OpError("host-exists", {
    message: `host "${other.name}" has the address ${address} with the same ports`,
    detail: `It uses ${portsOf(other.basePort).join(", ")}.`,
    hint: "Name this host's own address with --address, or other ports with --base-port.",
  });
}

function cannotSign(parts: HostParts, hosts: readonly HostRecord[]): OpError {
  const able = hosts
    .filter(({ signs }) => signs)
    .map(({ address, basePort }) => atPort(address, hostPorts(basePort).api));
  return new OpError("not-supported", {
    message: `host "${parts.config.name}" cannot let hosts join: it does not hold the CA's key`,
    detail: `Hosts that can are at ${able.join(", ")}.`,
    hint: "Make a new token with matriarch host token; it names them.",
  });
}

/** This host and every other that answers it must reach the new one. @returns those that answer */
async function refuseUnreachable(
  parts: HostParts,
  { name, address, base_port, nonce }: JoinRequest,
  hosts: readonly HostRecord[],
): Promise<readonly HostRecord[]> {
  const body = { address, ports: [...portsOf(base_port)], nonce };
  const seen = await Promise.all(
    hosts
      .filter((host) => host.name !== name)
      .map(async (host) => {
        if (host.name === parts.config.name) return { host, ...(await probe(body)) };
        try {
          const call = { method: "POST", path: "/v1/peer/reach", body, deadlineMs: reachDeadlineMs } as const;
          return { host, ...reachAnswerSchema.parse(await parts.neighbours.call(host, call)) };
        } catch (error) {
          // A host that is down now must not keep another from joining.
          parts.log.warn("host could not be asked to look for a new one", { host: host.name, error });
          return undefined;
        }
      }),
  );
  const answers = seen.filter((answer) => answer !== undefined);
  const failed = answers.flatMap(({ host, unreachable }) =>
    unreachable.map(({ port, reason }) => `Host "${host.name}" to ${atPort(address, port)}: ${reason}.`),
  );
  if (failed.length === 0) return answers.map(({ host }) => host);
  throw new OpError("host-unfit", {
    message: `host "${name}" cannot be reached at ${address}`,
    detail: failed.join("\n"),
    hint: `Open ports ${base_port} to ${base_port + 4} between the hosts, or name another address with --address.`,
  });
}

function addressOf({ name, address, basePort }: HostRecord): JoinCheck["hosts"][number] {
  return { name, address, base_port: basePort };
}
