/** What the API may ask of this agent (contract/installation.ts), each delegated to where it is done. */
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import type { ClusterRuntime } from "../agent/runtime.ts";
import { version } from "../config/version.ts";
import type { Candidate, ClusterEvent, ClusterStatus, CreateRequest, Operation } from "../contract/cluster.ts";
import type { EventQuery, Installation } from "../contract/installation.ts";
import {
  failOver,
  pauseCluster,
  resumeCluster,
  startCluster,
  stopCluster,
  switchOver,
  type FailoverOptions,
} from "./changes.ts";
import { createAccounts } from "./accounts/accounts.ts";
import { createProofs } from "./proof/proofs.ts";
import { createBackups } from "./backups/backups.ts";
import { awake, setAutostop } from "./awake.ts";
import { createSettings } from "./settings/settings.ts";
import { connectionTo } from "./connection.ts";
import { beginCreate } from "./create.ts";
import { beginDestroy } from "./destroy.ts";
import { firstLook } from "./first-look.ts";
import { createExtensions } from "./extensions/extensions.ts";
import { createDrains } from "./drains/drains.ts";
import { downtimeOf } from "./downtime.ts";
import { candidatesOf, explainCluster } from "./explain.ts";
import { Generations } from "./generations.ts";
import { planScale, scale } from "./resize.ts";
import { changeRegion, regionForFailover, successorsOf } from "./region.ts";
import { createMonitoring } from "./monitoring.ts";
import { createImports } from "./imports/imports.ts";
import { readLogs } from "./logs.ts";
import { setReads } from "./reads.ts";
import { restartCluster } from "./restart.ts";
import { addMember, recloneMember, removeMember } from "./members.ts";
import { clusterOf, memberOf, type Parts } from "./parts.ts";
import { changePool, showPool } from "./pool.ts";
import { createStorage } from "./storage/storage.ts";
import { createUpgrades } from "./upgrade/upgrade.ts";
import { clusterStatus, storeStatusOf } from "./status.ts";
import { statusContextOf } from "./status-context.ts";

