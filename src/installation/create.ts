/**
 * Making a cluster, and what is left of one that was not finished. The steps are written so that the next agent can go
 * on: before its records are in the store there are only directories, which are removed; after that the loops bring
 * it up whatever happens, and only the first password is left to be set.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WantedEngine } from "../agent/member-servers.ts";
import { noVoters, usualAcks, type CommitRule } from "../domain/rule.ts";
import type { HostRecord } from "../domain/host.ts";
import type { TimelineHistory } from "../domain/timeline.ts";
import { zeroLsn } from "../domain/lsn.ts";
import { engineOf, type ClusterRecord, type ClusterSpec, type MemberRecord } from "../domain/cluster.ts";
import { isVoter } from "../core/candidates.ts";
import { formatReason } from "../core/reason.ts";
import { inPrimaryRegion, votersInFull } from "../core/regions.ts";
import type { CreateRequest } from "../contract/cluster.ts";
import type { Asked, Created } from "../contract/installation.ts";
import { releaseInCatalog } from "../drivers/postgres/engine/releases.ts";
import type { Engine } from "../drivers/postgres/port.ts";
import { createDirectories, type CreateRequest as DirectoriesRequest } from "../drivers/postgres/provision/create.ts";
import { generatePassword, scramVerifier } from "../drivers/postgres/provision/scram.ts";
import { ensureTemplate } from "../drivers/postgres/provision/template.ts";
import { createCluster } from "../drivers/store/records.ts";
import type { OperationRecord } from "../events/event.ts";
import { connectionTo } from "./connection.ts";
import { eraseCluster } from "./destroy.ts";
import { loadsOfPlaces, overcommitted } from "./capacity.ts";
import { settingsWithLibraries } from "./extensions/libraries.ts";
import { awaitCluster, clusterOf, refuseWithoutStore, type Parts } from "./parts.ts";
import { claimHere, claimPlaces, memberAt, type Place } from "./placement/claims.ts";
import { createKind, restoreKind, type forkKind } from "./making.ts";
import { destroyHeardOf, firstHostElsewhere, forwardCreate } from "./placement/forward.ts";
import { severalHosts } from "./placement/hosts.ts";
import { firstSettings, judgedSettings } from "./settings/first.ts";
import { planCluster, planShape } from "./spec.ts";
import { servingPrimary } from "./status.ts";
import { firstUser, setPassword } from "./users.ts";

const engineInstallMs = 600_000;
/** From records to the first commit acknowledged by a quorum; seconds at most, unless the machine is overloaded. */
const openMs = 120_000;
const passwordPauseMs = 200;

/** Refuses at once, or begins; what follows is told by the operation. */
export async function beginCreate(parts: Parts, request: CreateRequest, asked: Asked, seed?: Seed): Promise<Created> {
  const shape = await planShape(parts, request);
  refuseWithoutStore(parts);
  const elsewhere = firstHostElsewhere(parts, request, shape.places);
  if (elsewhere !== undefined) return forwardCreate(parts, request, elsewhere, asked);
  const planned = await planCluster(parts, request, shape);
  const spec = seed ? { ...planned, ...seed.inherited } : planned;
  const password = request.password ?? generatePassword();
  const verifier = scramVerifier(password);
  await destroyHeardOf(parts, spec.name);
  const operation = beginOperation(parts, spec, seed?.kind ?? createKind, asked);
  const version = request.minor_version;
  const warnings = request.memory_bytes === undefined ? [] : overcommitted(parts, loadsOfPlaces(shape.places), spec);
  const more = { ...(version ? { version } : {}), ...(warnings.length > 0 && { warning: warnings.join("; ") }) };
  void build(parts, { spec, hosts: shape.places.hosts, verifier, operation, seed, ...more });
  return {
    operation,
    connection: { ...connectionTo(parts, spec, { role: "primary" }), ...withPassword(parts, spec, password) },
  };
}

/** What the first member is made of instead of an empty database. */
export interface Seed {
  readonly kind: typeof forkKind | typeof restoreKind;
  readonly inherited: Required<Pick<ClusterSpec, "fork" | "namedLibraries">>;
  /** The directory does not exist yet. Interrupted, it may leave anything there; the cluster is removed then. */
  make(request: SeedRequest): Promise<Sown>;
}

