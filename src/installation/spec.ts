/** From what a user asks of `create` to the spec of a cluster; refuses what cannot be, before anything is made. */
import { statfs } from "node:fs/promises";
import type { CreateRequest } from "../contract/cluster.ts";
import type { ClusterSpec, Durability, EngineChoice, EngineKind } from "../domain/cluster.ts";
import { volumeBytesMin } from "../contract/storage.ts";
import { formatSize } from "../contract/units.ts";
import { clusterNameProblem } from "../domain/names.ts";
import { defaultPool } from "../domain/pool.ts";
import { chooseMemory, type Preset } from "../drivers/postgres/configuration/defaults.ts";
import { machineHere } from "../drivers/limits/machine.ts";
import { supportedMajors } from "../drivers/postgres/engine/catalog.ts";
import { openOwnEngine } from "../drivers/postgres/engine/own.ts";
import { findSystemEngine } from "../drivers/postgres/engine/system.ts";
import { librariesIn } from "../drivers/postgres/extensions/preload.ts";
import { OpError } from "../errors/op-error.ts";
import { refuseSize } from "./capacity.ts";
import type { Parts } from "./parts.ts";
import { elsewhere } from "./placement/claims.ts";
import { severalHosts } from "./placement/hosts.ts";
import { planPlaces, type ClusterPlaces } from "./placement/plan.ts";
import { requirePoolers } from "./pool.ts";
import { claimEndpointPorts, claimPooledPort } from "./ports.ts";

const mib = 1024 * 1024;
/** A member with an empty database, its log and room to start with. */
const memberDiskBytes = 300 * mib;
const membersMax = 16;

/** What a preset means; single options go over it. */
const presets: Readonly<Record<Preset, { readonly members: number; readonly durability: Durability }>> = {
  dev: { members: 3, durability: "quorum" },
  production: { members: 3, durability: "quorum" },
  critical: { members: 5, durability: "strict" },
};

/** What decides where members go, before anything is claimed. */
export interface Shape {
  readonly preset: Preset;
  readonly engine: EngineChoice;
  readonly places: ClusterPlaces;
}

/** @throws OpError for each refusal */
export async function planShape(parts: Parts, request: CreateRequest): Promise<Shape> {
  refuseName(parts, request.name);
  const preset = request.preset ?? "dev";
  const members = request.members ?? presets[preset].members;
  refuseCount(members + (request.regions ?? []).length);
  const engine = await chooseEngine(parts, request);
  const places = planPlaces(parts, request, { name: request.name, members, engine });
  return { preset, engine, places };
}

/**
 * The spec without what is only known when the directories are made; its ports are claimed, and the caller gives them
 * back. @throws OpError for each refusal
 */
export async function planCluster(parts: Parts, request: CreateRequest, shape: Shape): Promise<ClusterSpec> {
  const { preset, engine, places } = shape;
  const onOneHost = mostOnOneHost(places);
  const machine = machineHere();
  const memoryBytes = request.memory_bytes ?? chooseMemory(preset, machine.memoryBytes, onOneHost);
  refuseSize([{ host: parts.hosts.self?.name, members: onOneHost, machine }], { memoryBytes, cpus: request.cpus });
  await refuseDisk(parts.home, onOneHost);
  if (request.volume_bytes !== undefined) await refuseVolume(parts.home, request.volume_bytes);
  const settings = lowerNames(request.settings ?? {});
  const named = librariesIn(settings);
  return {
    name: request.name,
    generation: 1,
    ...engine,
    durability: request.durability ?? presets[preset].durability,
    members: places.members,
    primaryRegion: places.primaryRegion,
    lastMember: places.members.length,
    wish: "running",
    ...(request.autostop_ms === undefined ? {} : { autostopMs: request.autostop_ms }),
    memoryBytes,
    cpus: request.cpus ?? machine.cpus,
    ...(request.volume_bytes === undefined ? {} : { volumeBytes: request.volume_bytes }),
    limited: { memory: request.memory_bytes !== undefined, cpus: request.cpus !== undefined },
    ...(await planEndpoints(parts, request)),
    settings,
    ...(named.length > 0 && { namedLibraries: named }),
    readLagBytesMax: 64 * mib,
    failoverLagBytesMax: 16 * mib,
    systemIdentifier: "",
    createdAt: parts.clock.wallNow(),
  };
}

