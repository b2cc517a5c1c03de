/**
 * Room for members on hosts, this one and others: ports that are free there, where directories go, and one version of
 * Postgres everywhere. Asked of each host before anything is made.
 */
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import {
  claimPortsAnswerSchema,
  engineAsked,
  engineMeant,
  type ClaimPortsAnswer,
  type ClaimPortsRequest,
} from "../../contract/peer.ts";
import type { EngineChoice, MemberId, MemberRecord } from "../../domain/cluster.ts";
import { localRegion, type HostRecord } from "../../domain/host.ts";
import { findPgbouncer } from "../../drivers/pgbouncer/program.ts";
import { OpError } from "../../errors/op-error.ts";
import type { Parts } from "../parts.ts";
import { claimMemberPorts, type Elsewhere } from "../ports.ts";
import { severalHosts, type SeveralHosts } from "./hosts.ts";

/** A claim that nothing came of is given back after this. */
const claimKeptMs = 60_000;
const askMs = 15_000;

/** Where a member goes. */
export interface Place {
  readonly host: string;
  readonly region: string;
  readonly zone: string;
  readonly port: number;
  readonly dataDirectory: string;
}

/** Places on this host, for an embedded installation; the caller gives the ports back. */
export async function claimHere(
  parts: Parts,
  cluster: string,
  members: readonly MemberId[],
): Promise<readonly Place[]> {
  const ports = await claimMemberPorts(parts, members.length);
  return members.map((member, index) => ({
    host: parts.hostName,
    region: localRegion,
    zone: localRegion,
    port: ports[index] ?? 0,
    dataDirectory: parts.servers.dataDirectory(cluster, member),
  }));
}

/**
 * A place on `where[i]` for each member. Claims end by themselves.
 * @throws OpError host-unreachable, engine-missing, bad-value when versions differ
 */
export async function claimPlaces(
  parts: Parts,
  hosts: SeveralHosts,
  { cluster, members, where, engine, beside = [] }: ClaimWish,
): Promise<readonly Place[]> {
  const names = [...new Set(where.map((host) => host.name))];
  const answers = new Map<string, ClaimPortsAnswer>();
  for (const name of names) {
    const host = where.find((candidate) => candidate.name === name);
    if (!host) continue;
    const count = where.filter((candidate) => candidate.name === name).length;
    const request = { count, exact: [], engine: engineAsked(engine) };
    answers.set(name, await ask(parts, hosts, host, request));
  }
  refuseMixed([...answers, ...(await versionsOn(parts, hosts, { beside, engine }))], engine);
  const left = new Map([...answers].map(([name, answer]) => [name, [...answer.ports]]));
  return members.map((member, index) => {
    const host = where[index];
    const answer = host && answers.get(host.name);
    if (!host || !answer) throw new Error(`no host was chosen for ${member}`);
    const dataDirectory = join(answer.clusters_directory, cluster, member, "data");
    const port = left.get(host.name)?.shift() ?? 0;
    return { host: host.name, region: host.region, zone: host.zone, port, dataDirectory };
  });
}

export interface ClaimWish {
  readonly cluster: string;
  readonly members: readonly MemberId[];
  /** one for each member */
  readonly where: readonly HostRecord[];
  readonly engine: EngineChoice;
  /** hosts of members that the cluster has already */
  readonly beside?: readonly string[];
}

/** What the members that are there run on, as far as their hosts answer. The packaged binaries are the same everywhere. */
async function versionsOn(
  parts: Parts,
  hosts: SeveralHosts,
  { beside, engine }: { readonly beside: readonly string[]; readonly engine: EngineChoice },
): Promise<readonly (readonly [string, ClaimPortsAnswer])[]> {
  if (engine.engine === "embedded") return [];
  const there = hosts.all().filter(({ name }) => beside.includes(name) && hosts.isHeard(name));
  const request = { count: 0, exact: [], engine: engineAsked(engine) };
  return Promise.all(there.map(async (host) => [host.name, await ask(parts, hosts, host, request)] as const));
}

/** Over several hosts the endpoints have the same ports on all of them. */
export function elsewhere(parts: Parts): Elsewhere | undefined {
  const hosts = severalHosts(parts);
  if (!hosts) return undefined;
  return { address: hosts.self.address, take: (ports) => claimEverywhere(parts, hosts, ports) };
}

/** @throws OpError pooler-missing, naming the host */
export async function askPooler(parts: Parts, hosts: SeveralHosts, host: HostRecord): Promise<void> {
  const { pooler_version: version } = await ask(parts, hosts, host, { count: 0, exact: [], pooler: true });
  if (version) return;
  throw new OpError("pooler-missing", {
    message: `PgBouncer is not installed on host "${host.name}"`,
    detail: "Every host has a pooled endpoint of its own. Nothing was changed.",
    hint: `Install it there, for example with apt-get install -y pgbouncer; matriarch host list shows the hosts.`,
  });
}

/** The same endpoint ports on every host that answers. @returns the first that is taken somewhere */
export async function claimEverywhere(
  parts: Parts,
  hosts: SeveralHosts,
  ports: readonly number[],
): Promise<number | undefined> {
  for (const host of hosts.all()) {
    if (host.name === hosts.self.name || !hosts.isHeard(host.name)) continue;
    try {
      await ask(parts, hosts, host, { count: 0, exact: [...ports] });
    } catch (error) {
      if (error instanceof OpError && error.code === "port-in-use") return ports[0];
      throw error;
    }
  }
  return undefined;
}

