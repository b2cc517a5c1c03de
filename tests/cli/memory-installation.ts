/**
 * A small installation without Postgres, for tests of the command line and the API: clusters are values, operations
 * take a few steps, and what was asked is recorded. Only tests may import it.
 */
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { version } from "../../src/config/version.ts";
import type { PoolStatus } from "../../src/contract/pool.ts";
import type {
  ClusterEvent,
  ClusterStatus,
  Connection,
  CreateRequest,
  MemberStatus,
  Operation,
} from "../../src/contract/cluster.ts";
import type { Asked, Installation } from "../../src/contract/installation.ts";
import { OpError } from "../../src/errors/op-error.ts";
import { createMemoryDrains } from "./memory-drains.ts";
import { createMemoryMonitoring } from "./memory-monitoring.ts";
import { createMemoryUpgrades } from "./memory-upgrades.ts";
import { createMemoryAccounts } from "./memory-accounts.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { createMemoryBackups } from "./memory-backups.ts";
import { createMemoryProofs } from "./memory-proofs.ts";
import { createMemoryExtensions } from "./memory-extensions.ts";
import { createMemorySettings } from "./memory-settings.ts";
import { streamOf } from "../../src/drivers/logs/sources.ts";
import { readStreams } from "../../src/installation/logs.ts";

export interface MemoryInstallation extends Installation {
  /** names of the changes that were asked for, with who asked */
  readonly calls: { readonly name: string; readonly args: readonly unknown[]; readonly by: string }[];
  readonly clusters: Map<string, ClusterStatus>;
  readonly logPaths: Map<string, string>;
  emit(event: Partial<ClusterEvent> & { readonly type: string }): void;
  update(cluster: string, change: Partial<ClusterStatus>): void;
  /** operations of this kind fail with this error */
  failing:
    | { readonly kind: string; readonly code: string; readonly message: string; readonly hint: string }
    | undefined;
  stepMs: number;
  onStop: () => void;
}

const steps = ["preparing the directories", "starting the servers", "waiting for the first commit"];

