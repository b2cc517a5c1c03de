/** From what a user asks of `create` to the spec of a cluster; refuses what cannot be, before anything is made. */
import { statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import type { CreateRequest } from "../contract/cluster.ts";
import type { ClusterSpec, Durability, EngineKind } from "../domain/cluster.ts";
import { localRegion } from "../domain/host.ts";
import { clusterNameProblem } from "../domain/names.ts";
import { chooseMemory, type Preset } from "../drivers/postgres/configuration/defaults.ts";
import { supportedMajors } from "../drivers/postgres/engine/catalog.ts";
import { findSystemEngine } from "../drivers/postgres/engine/system.ts";
import { OpError } from "../errors/op-error.ts";
import type { Parts } from "./parts.ts";
import { claimEndpointPorts } from "./ports.ts";

const mib = 1024 * 1024;
/** A member with an empty database, its log and room to start with. */
const memberDiskBytes = 300 * mib;
const memberMemoryBytes = 128 * mib;
const membersMax = 16;

/** What a preset means; single options go over it. */
const presets: Readonly<Record<Preset, { readonly members: number; readonly durability: Durability }>> = {
  dev: { members: 3, durability: "quorum" },
  production: { members: 3, durability: "quorum" },
  critical: { members: 5, durability: "strict" },
};

/**
 * The spec without what is only known when the directories are made; its ports are claimed, and the caller gives them
 * back. @throws OpError for each refusal
 */
export async function planCluster(parts: Parts, request: CreateRequest): Promise<ClusterSpec> {
  refuseName(parts, request.name);
  const preset = request.preset ?? "dev";
  const members = request.members ?? presets[preset].members;
  refuseCount(members);
  const engine = request.engine ?? "embedded";
  const memoryBytes = request.memory_bytes ?? chooseMemory(preset, totalmem(), members);
  refuseMemory(memoryBytes, members);
  await refuseDisk(parts.home, members);
  return {
    name: request.name,
    generation: 1,
    major: await chooseMajor(engine, request.version),
    engine,
    durability: request.durability ?? presets[preset].durability,
    members: Array.from({ length: members }, (_, index) => `${request.name}-${index + 1}`),
    primaryRegion: localRegion,
    lastMember: members,
    wish: "running",
    memoryBytes,
    cpus: request.cpus ?? availableParallelism(),
    ports: await claimEndpointPorts(parts, request.port),
    settings: request.settings ?? {},
    readLagBytesMax: 64 * mib,
    failoverLagBytesMax: 16 * mib,
    systemIdentifier: "",
    createdAt: parts.clock.wallNow(),
  };
}

function refuseName(parts: Parts, name: string): void {
  const problem = clusterNameProblem(name);
  if (problem !== undefined)
    throw new OpError("bad-name", { message: `"${name}" cannot be the name of a cluster`, detail: problem });
  if (!parts.runtime.clusters.has(name)) return;
  throw new OpError("cluster-exists", {
    message: `cluster "${name}" already exists`,
    hint: `Choose another name, or see what it is with: matriarch status ${name}`,
  });
}

function refuseCount(members: number): void {
  if (members >= 1 && members <= membersMax) return;
  throw new OpError("bad-value", { message: `a cluster has 1 to ${membersMax} members, not ${members}` });
}

async function chooseMajor(engine: EngineKind, version: number | undefined): Promise<number> {
  if (version !== undefined && !supportedMajors.includes(version))
    throw new OpError("bad-value", {
      message: `Postgres ${version} is not supported`,
      detail: `Supported are ${supportedMajors.join(", ")}.`,
    });
  if (engine === "system") return (await findSystemEngine(version)).major;
  return version ?? Math.max(...supportedMajors);
}

function refuseMemory(memoryBytes: number, members: number): void {
  const most = totalmem();
  const wanted = Math.max(memoryBytes, memberMemoryBytes) * members;
  if (memoryBytes >= memberMemoryBytes && wanted <= most) return;
  if (memoryBytes < memberMemoryBytes)
    throw new OpError("bad-value", {
      message: `--memory is for each member and must be at least ${memberMemoryBytes / mib} MB`,
    });
  throw new OpError("too-little-memory", {
    message: `${members} members with ${Math.round(memoryBytes / mib)} MB each need more memory than this machine has`,
    detail: `It has ${Math.round(most / mib)} MB.`,
    hint: "Give less with --memory, or make fewer members with --members.",
  });
}

async function refuseDisk(home: string, members: number): Promise<void> {
  const { bavail, bsize } = await statfs(home);
  const free = bavail * bsize;
  const wanted = members * memberDiskBytes;
  if (free >= wanted) return;
  throw new OpError("too-little-disk", {
    message: `${members} members need ${Math.round(wanted / mib)} MB of disk to begin with`,
    detail: `The file system of "${home}" has ${Math.round(free / mib)} MB free.`,
    hint: "Free some, set MATRIARCH_HOME to a larger file system, or make fewer members with --members.",
  });
}
