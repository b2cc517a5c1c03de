/** From what a user asks of `create` to the spec of a cluster; refuses what cannot be, before anything is made. */
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import type { CreateRequest } from "../contract/cluster.ts";
import type { ClusterSpec, Durability, EngineKind } from "../domain/cluster.ts";
import { clusterNameProblem } from "../domain/names.ts";
import { chooseMemory, type Preset } from "../drivers/postgres/configuration/defaults.ts";
import { supportedMajors } from "../drivers/postgres/engine/catalog.ts";
import { findSystemEngine } from "../drivers/postgres/engine/system.ts";
import { OpError } from "../errors/op-error.ts";
import type { Parts } from "./parts.ts";

const mib = 1024 * 1024;
/** A member with an empty database, its log and room to start with. */
const memberDiskBytes = 300 * mib;
const memberMemoryBytes = 128 * mib;
const membersMax = 16;
const usualPort = 5432;

/** What a preset means; single options go over it. */
const presets: Readonly<Record<Preset, { readonly members: number; readonly durability: Durability }>> = {
  dev: { members: 3, durability: "quorum" },
  production: { members: 3, durability: "quorum" },
  critical: { members: 5, durability: "strict" },
};

/** The spec without what is only known when the directories are made. @throws OpError for each refusal */
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
    lastMember: members,
    wish: "running",
    memoryBytes,
    cpus: request.cpus ?? availableParallelism(),
    ports: await choosePorts(parts, request.port),
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

/** The primary endpoint's port and the next one for reads: as asked, else 5432 or the next pair that is free. */
async function choosePorts(parts: Parts, asked: number | undefined): Promise<ClusterSpec["ports"]> {
  const ownPorts = new Set(
    [...parts.runtime.clusters.values()].flatMap(({ record }) => Object.values(record.spec.value.ports)),
  );
  const pairs = asked === undefined ? Array.from({ length: 200 }, (_, index) => usualPort + 2 * index) : [asked];
  for (const primary of pairs) {
    refusePort(primary);
    const taken =
      [primary, primary + 1].find((port) => ownPorts.has(port)) ?? (await firstInUse([primary, primary + 1]));
    if (taken === undefined) return { primary, read: primary + 1 };
    if (asked !== undefined) throw portInUse(asked, taken);
  }
  throw new OpError("port-in-use", { message: "no pair of free ports was found", hint: "Name one with --port." });
}

function refusePort(port: number): void {
  if (Number.isInteger(port) && port >= 1024 && port <= 65_534) return;
  throw new OpError("bad-value", {
    message: `port ${port} cannot be used`,
    detail: "Ports are from 1024 to 65534; the read endpoint takes the next one.",
  });
}

function portInUse(asked: number, taken: number): OpError {
  return new OpError("port-in-use", {
    message: `port ${taken} is in use`,
    detail:
      taken === asked
        ? "It was asked for as the primary endpoint."
        : `The read endpoint takes the port after --port ${asked}.`,
    hint: "Choose another with --port, or leave it out to get a free one.",
  });
}

async function firstInUse(ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) if (!(await isFree(port))) return port;
  return undefined;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * Below the ports that the system gives to outgoing connections, so that none of those can be in the way. Every
 * installation begins somewhere else in the range, so that two on one machine do not take the same ones at once.
 */
const memberPorts = { first: 20_000, count: 12_000 };

/** Free loopback ports for members' own servers. */
export async function chooseMemberPorts(parts: Parts, count: number): Promise<readonly number[]> {
  const taken = new Set(
    [...parts.runtime.clusters.values()].flatMap(({ record }) =>
      Object.values(record.members).map((member) => member.value.port),
    ),
  );
  const start = createHash("sha256").update(parts.home).digest().readUInt32LE() % memberPorts.count;
  const ports: number[] = [];
  for (let step = 0; ports.length < count && step < memberPorts.count; step += 1) {
    const port = memberPorts.first + ((start + step) % memberPorts.count);
    if (!taken.has(port) && (await isFree(port))) ports.push(port);
  }
  if (ports.length === count) return ports;
  throw new OpError("port-in-use", { message: "no free ports are left for the members' servers" });
}