export function createMemoryInstallation(home: string): MemoryInstallation {
  const changes = new EventEmitter().setMaxListeners(0);
  const operations = new Map<string, Operation>();
  const events: ClusterEvent[] = [];
  const clusters = new Map<string, ClusterStatus>();

  const find = (name: string): ClusterStatus => {
    const found = clusters.get(name);
    if (!found) throw new OpError("cluster-not-found", { message: `cluster "${name}" does not exist` });
    return found;
  };
  const findMember = (cluster: string, member: string): MemberStatus => {
    const found = find(cluster).members.find(({ id }) => id === member);
    if (!found) throw new OpError("member-not-found", { message: `cluster "${cluster}" has no member "${member}"` });
    return found;
  };
  const update = (name: string, change: Partial<ClusterStatus>) => {
    clusters.set(name, { ...find(name), ...change });
    changes.emit(`status ${name}`);
  };
  const watch = (name: string, tell: () => void, signal: AbortSignal) => {
    changes.on(name, tell);
    signal.addEventListener("abort", () => changes.off(name, tell));
    tell();
  };
  let count = 0;
  const begin = (
    kind: string,
    cluster: string,
    asked: Asked,
    end: () => Readonly<Record<string, unknown>> | null,
  ): Operation => {
    count += 1;
    const operation: Operation = {
      id: `op-${count}`,
      kind,
      cluster,
      state: "running",
      step: steps[0] ?? "",
      steps_done: 0,
      steps_total: steps.length,
      started_at: new Date().toISOString(),
      ended_at: null,
      by: asked.by,
      result: null,
      error: null,
    };
    operations.set(operation.id, operation);
    void carryOut(operation, end);
    return operation;
  };
  const carryOut = async (operation: Operation, end: () => Readonly<Record<string, unknown>> | null) => {
    let now = operation;
    const set = (change: Partial<Operation>) => {
      now = { ...now, ...change };
      operations.set(now.id, now);
      changes.emit(`operation ${now.id}`);
    };
    for (const [at, step] of steps.entries()) {
      set({ step, steps_done: at });
      // Nobody waits for it who does not follow it.
      await sleep(self.stepMs, undefined, { ref: false });
    }
    const { failing } = self;
    const ended_at = new Date().toISOString();
    if (failing?.kind === now.kind) set({ state: "failed", ended_at, error: { ...failing } });
    else set({ state: "done", ended_at, result: { ...end() } });
  };
  const record = (name: string, asked: Asked, ...args: readonly unknown[]) =>
    self.calls.push({ name, args, by: asked.by });

  const self: MemoryInstallation = {
    calls: [],
    clusters,
    logPaths: new Map(),
    failing: undefined,
    stepMs: 20,
    onStop: () => {},
    update,
    emit(event) {
      const whole = eventOf(events.length + 1, event);
      events.push(whole);
      changes.emit("event", whole);
    },
    agent: async () => ({
      pid: process.pid,
      home,
      socket: `${home}/agent.sock`,
      version,
      started_at: new Date(0).toISOString(),
      router_pid: null,
      clusters: clusters.size,
      host: null,
      store: { reachable: true, since: null },
    }),
    async stopAgent(options) {
      record("stopAgent", { by: "" }, options);
      setTimeout(() => self.onStop(), 10);
    },
    list: async () => [...clusters.values()],
    status: async (cluster) => find(cluster),
    watchStatus: (cluster, changed, signal) =>
      watch(`status ${cluster}`, () => clusters.has(cluster) && changed(find(cluster)), signal),
    explain: async (cluster) => explanationOf(find(cluster)),
    async events(cluster, query) {
      find(cluster);
      const fits = (event: ClusterEvent) =>
        event.id > (query.afterId ?? 0) &&
        (query.type === undefined || event.type.split(".")[0] === query.type || event.type === query.type) &&
        (query.member === undefined || event.member === query.member);
      const older = events.filter((event) => fits(event) && event.id < (query.before?.id ?? Infinity));
      return query.oldestFirst ? older.slice(0, query.limit) : older.slice(-query.limit);
    },
    watchEvents(_cluster, happened, signal) {
      changes.on("event", happened);
      signal.addEventListener("abort", () => changes.off("event", happened));
    },
    async logs(cluster, query) {
      if (cluster !== undefined) find(cluster);
      if (cluster !== undefined && query.member !== undefined) findMember(cluster, query.member);
      const files = [...self.logPaths].filter(([id]) => query.member === undefined || id === query.member);
      const streams = files.map(([member, path]) =>
        streamOf(`${member} text`, { process: "postgres", cluster: cluster ?? null, member }, [path]),
      );
      return readStreams(await Promise.all(streams), query, { host: null, cluster });
    },
    authority: async () => "-----BEGIN CERTIFICATE-----\n",
    connection: async (cluster, { role, user, database }) => {
      const address = find(cluster).endpoints[role];
      if (!address) throw new OpError("pool-off", { message: `cluster "${cluster}" has no pooled endpoint` });
      return connectionOf(address.port, user ?? "postgres", database ?? "postgres", null);
    },
    pool: async (cluster) => poolOf(find(cluster)),
    async changePool(cluster, change, asked) {
      record("changePool", asked, cluster, change);
      const { endpoints } = find(cluster);
      const pooled = { host: "127.0.0.1", port: change.port ?? 6432 };
      update(cluster, { endpoints: { ...endpoints, pooled: change.on === false ? null : pooled } });
      return poolOf(find(cluster));
    },
    async expecting(cluster, generation, change) {
      const { generation: now } = find(cluster);
      if (now === generation) return change();
      throw new OpError("generation-changed", { message: `cluster "${cluster}" is of generation ${now}` });
    },
    async create(request, asked) {
      record("create", asked, request);
      if (clusters.has(request.name))
        throw new OpError("cluster-exists", { message: `cluster "${request.name}" exists already` });
      const status = statusOf(request, home);
      clusters.set(request.name, { ...status, state: "creating" });
      const operation = begin("create", request.name, asked, () => {
        update(request.name, { state: "healthy", operation: null });
        return null;
      });
      update(request.name, { operation: operation.id });
      return { operation, connection: connectionOf(status.endpoints.primary.port, "postgres", "postgres", "s3cret") };
    },
    async destroy(cluster, asked) {
      find(cluster);
      record("destroy", asked, cluster);
      return begin("destroy", cluster, asked, () => (clusters.delete(cluster), null));
    },
    async stop(cluster, asked) {
      find(cluster);
      record("stop", asked, cluster);
      return begin("stop", cluster, asked, () => (update(cluster, { state: "stopped" }), null));
    },
    async start(cluster, asked) {
      find(cluster);
      record("start", asked, cluster);
      return begin("start", cluster, asked, () => (update(cluster, { state: "healthy" }), null));
    },
    async restart(cluster, options, asked) {
      if (options.member !== undefined) findMember(cluster, options.member);
      find(cluster);
      record("restart", asked, cluster, options);
      return begin("restart", cluster, asked, () => null);
    },
    async pause(cluster, forMs, asked) {
      find(cluster);
      record("pause", asked, cluster, forMs);
      update(cluster, { state: "paused", paused_until: new Date(Date.now() + forMs).toISOString() });
      return find(cluster);
    },
    async resume(cluster, asked) {
      find(cluster);
      record("resume", asked, cluster);
      update(cluster, { state: "healthy", paused_until: null });
      return find(cluster);
    },
    async autostop(cluster, idleMs, asked) {
      record("autostop", asked, cluster, idleMs);
      update(cluster, { autostop_ms: idleMs ?? null });
      return find(cluster);
    },
    async reads(cluster, request, asked) {
      record("reads", asked, cluster, request);
      const { max_lag_ms = 30_000, max_lag_bytes = 67_108_864, fallback = "primary" } = request;
      update(cluster, { reads: { max_lag_ms, max_lag_bytes, fallback } });
      return find(cluster);
    },
    async switchover(cluster, options, asked) {
      const to = options.to ?? `${cluster}-2`;
      if (findMember(cluster, to).lag_bytes === 36_700_160) {
        throw new OpError("candidate-behind", {
          message: `standby "${to}" is 35 MB behind the primary`,
          detail: "A switchover allows 16 MB.",
          hint: "Wait for it to catch up, or choose another standby with --to.",
        });
      }
      record("switchover", asked, cluster, options);
      return begin("switchover", cluster, asked, () => {
        update(cluster, { primary: to });
        return { primary: to, write_pause_ms: 212 };
      });
    },
    candidates: async (cluster, _kind, to) =>
      find(cluster).members.map(({ id, role, lag_bytes }) => ({
        member: id,
        eligible: role === "standby",
        chosen: id === (to ?? `${cluster}-2`) && role === "standby",
        lag_bytes,
        reason: role === "primary" ? "it is the primary" : "it streams",
      })),
    async failover(cluster, options, asked) {
      find(cluster);
      record("failover", asked, cluster, options);
      return begin("failover", cluster, asked, () => ({ primary: options.to ?? `${cluster}-2` }));
    },
    async planScale(cluster, { members = 3, memory_bytes: memory = 512 * 1024 ** 2, cpus = 2 }) {
      find(cluster);
      return {
        changed: true,
        changes: [{ name: "work_mem", before: "4 MB", after: "8 MB", source: "computed", restart: false }],
        warnings: [],
        restart: [],
        pause: null,
        away: [],
        members: { before: 3, after: members },
        memory_bytes: { before: 512 * 1024 ** 2, after: memory },
        cpus: { before: 2, after: cpus },
        limited: { before: { memory: false, cpus: false }, after: { memory: true, cpus: true } },
        kept: [],
      };
    },
    async scale(cluster, request, asked) {
      find(cluster);
      record("scale", asked, cluster, request);
      return begin("scale", cluster, asked, () => ({ ...request }));
    },
    async addMember(cluster, where, asked) {
      find(cluster);
      record("addMember", asked, cluster, ...(Object.keys(where).length === 0 ? [] : [where]));
      return begin("member add", cluster, asked, () => ({ member: `${cluster}-4` }));
    },
    async removeMember(cluster, member, asked) {
      findMember(cluster, member);
      record("removeMember", asked, cluster, member);
      return begin("member remove", cluster, asked, () => null);
    },
    async recloneMember(cluster, member, asked) {
      findMember(cluster, member);
      record("recloneMember", asked, cluster, member);
      return begin("member reclone", cluster, asked, () => ({ copied_bytes: 40_894_464 }));
    },
    settings: createMemorySettings({ find, record, begin }),
    // Nothing imitates a source: imports are tested on real servers (tests/user/import.test.ts).
    imports: {
      check: async () => ({ ok: true, checks: [] }),
      begin: async (name, _wish, asked) => begin("import", name, asked, () => null),
      list: async () => [],
      cutover: async (name, _wish, asked) => begin("import cutover", name, asked, () => null),
      abandon: async (name, _wish, asked) => begin("import abandon", name, asked, () => null),
    },
    accounts: createMemoryAccounts({ find, update, record, connectionOf }),
    storage: createMemoryStorage({ find, record, begin, connectionOf }),
    backups: createMemoryBackups({ find, record, begin }),
    proofs: createMemoryProofs({ find, record, begin }),
    extensions: createMemoryExtensions({
      find,
      record,
      begin: (kind, cluster, asked, result) => begin(kind, cluster, asked, () => result),
    }),
    upgrades: createMemoryUpgrades({ find, record, begin: (...of) => begin(...of, () => null) }),
    monitoring: createMemoryMonitoring(find),
    drains: createMemoryDrains(),
    async downtime(cluster) {
      const from = find(cluster).created_at;
      const pause = { from, to: from, ms: 312, why: "switchover", by: "ann", member: `${cluster}-2` } as const;
      const sums = { paused_ms: 312, longest_ms: 312, stopped_ms: 0, availability_percent: 99.9 };
      return { cluster, since: from, until: from, pauses: [pause], ...sums };
    },
    operations: async ({ cluster, state, limit, before }) =>
      [...operations.values()]
        .filter(
          (one) => (cluster === undefined || one.cluster === cluster) && (state === undefined || one.state === state),
        )
        .toReversed()
        .filter((one, _, all) => before === undefined || all.indexOf(one) > all.findIndex(({ id }) => id === before.id))
        .slice(0, limit),
    async operation(id) {
      const found = operations.get(id);
      if (!found) throw new OpError("operation-not-found", { message: `operation "${id}" does not exist` });
      return found;
    },
    watchOperation: (id, changed, signal) =>
      watch(
        `operation ${id}`,
        () => {
          const found = operations.get(id);
          if (found) changed(found);
        },
        signal,
      ),
  };
  return self;
}