/** Ports, claimed: all of them or none. */
async function planEndpoints(parts: Parts, request: CreateRequest): Promise<Pick<ClusterSpec, "ports" | "pool">> {
  if (request.pool) await requirePoolers(parts);
  const ports = await claimEndpointPorts(parts, request.port, elsewhere(parts));
  if (!request.pool) return { ports };
  try {
    const pooled = await claimPooledPort(parts, undefined, elsewhere(parts));
    return { ports: { ...ports, pooled }, pool: { ...defaultPool, isOn: true } };
  } catch (error) {
    parts.ports.forget(Object.values(ports));
    throw error;
  }
}

/** Postgres does not tell them apart, and a file that has both takes the last. */
function lowerNames(settings: Readonly<Record<string, string>>): ClusterSpec["settings"] {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name.toLowerCase(), value]));
}

function mostOnOneHost({ members, hosts }: ClusterPlaces): number {
  if (hosts.length === 0) return members.length;
  return Math.max(...hosts.map((host) => hosts.filter((other) => other === host).length));
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

async function chooseEngine(parts: Parts, request: CreateRequest): Promise<EngineChoice> {
  const { engine_directory: directory, version, minor_version: minor } = request;
  if (directory === undefined) {
    const engine = request.engine ?? "embedded";
    const major = await chooseMajor(parts, engine, version);
    refuseMinor(minor, engine, major);
    return { engine, major };
  }
  if (request.engine === "embedded")
    throw new OpError("bad-value", {
      message: "a directory of your own build is given, and the embedded engine is asked for",
      hint: "Leave --engine out, or say --engine system.",
    });
  refuseMinor(minor, "system", version ?? 0);
  const { major, binDirectory } = await openOwnEngine({ directory, major: version, owner: parts.servers.owner });
  return { engine: "system", major, engineDirectory: binDirectory };
}

async function chooseMajor(parts: Parts, engine: EngineKind, version: number | undefined): Promise<number> {
  if (version !== undefined && !supportedMajors.includes(version))
    throw new OpError("bad-value", {
      message: `Postgres ${version} is not supported`,
      detail: `Supported are ${supportedMajors.join(", ")}.`,
    });
  if (engine === "system") return newestElsewhere(parts, version) ?? (await findSystemEngine(version)).major;
  return version ?? Math.max(...supportedMajors);
}

/** What the machine's packages are is not ours to choose. */
function refuseMinor(wanted: string | undefined, engine: EngineKind, major: number): void {
  if (wanted === undefined) return;
  if (engine === "system")
    throw new OpError("bad-value", {
      message: `--version ${wanted} names a minor version, and the system engine has one for each major`,
      hint: `Use --version ${major}, or the embedded engine.`,
    });
  if (Number.parseInt(wanted, 10) === major) return;
  throw new OpError("bad-value", { message: `Postgres ${wanted} is not of the major version ${major}` });
}

/** Over several hosts those that lack it are told one by one (placement). */
function newestElsewhere(parts: Parts, version: number | undefined): number | undefined {
  const found = severalHosts(parts)
    ?.all()
    .flatMap(({ engines }) => engines.system);
  if (!found || found.length === 0) return undefined;
  return version ?? Math.max(...found);
}

async function refuseVolume(home: string, size: number): Promise<void> {
  if (size < volumeBytesMin)
    throw new OpError("bad-value", {
      message: `--volume-size is for each member and must be at least ${formatSize(volumeBytesMin)}`,
    });
  const { bavail, bsize } = await statfs(home);
  if (size <= bavail * bsize) return;
  throw new OpError("too-little-disk", {
    message: `a volume cannot have ${formatSize(size)}`,
    detail: `The file system of "${home}" has ${formatSize(bavail * bsize)} free.`,
    hint: "Give a smaller --volume-size, or set MATRIARCH_HOME to a larger file system.",
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