export interface SeedRequest {
  readonly dataDirectory: string;
  readonly spec: ClusterSpec;
  readonly engine: Engine;
  readonly told: (step: string) => void;
  readonly signal: AbortSignal;
}

export interface Sown {
  readonly systemIdentifier: bigint;
  /** the last one is what the first epoch writes on */
  readonly timelines: TimelineHistory;
  /** what it got, for people */
  readonly result: Readonly<Record<string, unknown>>;
}

function beginOperation(parts: Parts, spec: ClusterSpec, kind: string, { by }: Asked): OperationRecord {
  const { name: cluster } = spec;
  try {
    return parts.operations.begin({ kind, cluster, by, stepsTotal: 5, step: "checking", exclusive: true });
  } catch (error) {
    parts.ports.forget(Object.values(spec.ports));
    throw error;
  }
}

function withPassword(parts: Parts, spec: ClusterSpec, password: string) {
  const { uri } = connectionTo(parts, spec, { role: "primary", password });
  return { uri, password };
}

interface Build {
  readonly spec: ClusterSpec;
  /** one for each member; empty in an embedded installation */
  readonly hosts: readonly HostRecord[];
  readonly verifier: string;
  readonly operation: OperationRecord;
  /** of Postgres; left out: what this release was tested with */
  readonly version?: string;
  readonly seed: Seed | undefined;
  /** for the person who asked for it */
  readonly warning?: string;
}

async function build(parts: Parts, { spec, hosts, verifier, operation, warning, ...more }: Build): Promise<void> {
  const claimed: number[] = Object.values(spec.ports);
  try {
    const places = await claimFor(parts, spec, hosts);
    if (hosts.length === 0) claimed.push(...places.map((place) => place.port));
    const result = await makeFirstRecords(parts, spec, { verifier, places, id: operation.id, ...more });
    parts.ports.letGo(claimed);
    await parts.runtime.adopt(spec.name);
    await bringUp(parts, spec.name, operation, { ...result, ...(warning === undefined ? {} : { warning }) });
  } catch (error) {
    parts.log.error("create failed", { cluster: spec.name, error });
    // The agent is ending: the next one goes on from what is in the store.
    if (parts.signal.aborted) return;
    await eraseCluster(parts, spec.name).catch((problem: unknown) =>
      parts.log.error("removing failed", { cluster: spec.name, error: problem }),
    );
    parts.events.emit(
      "cluster.create-failed",
      { cluster: spec.name, actor: operation.by },
      { reason: error instanceof Error ? error.message : String(error) },
    );
    parts.operations.finish(operation.id, { state: "failed", error });
  } finally {
    parts.ports.forget(claimed);
  }
}

interface Making {
  /** id of the operation */
  readonly id: string;
  readonly verifier: string;
  /** one for each member */
  readonly places: readonly Place[];
  readonly version?: string;
  readonly seed: Seed | undefined;
}

async function claimFor(parts: Parts, spec: ClusterSpec, where: readonly HostRecord[]): Promise<readonly Place[]> {
  const hosts = severalHosts(parts);
  if (!hosts) return claimHere(parts, spec.name, spec.members);
  return claimPlaces(parts, hosts, { cluster: spec.name, members: spec.members, where, engine: spec });
}

async function makeFirstRecords(parts: Parts, plan: ClusterSpec, making: Making): Promise<Sown["result"]> {
  const { verifier, places, id, seed } = making;
  const { servers, operations } = parts;
  const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(engineInstallMs)]);
  const engine = await servers.engine(wantedFor(plan, making.version), (line) => operations.step(id, line, 0), signal);
  operations.step(id, `preparing Postgres ${engine.version}`, 1);
  const template = await ensureTemplate(parts.home, engine, servers.owner, signal);
  const hosts = places.map(({ host }) => host);
  const judge = seed ? judgedSettings : firstSettings;
  const judging = (): Promise<Settings> => judgeSettings(parts, plan, hosts, { judge, version: making.version });
  const count = plan.members.length;
  operations.step(id, count === 1 ? "making one member" : `making ${count} members`, 2);
  const directories = directoriesToMake(parts, places, seed);
  const told = (step: string): unknown => operations.step(id, step, 2);
  const make = async (stop: AbortSignal): Promise<Sown> => {
    await keepVerifier(parts, plan.name, verifier);
    if (!seed) return makeEmpty(parts, plan, { template, directories, signal });
    return seed.make({ dataDirectory: directories[0] ?? "", spec: plan, engine, told, signal: stop });
  };
  const { settings, sown } = seed
    ? await besideEachOther(judging, make, parts.signal)
    : { settings: await judging(), sown: await make(parts.signal) };
  const spec = { ...plan, settings, systemIdentifier: String(sown.systemIdentifier) };
  const version = engine.kind === "embedded" ? engine.version : undefined;
  const first = { spec, version, timelines: sown.timelines };
  await createCluster(parts.store, firstRecords(first, places, directories.length === places.length));
  operations.step(id, "waiting for the first commit on a quorum", 3);
  return sown.result;
}