export function statusOf(request: CreateRequest, home: string): ClusterStatus {
  const { name } = request;
  const ids = Array.from({ length: request.members ?? 3 }, (_, at) => `${name}-${at + 1}`);
  const port = request.port ?? 15_432;
  return {
    name,
    generation: 1,
    state: "healthy",
    detail: "",
    newer_version: null,
    version: "18.4",
    engine: request.engine ?? "embedded",
    engine_directory: request.engine_directory ?? null,
    durability: request.durability ?? "quorum",
    epoch: 1,
    primary: `${name}-1`,
    primary_region: "local",
    timeline: 1,
    rule: { voters: ids.slice(1), acks: Math.ceil((ids.length - 1) / 2) },
    endpoints: { primary: { host: "127.0.0.1", port }, read: { host: "127.0.0.1", port: port + 1 }, pooled: null },
    members: ids.map((id, at) => memberOf(id, at, home)),
    paused_until: null,
    operation: null,
    autostop_ms: request.autostop_ms ?? null,
    asleep_since: null,
    copy_of: null,
    reads: { max_lag_ms: 30_000, max_lag_bytes: 67_108_864, fallback: "primary" },
    store: { reachable: true, since: null },
    archive: null,
    proof: null,
    attachments: [],
    created_at: new Date(0).toISOString(),
  };
}