/** @param stopAgent ends this process in order; `servers`: the clusters' servers and the router too */
export function createInstallation(parts: Parts, stopAgent: (servers: boolean) => void): Installation {
  const { runtime, operations, events } = parts;
  const generations = watchGenerations(parts);
  const statusOf = (cluster: ClusterRuntime): ClusterStatus => clusterStatus(cluster, statusContextOf(parts, cluster));
  return {
    agent: async () => ({
      pid: process.pid,
      home: parts.home,
      socket: join(parts.home, "agent.sock"),
      version,
      started_at: new Date(parts.startedAt).toISOString(),
      router_pid: runtime.routerPid ?? null,
      clusters: runtime.clusters.size,
      host: parts.hosts.self?.name ?? null,
      store: storeStatusOf(parts.storeHealth),
    }),
    stopAgent: async ({ servers }) => stopAgent(servers),
    list: async () => (await firstLook(parts, () => [...runtime.clusters.values()])).map(statusOf),
    status: async (name) => {
      await firstLook(parts, () => [clusterOf(parts, name)]);
      return statusOf(clusterOf(parts, name));
    },
    watchStatus: (name, changed, signal) => watchStatus(parts, name, (cluster) => changed(statusOf(cluster)), signal),
    explain: async (name) => {
      const cluster = clusterOf(parts, name);
      return explainCluster(cluster, statusContextOf(parts, cluster));
    },
    events: async (cluster, query: EventQuery): Promise<readonly ClusterEvent[]> => events.list({ cluster, ...query }),
    downtime: async (name, since) => downtimeOf(parts, name, since),
    watchEvents: (cluster, happened, signal) => events.subscribe({ cluster }, happened, signal),
    logs: (name, query) => readLogs(parts, name, query),
    authority: () => readFile(parts.caFile, "utf8"),
    connection: async (name, query) => connectionTo(parts, clusterOf(parts, name).record.spec.value, query),

    expecting: async (name, generation, change) => generations.expecting(clusterOf(parts, name), generation, change),
    create: (request: CreateRequest, asked) => beginCreate(parts, request, asked),
    destroy: async (name, asked) => beginDestroy(parts, name, asked),
    stop: (name, asked) => stopCluster(parts, name, asked),
    start: (name, asked) => startCluster(parts, name, asked),
    restart: (name, options, asked) => restartCluster(parts, name, options, asked),
    pause: async (name, forMs, asked) => {
      await pauseCluster(parts, name, forMs, asked);
      return statusOf(clusterOf(parts, name));
    },
    resume: async (name) => {
      await resumeCluster(parts, name);
      return statusOf(clusterOf(parts, name));
    },
    autostop: async (name, idleMs, asked) => {
      await setAutostop(parts, name, idleMs, asked);
      return statusOf(clusterOf(parts, name));
    },
    reads: async (name, request, asked) => {
      await setReads(parts, name, request, asked);
      return statusOf(clusterOf(parts, name));
    },
    switchover: (name, { to, primaryRegion }, asked) =>
      primaryRegion === undefined
        ? switchOver(parts, name, to, asked)
        : changeRegion(parts, name, { to, primaryRegion }, asked),
    candidates: async (name, kind, to, region): Promise<readonly Candidate[]> => {
      const cluster = await awake(parts, name, { by: "a look at its candidates" });
      if (to !== undefined) memberOf(cluster, to);
      return kind === "failover" ? successorsOf(cluster, to, region) : candidatesOf(cluster, to, region);
    },
    failover: (name, options: FailoverOptions, asked) =>
      failOver(parts, name, regionForFailover(parts, name, options), asked),
    planScale: (name, request) => planScale(parts, name, request),
    scale: (name, request, asked) => scale(parts, name, request, asked),
    addMember: (name, where, asked) => addMember(parts, name, where, asked),
    removeMember: (name, member, asked) => removeMember(parts, name, member, asked),
    recloneMember: (name, member, asked) => recloneMember(parts, name, member, asked),
    pool: (name, query) => showPool(parts, name, query),
    changePool: (name, change, asked) => changePool(parts, name, change, asked),
    accounts: createAccounts(parts),
    upgrades: createUpgrades(parts),
    storage: createStorage(parts),
    backups: createBackups(parts),
    proofs: createProofs(parts),
    extensions: createExtensions(parts),
    settings: createSettings(parts),
    imports: createImports(parts),
    monitoring: createMonitoring(parts),
    drains: createDrains(parts),
    operations: async (query) => operations.page(query),
    operation: async (id): Promise<Operation> => operations.get(id),
    watchOperation: (id, changed, signal) => {
      const now = operations.get(id);
      operations.subscribe(id, changed, signal);
      changed(now);
    },
  };
}

function watchGenerations({ runtime, signal }: Parts): Generations {
  const generations = new Generations();
  runtime.onChange((name) => {
    const cluster = runtime.clusters.get(name);
    if (cluster) generations.see(cluster);
    else generations.forget(name);
  }, signal);
  return generations;
}

/** At most so many a second: a watcher reads with eyes. */
const watchEveryMs = 100;

function watchStatus(parts: Parts, name: string, tell: (cluster: ClusterRuntime) => void, signal: AbortSignal): void {
  let waiting: NodeJS.Timeout | undefined;
  const now = (): void => {
    waiting = undefined;
    const cluster = parts.runtime.clusters.get(name);
    if (cluster && !signal.aborted) tell(cluster);
  };
  tell(clusterOf(parts, name));
  parts.runtime.onChange((changed) => {
    if (changed === name) waiting ??= setTimeout(now, watchEveryMs);
  }, signal);
  signal.addEventListener("abort", () => clearTimeout(waiting), { once: true });
}
