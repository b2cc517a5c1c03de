/**
 * Making a cluster, and what is left of one that was not finished. The steps are written so that the next agent can go
 * on: before its records are in the store there are only directories, which are removed; after that the loops bring
 * it up whatever happens, and only the first password is left to be set.
 */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { noVoters, usualAcks, type CommitRule } from "../domain/rule.ts";
import { localRegion } from "../domain/host.ts";
import { zeroLsn } from "../domain/lsn.ts";
import type { ClusterSpec, MemberRecord } from "../domain/cluster.ts";
import type { CreateRequest } from "../contract/cluster.ts";
import type { Asked, Created } from "../contract/installation.ts";
import { validateSettings } from "../drivers/postgres/configuration/validate.ts";
import { createDirectories } from "../drivers/postgres/provision/create.ts";
import { generatePassword, scramVerifier } from "../drivers/postgres/provision/scram.ts";
import { ensureTemplate } from "../drivers/postgres/provision/template.ts";
import { createCluster } from "../drivers/store/records.ts";
import type { OperationRecord } from "../events/event.ts";
import { connectionTo } from "./connection.ts";
import { eraseCluster } from "./destroy.ts";
import { awaitCluster, clusterOf, type Parts } from "./parts.ts";
import { claimMemberPorts } from "./ports.ts";
import { planCluster } from "./spec.ts";
import { servingPrimary } from "./status.ts";
import { firstUser, setPassword } from "./users.ts";

const engineInstallMs = 600_000;
/** From records to the first commit acknowledged by a quorum; seconds at most, unless the machine is overloaded. */
const openMs = 120_000;

/** Refuses at once, or begins; what follows is told by the operation. */
export async function beginCreate(parts: Parts, request: CreateRequest, asked: Asked): Promise<Created> {
  const spec = await planCluster(parts, request);
  const password = request.password ?? generatePassword();
  const verifier = scramVerifier(password);
  const operation = beginOperation(parts, spec, asked);
  void build(parts, spec, verifier, operation);
  return {
    operation,
    connection: { ...connectionTo(parts, spec, { role: "primary" }), ...withPassword(parts, spec, password) },
  };
}

function beginOperation(parts: Parts, spec: ClusterSpec, { by }: Asked): OperationRecord {
  const { name: cluster } = spec;
  try {
    return parts.operations.begin({ kind: "create", cluster, by, stepsTotal: 5, step: "checking", exclusive: true });
  } catch (error) {
    parts.ports.forget(Object.values(spec.ports));
    throw error;
  }
}

function withPassword(parts: Parts, spec: ClusterSpec, password: string) {
  const { uri } = connectionTo(parts, spec, { role: "primary", password });
  return { uri, password };
}

async function build(parts: Parts, spec: ClusterSpec, verifier: string, operation: OperationRecord): Promise<void> {
  const claimed: number[] = Object.values(spec.ports);
  try {
    const memberPorts = await claimMemberPorts(parts, spec.members.length);
    claimed.push(...memberPorts);
    await makeFirstRecords(parts, spec, { verifier, memberPorts, id: operation.id });
    parts.ports.letGo(claimed);
    await parts.runtime.adopt(spec.name);
    await bringUp(parts, spec.name, operation);
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
  readonly memberPorts: readonly number[];
}

async function makeFirstRecords(parts: Parts, plan: ClusterSpec, { verifier, memberPorts, id }: Making): Promise<void> {
  const { servers, operations } = parts;
  const signal = AbortSignal.any([parts.signal, AbortSignal.timeout(engineInstallMs)]);
  const engine = await servers.engine(plan, (line) => operations.step(id, line, 0), signal);
  operations.step(id, `preparing Postgres ${engine.version}`, 1);
  const template = await ensureTemplate(parts.home, engine, servers.owner, signal);
  await validateSettings(plan.settings, { template, owner: servers.owner, signal });
  operations.step(id, `making ${plan.members.length} members`, 2);
  const directories = plan.members.map((member) => servers.dataDirectory(plan.name, member));
  await keepVerifier(parts, plan.name, verifier);
  const systemIdentifier = await createDirectories({ template, owner: servers.owner, directories, signal });
  const spec = { ...plan, systemIdentifier: String(systemIdentifier) };
  await createCluster(parts.store, firstRecords(parts, spec, memberPorts));
  operations.step(id, "waiting for the first commit on a quorum", 3);
}

/** The first member holds epoch 1 and is not open yet: its barrier proves the quorum before anybody is let in. */
function firstRecords(parts: Parts, spec: ClusterSpec, ports: readonly number[]) {
  const members = spec.members.map((id, index): MemberRecord => ({
    id,
    host: parts.hostName,
    region: localRegion,
    zone: localRegion,
    port: ports[index] ?? 0,
    dataDirectory: parts.servers.dataDirectory(spec.name, id),
    incarnation: 1,
    wish: "none",
    createdAt: spec.createdAt,
  }));
  const voters = members.slice(1).map(({ id, incarnation }) => ({ member: id, incarnation }));
  const rule: CommitRule = voters.length === 0 ? noVoters : { voters, acks: usualAcks(voters.length) };
  return {
    spec,
    members,
    reign: {
      epoch: 1,
      holder: spec.members[0] ?? "",
      incarnation: 1,
      timeline: 1,
      phase: "taken",
      how: "bootstrap",
      since: spec.createdAt,
    },
    rule: { epoch: 1, rule, previous: [] },
    timelines: [{ id: 1, parent: null, forkedAt: zeroLsn, epoch: 1 }],
  } as const;
}

/** Until the cluster is open and its first user has a password. Also the way on after an interrupted create. */
async function bringUp(parts: Parts, name: string, { id, by }: OperationRecord): Promise<void> {
  await awaitCluster(parts, name, (cluster) => servingPrimary(cluster) !== undefined, {
    withinMs: openMs,
    describe: () => "The first primary did not come up.",
  });
  parts.operations.step(id, "setting the password", 4);
  const verifier = await keptVerifier(parts, name);
  if (verifier !== undefined) await setPassword(parts, name, firstUser, verifier);
  await rm(verifierFile(parts, name), { force: true });
  const { record } = clusterOf(parts, name);
  const { members, durability, major } = record.spec.value;
  parts.events.emit(
    "cluster.created",
    { cluster: name, actor: by },
    { members: members.length, version: String(major), durability },
  );
  parts.operations.finish(id, { state: "done", step: "the cluster takes writes" });
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