function memberOf(id: string, at: number, home: string): MemberStatus {
  return {
    id,
    host: "localhost",
    region: "local",
    zone: "local",
    role: at === 0 ? "primary" : "standby",
    state: at === 0 ? "running" : "streaming",
    pid: 4000 + at,
    port: 16_000 + at,
    socket_directory: `${home}/run/${id}`,
    data_directory: `${home}/clusters/${id.slice(0, id.lastIndexOf("-"))}/${id}/data`,
    status_url: `http://127.0.0.1:${8000 + at}`,
    timeline: 1,
    flushed_lsn: "0/5A2F1C8",
    lag_bytes: at === 0 ? null : at === 2 ? 36_700_160 : 0,
    is_voter: at > 0,
    is_read_replica: false,
    upstream: null,
    resources: null,
    read: at === 0 ? null : { lag_bytes: 0, lag_ms: 0, serves: true },
    incarnation: 1,
    version: "18.4",
    because: at === 0 ? "it holds the lease" : "it follows the primary",
  };
}

function explanationOf(status: ClusterStatus) {
  return {
    cluster: status.name,
    state: status.state,
    summary: "one primary, two standbys stream",
    store: status.store,
    members: status.members.map(({ id, because }) => ({ member: id, code: "steady", because, waiting_for: null })),
    rule: { ...status.rule, votes_to_elect: 2, previous: 0 },
    candidates: [],
    survives: ["the loss of any one server process"],
    does_not_survive: ["the loss of this machine: all members are on it"],
  };
}