async function ask(
  parts: Parts,
  hosts: SeveralHosts,
  host: HostRecord,
  request: ClaimPortsRequest,
): Promise<ClaimPortsAnswer> {
  if (host.name === hosts.self.name) return answerClaim(parts, request);
  const call = { method: "POST", path: "/v1/peer/ports", body: request, deadlineMs: askMs } as const;
  const answer = claimPortsAnswerSchema.safeParse(await hosts.call(host.name, call));
  if (answer.success) {
    refuseOtherPrograms(host.name, request, answer.data);
    return answer.data;
  }
  throw new OpError("host-unreachable", {
    message: `the agent of host "${host.name}" gave an answer that does not fit`,
    detail: `${z.prettifyError(answer.error)}.`,
    hint: "It may be of another version: see matriarch host list.",
  });
}

/** An agent that knows of no directories of the user's own would start what packages brought. */
function refuseOtherPrograms(
  host: string,
  { engine }: ClaimPortsRequest,
  { engine_directory: taken }: ClaimPortsAnswer,
): void {
  if (engine?.directory === undefined || taken === engine.directory) return;
  throw new OpError("host-unreachable", {
    message: `the agent of host "${host}" is too old for a Postgres of your own`,
    hint: "Bring Matriarch to the same version on every host: matriarch host list shows it.",
  });
}

/** What another agent asks of this one (PeerApi.claimPorts). */
export async function answerClaim(parts: Parts, request: ClaimPortsRequest): Promise<ClaimPortsAnswer> {
  const { engine } = request;
  const version = engine?.kind === "system" ? await installedHere(parts, engineMeant(engine)) : null;
  const pooler = request.pooler ? await findPgbouncer().catch(() => undefined) : undefined;
  const address = parts.hosts.self?.address;
  const taken = await parts.ports.take(request.exact, address);
  if (taken !== undefined)
    throw new OpError("port-in-use", { message: `port ${taken} is in use on host "${parts.hostName}"` });
  const ports = request.count === 0 ? [] : await claimMemberPorts(parts, request.count);
  const claimed = [...request.exact, ...ports];
  parts.ports.letGo(claimed);
  setTimeout(() => parts.ports.forget(claimed), claimKeptMs).unref();
  return {
    ports: [...ports],
    clusters_directory: parts.clustersDirectory,
    engine_version: version,
    engine_directory: engine?.directory ?? null,
    pooler_version: pooler?.version ?? null,
    free_bytes: await freeBytes(parts.clustersDirectory),
  };
}

/** @throws OpError with the host's name in it */
async function installedHere({ servers, hostName, hosts }: Parts, choice: EngineChoice): Promise<string> {
  try {
    return await servers.systemVersion(choice);
  } catch (error) {
    if (!(error instanceof OpError) || hosts.self === undefined || choice.engineDirectory === undefined) throw error;
    const { message, detail, hint } = error;
    throw new OpError(error.code, {
      message: `host "${hostName}": ${message}`,
      ...(detail === undefined ? {} : { detail }),
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

/** Of the file system, for whoever is not root. A host that has had no member yet has only the directory above. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory).catch(() => statfs(dirname(directory)));
  return bavail * bsize;
}

/** By host, of those that have the members; undefined where its agent does not say it. */
export async function freeBytesOn(
  parts: Parts,
  members: readonly MemberRecord[],
): Promise<ReadonlyMap<string, number | undefined>> {
  const free = new Map<string, number | undefined>();
  for (const name of new Set(members.map(({ host }) => host))) {
    const isOwn = parts.hosts.self === undefined || parts.hosts.self.name === name;
    free.set(name, isOwn ? await freeBytes(parts.clustersDirectory) : await askFree(parts, name));
  }
  return free;
}

async function askFree({ hosts }: Parts, host: string): Promise<number | undefined> {
  const body: ClaimPortsRequest = { count: 0, exact: [] };
  const call = { method: "POST", path: "/v1/peer/ports", body, deadlineMs: askMs } as const;
  return hosts.call(host, call).then(
    (answer) => claimPortsAnswerSchema.safeParse(answer).data?.free_bytes,
    () => undefined,
  );
}

/** Within a cluster all servers are of one version: a standby of another cannot follow, or comes to other results. */
function refuseMixed(
  answers: readonly (readonly [string, ClaimPortsAnswer])[],
  { engineDirectory: directory, major }: EngineChoice,
): void {
  const versions = [...new Map(answers)].flatMap(([host, { engine_version: version }]) =>
    version ? [{ host, version }] : [],
  );
  if (new Set(versions.map(({ version }) => version)).size <= 1) return;
  const newest = versions.map(({ version }) => version).toSorted((a, b) => minor(b) - minor(a))[0] ?? "";
  const behind = versions.filter(({ version }) => version !== newest).map(({ host }) => `"${host}"`);
  throw new OpError("bad-value", {
    message: "the hosts have different versions of Postgres",
    detail: `${versions.map(({ host, version }) => `"${host}" has ${version}`).join(", ")}.`,
    hint:
      directory === undefined
        ? `On ${behind.join(", ")}: apt-get update && apt-get install postgresql-${major}`
        : `On ${behind.join(", ")}: install the build of Postgres ${newest} into ${directory}`,
  });
}

function minor(version: string): number {
  return Number(version.split(".")[1] ?? 0);
}

/** The record of a member that is about to be placed. */
/** @param version of Postgres, for the embedded engine */
export function memberAt(id: MemberId, place: Place, createdAt: number, version?: string): MemberRecord {
  return { id, ...place, incarnation: 1, wish: "none", ...(version === undefined ? {} : { version }), createdAt };
}