type Settings = ClusterSpec["settings"];

async function judgeSettings(
  parts: Parts,
  plan: ClusterSpec,
  hosts: readonly string[],
  { judge, version }: { readonly judge: typeof firstSettings; readonly version: string | undefined },
): Promise<Settings> {
  const withLibraries = await settingsWithLibraries(parts, plan, hosts);
  return { ...withLibraries, ...(await judge(parts, plan, hosts, wantedFor(plan, version).version)) };
}

/**
 * A copy has its source's settings, which were judged there. They are judged here while it is made, and end that when
 * they cannot be used on this host. Both have ended when this returns: what there is may be removed.
 */
async function besideEachOther(
  judging: () => Promise<Settings>,
  make: (stop: AbortSignal) => Promise<Sown>,
  signal: AbortSignal,
): Promise<{ readonly settings: Settings; readonly sown: Sown }> {
  const refused = new AbortController();
  const judged = judging().catch((error: unknown) => {
    refused.abort(error);
    throw error;
  });
  const made = make(AbortSignal.any([signal, refused.signal]));
  await Promise.allSettled([judged, made]);
  return { settings: await judged, sown: await made };
}

async function makeEmpty(
  { servers }: Parts,
  plan: ClusterSpec,
  made: Pick<DirectoriesRequest, "template" | "directories" | "signal">,
): Promise<Sown> {
  for (const directory of made.directories) await servers.volume(plan, directory).make();
  const systemIdentifier = await createDirectories({ ...made, owner: servers.owner });
  return { systemIdentifier, timelines: [{ id: 1, parent: null, forkedAt: zeroLsn, epoch: 1 }], result: {} };
}

/** New clusters begin on what this release was tested with, whatever older version is installed too. */
function wantedFor(spec: ClusterSpec, version: string | undefined): WantedEngine {
  const choice = engineOf(spec);
  return spec.engine === "system" ? choice : { ...choice, version: version ?? releaseInCatalog(spec.major).version };
}

/** On one host all are made from one template; over several, and of a fork, the first is, and the others copy it. */
function directoriesToMake({ hosts }: Parts, places: readonly Place[], seed: Seed | undefined): readonly string[] {
  return places.slice(0, hosts.self || seed ? 1 : places.length).map((place) => place.dataDirectory);
}

/**
 * The first member holds epoch 1 and is not open yet. On one host its barrier proves the quorum before anybody is let
 * in. Over several hosts the others have no directory yet: they copy it from the open primary and are admitted then;
 * nobody has a password before (`bringUp`).
 */
function firstRecords(
  {
    spec,
    version,
    timelines,
  }: { readonly spec: ClusterSpec; readonly version: string | undefined; readonly timelines: TimelineHistory },
  places: readonly Place[],
  areMade: boolean,
) {
  const members = spec.members.flatMap((id, index): MemberRecord | readonly [] => {
    const place = places[index];
    return place ? memberAt(id, place, spec.createdAt, version) : [];
  });
  const voters = areMade ? members.slice(1).map(({ id, incarnation }) => ({ member: id, incarnation })) : [];
  const rule: CommitRule = voters.length === 0 ? noVoters : { voters, acks: usualAcks(voters.length) };
  return {
    spec,
    members,
    reign: {
      epoch: 1,
      holder: spec.members[0] ?? "",
      incarnation: 1,
      timeline: timelines.at(-1)?.id ?? 1,
      phase: "taken",
      how: "bootstrap",
      since: spec.createdAt,
    },
    rule: { epoch: 1, rule, previous: [] },
    timelines,
  } as const;
}

