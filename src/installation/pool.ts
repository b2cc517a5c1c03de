/**
 * The pooled endpoint as users ask for it: on or off, how it pools, how it is. The spec says what is wanted, every host's
 * agent follows it (agent/pools.ts). What cannot be is refused before anything is changed.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Asked } from "../contract/asked.ts";
import { poolStatusSchema, type PoolChange, type PoolOnHost, type PoolStatus } from "../contract/pool.ts";
import type { ClusterSpec } from "../domain/cluster.ts";
import { defaultPool, serversForPools, serversKeptFree, type PoolSpec } from "../domain/pool.ts";
import type { PoolFigures } from "../drivers/pgbouncer/port.ts";
import { findPgbouncer } from "../drivers/pgbouncer/program.ts";
import { OpError } from "../errors/op-error.ts";
import { amend, awaitCluster, clusterOf, refuseWithoutStore, type Parts } from "./parts.ts";
import { askPooler, elsewhere } from "./placement/claims.ts";
import { severalHosts } from "./placement/hosts.ts";
import { claimPooledPort } from "./ports.ts";
import { askOthers } from "./storage/elsewhere.ts";

const seenMs = 3000;
const settledMs = 4000;
/** Of a pooler besides its clients' connections: servers, its files, its log. */
const otherFiles = 100;

export async function changePool(parts: Parts, name: string, change: PoolChange, { by }: Asked): Promise<PoolStatus> {
  const { record } = clusterOf(parts, name);
  refuseWithoutStore(parts);
  const before = record.spec.value;
  refuseImpossible(parts, before, changed(before.pool ?? defaultPool, change), change);
  await refuseFiles(change.max_clients ?? 0);
  const turnsOn = change.on === true && before.pool?.isOn !== true;
  if (turnsOn) await requirePoolers(parts);
  const pooled = await portFor(parts, before, change);
  let is: PoolSpec = defaultPool;
  try {
    await amend(parts, name, ({ spec }) => {
      is = changed(spec.value.pool ?? defaultPool, change);
      const ports = pooled === undefined ? spec.value.ports : { ...spec.value.ports, pooled };
      const value = { ...spec.value, pool: is, ports, generation: spec.value.generation + 1 };
      return { require: ["spec"], write: [{ key: "spec", value }] };
    });
  } finally {
    parts.ports.forget(pooled === undefined ? [] : [pooled]);
  }
  tell(parts, name, { before: before.pool, is, port: pooled ?? before.ports.pooled ?? 0, by });
  await inForce(parts, name, is);
  return showPool(parts, name, { here: false });
}

export async function showPool(parts: Parts, name: string, { here }: { readonly here: boolean }): Promise<PoolStatus> {
  const spec = clusterOf(parts, name).record.spec.value;
  const { isOn, mode, size, reserve, maxClients, waitMs } = spec.pool ?? defaultPool;
  const path = `/v1/clusters/${encodeURIComponent(name)}/pool?here=true`;
  const others =
    here || !isOn ? [] : (severalHosts(parts)?.all() ?? []).filter(({ name: host }) => host !== parts.hostName);
  const asked = await askOthers(
    parts,
    others.map(({ name: host }) => host),
    {
      method: "GET",
      path,
      schema: poolStatusSchema,
    },
  );
  return {
    cluster: name,
    on: isOn,
    endpoint: pooledAddress(parts, spec),
    mode,
    size,
    reserve,
    max_clients: maxClients,
    wait_ms: waitMs,
    max_connections: maxConnections(parts, spec),
    servers_max: serversMax(parts, spec),
    hosts: [...(isOn ? [await onThisHost(parts, name)] : []), ...asked.answers.flatMap(({ hosts }) => hosts)],
    missing: [...asked.missing],
  };
}

/** @throws OpError pooler-missing, naming the first host that lacks it */
export async function requirePoolers(parts: Parts): Promise<void> {
  await findPgbouncer();
  const hosts = severalHosts(parts);
  if (!hosts) return;
  for (const host of hosts.all()) {
    if (host.name !== hosts.self.name && hosts.isHeard(host.name)) await askPooler(parts, hosts, host);
  }
}

async function onThisHost(parts: Parts, name: string): Promise<PoolOnHost> {
  const host = { host: parts.hostName, version: null, clients: 0, pools: [], totals: [] };
  try {
    const figures = await parts.pools.figures(name);
    return figures ? { ...host, ...describe(figures) } : { ...host, state: "starting", trouble: null };
  } catch (error) {
    const trouble = parts.pools.seen(name)?.trouble ?? (error instanceof Error ? error.message : String(error));
    return { ...host, state: "failed", trouble };
  }
}

function describe({ version, isPaused, clients, pools, totals }: PoolFigures): Omit<PoolOnHost, "host"> {
  return {
    state: isPaused ? "holding" : "serving",
    trouble: null,
    version,
    clients,
    pools: pools.map((pool) => ({
      database: pool.database,
      user: pool.user,
      mode: pool.mode,
      clients_active: pool.clientsActive,
      clients_waiting: pool.clientsWaiting,
      servers_active: pool.serversActive,
      servers_idle: pool.serversIdle,
      servers_other: pool.serversOther,
      wait_ms: pool.waitMs,
    })),
    totals: totals.map((total) => ({
      database: total.database,
      transactions: total.transactions,
      queries: total.queries,
      received_bytes: total.receivedBytes,
      sent_bytes: total.sentBytes,
      transaction_ms: total.transactionMs,
      query_ms: total.queryMs,
      wait_ms: total.waitMs,
    })),
  };
}

