/**
 * A free place among the first hosts, taken by a host that is there already: the key of the authority, and a member of
 * the installation's own etcd. `givePlace` answers for a host that holds the key, `takePlace` is the one that wants it;
 * both are safe to repeat, and what was begun is finished by the next try. Called by the agent every few seconds.
 */
import { existsSync } from "node:fs";
import { placeAnswerSchema, type PlaceAnswer } from "../../contract/host.ts";
import { placesFor, queueForPlace } from "../../core/places.ts";
import type { HostRecord } from "../../domain/host.ts";
import { replaceFile } from "../../drivers/certificates/files.ts";
import { hostCertificateFiles, readAuthority } from "../../drivers/certificates/host.ts";
import { commitHostAmong, listHosts } from "../../drivers/store/host-records.ts";
import { OpError } from "../../errors/op-error.ts";
import { hostOf, type HostParts } from "./parts.ts";
import { storeEndpoint } from "./store-files.ts";

/** Whoever is next in the queue waits so long for the one before it, which may lack etcd. */
const turnMs = 30_000;
const askWithinMs = 10_000;

/** This host's own member of the installation's etcd. */
export interface OwnStoreMember {
  exists(): Promise<boolean>;
  /** @throws OpError etcd-missing */
  canRun(): Promise<void>;
  /** resolves when it has a vote. @param endpoints client URLs of the others */
  join(endpoints: readonly string[]): Promise<void>;
}

export interface PlaceWish {
  readonly hosts: readonly HostRecord[];
  /** for so long a place has been free, as far as this agent knows */
  readonly freeForMs: number;
  readonly member: OwnStoreMember;
}

/** For another host, which has shown by its certificate that it is `name`. @throws OpError not-supported, busy */
export async function givePlace(parts: HostParts, name: string): Promise<PlaceAnswer> {
  const authority = await readAuthority(parts.home);
  if (!authority)
    throw new OpError("not-supported", { message: `host "${parts.config.name}" does not hold the CA's key` });
  const all = await listHosts(parts.store);
  const { value: host } = await hostOf(parts.store, name);
  const others = all.map(({ value }) => value).filter((other) => other.name !== name);
  const places = placesFor(host, others, parts.config.store.kind === "own");
  if (places.signs !== host.signs || places.runsStore !== host.runsStore) {
    // All of them: two hosts must not take the same place from two others.
    const outcome = await commitHostAmong(parts.store, { ...host, ...places }, all);
    if (!outcome.committed) throw new OpError("busy", { message: "the hosts have changed at this moment" });
    parts.events.emit("host.place-taken", {}, { host: name, runs_store: places.runsStore, signs: places.signs });
  }
  return {
    ca_key: places.signs ? authority.key : null,
    runs_store: places.runsStore,
    endpoints: others.filter(({ runsStore }) => runsStore).map(storeEndpoint),
  };
}

/** @returns whether anything was done. @throws OpError etcd-missing, host-unreachable, store-unavailable */
export async function takePlace(parts: HostParts, wish: PlaceWish): Promise<boolean> {
  const self = wish.hosts.find(({ name }) => name === parts.config.name);
  if (!self || !((await isUnfinished(parts, self, wish)) || isMyTurn(parts, wish))) return false;
  if (parts.config.store.kind === "own") await wish.member.canRun();
  const answer = await askForPlace(parts, wish.hosts);
  const { caKeyFile } = hostCertificateFiles(parts.home);
  if (answer.ca_key !== null) await replaceFile(caKeyFile, answer.ca_key, 0o600);
  if (answer.runs_store && !(await wish.member.exists())) await wish.member.join(answer.endpoints);
  return true;
}

/** The record says that it has the place, and something of it is missing here. */
async function isUnfinished({ home, config }: HostParts, self: HostRecord, { member }: PlaceWish): Promise<boolean> {
  if (self.signs && !existsSync(hostCertificateFiles(home).caKeyFile)) return true;
  return config.store.kind === "own" && self.runsStore && !(await member.exists());
}

function isMyTurn({ config }: HostParts, { hosts, freeForMs }: PlaceWish): boolean {
  const turn = queueForPlace(hosts, config.store.kind === "own").indexOf(config.name);
  return turn !== -1 && freeForMs >= turn * turnMs;
}

async function askForPlace(parts: HostParts, hosts: readonly HostRecord[]): Promise<PlaceAnswer> {
  const { name } = parts.config;
  if (await readAuthority(parts.home)) return givePlace(parts, name);
  const reasons: string[] = [];
  for (const host of hosts.filter((other) => other.signs && other.name !== name)) {
    try {
      const call = { method: "POST", path: "/v1/peer/place", body: {}, deadlineMs: askWithinMs } as const;
      return placeAnswerSchema.parse(await parts.neighbours.call(host, call));
    } catch (error) {
      reasons.push(`${host.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new OpError("host-unreachable", {
    message: "no host that holds the CA's key has given its free place away",
    detail: reasons.length === 0 ? "There is none." : `${reasons.join("; ")}.`,
  });
}