function connectionOf(port: number, user: string, database: string, password: string | null): Connection {
  const who = password === null ? user : `${user}:${password}`;
  const sslrootcert = "/var/lib/matriarch/ca/ca.crt";
  return {
    uri: `postgresql://${who}@127.0.0.1:${port}/${database}?sslmode=verify-full&sslrootcert=${sslrootcert}`,
    host: "127.0.0.1",
    port,
    hosts: [{ host: "127.0.0.1", port }],
    user,
    database,
    password,
    sslmode: "verify-full",
    sslrootcert,
    options: null,
  };
}

function eventOf(id: number, given: Partial<ClusterEvent> & { readonly type: string }): ClusterEvent {
  return {
    id,
    at: new Date(1_700_000_000_000 + id * 1000).toISOString(),
    cluster: "shop",
    member: null,
    level: "info",
    message: given.type,
    cause: null,
    actor: "matriarch",
    duration_ms: null,
    epoch: 1,
    details: {},
    ...given,
  };
}

function poolOf({ name, endpoints }: ClusterStatus): PoolStatus {
  const counts = { clients_active: 3, clients_waiting: 1, servers_active: 2, servers_idle: 4, servers_other: 0 };
  const pool = { database: "web", user: "web", mode: "transaction", ...counts, wait_ms: 12 } as const;
  const host = { host: "here", state: "serving", trouble: null, version: "1.21.0", clients: 4 } as const;
  return {
    cluster: name,
    on: endpoints.pooled !== null,
    endpoint: endpoints.pooled,
    mode: "transaction",
    size: 20,
    reserve: 5,
    max_clients: 2000,
    wait_ms: 60_000,
    max_connections: 200,
    servers_max: 190,
    hosts: endpoints.pooled === null ? [] : [{ ...host, pools: [pool], totals: [] }],
    missing: [],
  };
}