function pooledAddress({ hosts }: Parts, { ports }: ClusterSpec): PoolStatus["endpoint"] {
  return ports.pooled === undefined ? null : { host: hosts.self?.address ?? "127.0.0.1", port: ports.pooled };
}

function changed(pool: PoolSpec, change: PoolChange): PoolSpec {
  return {
    isOn: change.on ?? pool.isOn,
    mode: change.mode ?? pool.mode,
    size: change.size ?? pool.size,
    reserve: change.reserve ?? pool.reserve,
    maxClients: change.max_clients ?? pool.maxClients,
    waitMs: change.wait_ms ?? pool.waitMs,
  };
}

function maxConnections({ servers }: Parts, spec: ClusterSpec): number {
  return Number(servers.wanted(spec).settings["max_connections"] ?? 100);
}

function serversMax(parts: Parts, spec: ClusterSpec): number {
  return serversForPools(maxConnections(parts, spec), parts.hosts.all().length);
}

function refuseImpossible(parts: Parts, spec: ClusterSpec, { size, reserve }: PoolSpec, change: PoolChange): void {
  const most = serversMax(parts, spec);
  const hosts = Math.max(1, parts.hosts.all().length);
  if (size + reserve > most)
    throw new OpError("bad-value", {
      message: `a pool of ${size} servers and ${reserve} in reserve is more than this cluster has`,
      detail: `max_connections is ${maxConnections(parts, spec)}: less ${serversKeptFree} for everybody else, that is ${most} for the pools of ${hosts === 1 ? "this host" : `each of ${hosts} hosts`}.`,
      hint: `Choose fewer with --size and --reserve, or raise it: matriarch config set ${spec.name} max_connections=…`,
    });
  if (change.port === undefined || spec.pool?.isOn !== true || change.port === spec.ports.pooled) return;
  throw new OpError("bad-value", {
    message: "the port of a pooled endpoint that is on cannot be changed",
    detail: "Applications that use it would be cut off.",
    hint: `Turn it off first: matriarch pool set ${spec.name} --off`,
  });
}

/** Source: proc(5). Elsewhere the pooler itself says it in its log. */
async function refuseFiles(clients: number): Promise<void> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const most = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (Number.isNaN(most) || clients + otherFiles <= most) return;
  throw new OpError("bad-value", {
    message: `${clients} clients are more than a process may have open here`,
    detail: `The limit of open files is ${most}.`,
    hint: "Raise LimitNOFILE of the agent's service, or choose fewer with --max-clients.",
  });
}

/** Claimed; undefined when it keeps the one that it has. */
async function portFor(
  parts: Parts,
  { ports, pool }: ClusterSpec,
  { on, port }: PoolChange,
): Promise<number | undefined> {
  if (pool?.isOn === true || on !== true) return undefined;
  if (ports.pooled !== undefined && (port === undefined || port === ports.pooled)) return undefined;
  const claimed = await claimPooledPort(parts, port, elsewhere(parts));
  // The router is about to listen there.
  parts.ports.letGo([claimed]);
  return claimed;
}

interface Told {
  readonly before: PoolSpec | undefined;
  readonly is: PoolSpec;
  readonly port: number;
  readonly by: string;
}

function tell({ events }: Parts, cluster: string, { before, is, port, by }: Told): void {
  const about = { cluster, actor: by };
  if (is.isOn && !before?.isOn) return void events.emit("pool.on", about, { port, mode: is.mode });
  if (!is.isOn && before?.isOn) return void events.emit("pool.off", about);
  const was = before ?? defaultPool;
  const changes = (["mode", "size", "reserve", "maxClients", "waitMs"] as const).filter((key) => was[key] !== is[key]);
  if (changes.length === 0) return;
  events.emit("pool.changed", about, { changes: changes.map((key) => words[key](is)).join(", ") });
}

const words = {
  mode: ({ mode }: PoolSpec) => `mode ${mode}`,
  size: ({ size }: PoolSpec) => `${size} servers for each user and database`,
  reserve: ({ reserve }: PoolSpec) => `${reserve} in reserve`,
  maxClients: ({ maxClients }: PoolSpec) => `up to ${maxClients} clients`,
  waitMs: ({ waitMs }: PoolSpec) => `a client waits up to ${waitMs / 1000} s`,
};

/** On this host; the others follow. What keeps it from being so is told in its status. */
async function inForce(parts: Parts, name: string, is: PoolSpec): Promise<void> {
  const isKnown = (pool: PoolSpec | undefined): boolean => JSON.stringify(pool) === JSON.stringify(is);
  const wait = { withinMs: seenMs, describe: () => "" };
  await awaitCluster(parts, name, ({ record }) => isKnown(record.spec.value.pool), wait).catch(() => undefined);
  const late = sleep(settledMs, undefined, { ref: false });
  await Promise.race([parts.pools.settled(name).catch(() => undefined), late]);
}