/** Until the cluster is open and its first user has a password. Also the way on after an interrupted create. */
async function bringUp(
  parts: Parts,
  name: string,
  { id, by, kind }: OperationRecord,
  result: Sown["result"] = {},
): Promise<void> {
  await awaitPrimary(parts, name);
  if (parts.hosts.self || kind !== createKind) await awaitVoters(parts, name, id);
  parts.operations.step(id, "setting the password", 4);
  const verifier = await keptVerifier(parts, name);
  if (verifier !== undefined) await setFirstPassword(parts, name, verifier);
  await rm(verifierFile(parts, name), { force: true });
  const { record } = clusterOf(parts, name);
  const { members, durability, major } = record.spec.value;
  parts.events.emit(
    "cluster.created",
    { cluster: name, actor: by },
    { members: members.length, version: String(major), durability },
  );
  const { fork } = record.spec.value;
  const began = kind === restoreKind ? "cluster.restored" : "cluster.forked";
  if (fork) parts.events.emit(began, { cluster: name, actor: by }, forkFields(fork));
  parts.operations.finish(id, { state: "done", step: "the cluster takes writes", result });
}

function forkFields({ of, at, expiresAt }: Seed["inherited"]["fork"]) {
  const until = expiresAt === undefined ? null : new Date(expiresAt).toISOString();
  return { of, as_of: new Date(at).toISOString(), until };
}

export function awaitPrimary(parts: Parts, name: string): Promise<void> {
  return awaitCluster(parts, name, (cluster) => servingPrimary(cluster) !== undefined, {
    withinMs: openMs,
    describe: () => "There is no primary yet.",
  });
}

/** A primary that is lost at this moment must not cost the whole cluster; to set a password twice does no harm. */
async function setFirstPassword(parts: Parts, name: string, verifier: string): Promise<void> {
  const lastTryAt = parts.clock.now() + openMs;
  for (;;) {
    await awaitPrimary(parts, name);
    try {
      return await setPassword(parts, name, firstUser, verifier);
    } catch (error) {
      if (parts.signal.aborted || parts.clock.now() > lastTryAt) throw error;
      await sleep(passwordPauseMs, undefined, { signal: parts.signal });
    }
  }
}

/** The other hosts' agents fetch Postgres where it is missing, copy the first member and stream. */
/** @param away how many members cannot be waited for now */
export async function awaitVoters(parts: Parts, name: string, id: string, away: () => number = () => 0): Promise<void> {
  if (clusterOf(parts, name).record.spec.value.members.length === 1) return;
  parts.operations.step(id, "copying the first member to the others", 3);
  const missing = (record: ClusterRecord): number => votersInFull(record) - record.rule.value.rule.voters.length;
  await awaitCluster(parts, name, ({ record }) => missing(record) <= away(), {
    withinMs: engineInstallMs,
    describe: () => {
      const { record, members } = clusterOf(parts, name);
      const said = [...members.values()]
        .filter((member) => inPrimaryRegion(record, member.id) && !isVoter(record, member.id))
        .flatMap(({ id: member, decision }) => (decision ? `"${member}": ${formatReason(decision.because)}` : []));
      return `Voters are missing. ${said.join("; ")}`;
    },
  });
}

/** Called when an agent starts: what the last one did not finish goes on, or goes away. */
export async function resumeCreate(parts: Parts, operation: OperationRecord): Promise<void> {
  const name = operation.cluster;
  try {
    if (parts.runtime.clusters.has(name)) return await bringUp(parts, name, operation);
    await eraseCluster(parts, name);
    const error = new Error("the agent ended before the members were made; what there was has been removed");
    parts.operations.finish(operation.id, { state: "failed", error });
  } catch (error) {
    if (!parts.signal.aborted) parts.operations.finish(operation.id, { state: "failed", error });
  }
}

function verifierFile(parts: Parts, name: string): string {
  return join(parts.clustersDirectory, name, "first-password.verifier");
}

/** A verifier lets nobody in, but it can be guessed against: only the agent may read it, and only until it is set. */
async function keepVerifier(parts: Parts, name: string, verifier: string): Promise<void> {
  // Servers run as another user than root and must reach their own directories below.
  await mkdir(join(parts.clustersDirectory, name), { recursive: true, mode: 0o755 });
  await writeFile(verifierFile(parts, name), verifier, { mode: 0o600 });
}

async function keptVerifier(parts: Parts, name: string): Promise<string | undefined> {
  return readFile(verifierFile(parts, name), "utf8").catch(() => undefined);
}
