/**
 * The agent's API for the commands: the client that is generated from the OpenAPI document (generated-api.ts), by the
 * names that commands use, with how long each may take. Made by context.ts, and loaded only by commands that need the
 * agent.
 */
import type { Duplex } from "node:stream";

import type {
  AgentStatus,
  Candidate,
  ClusterEvent,
  ClusterStatus,
  Connection,
  CreateRequest,
  Explanation,
  Operation,
} from "../../contract/cluster.ts";
import type {
  Attached,
  AttachRequest,
  CreateDatabaseRequest,
  CreateUserRequest,
  Credentials,
  DatabaseStatus,
  GrantRequest,
  HandedOverRequest,
  UserStatus,
} from "../../contract/accounts.ts";
import type { AttachmentStatus } from "../../contract/attachment.ts";
import type { CreatedCertificate, UserCertificate, UserCertificateWish } from "../../contract/certificates.ts";
import type { ExtensionList, ExtensionPlan, ExtensionRequest } from "../../contract/extensions.ts";
import type { PoolChange, PoolStatus } from "../../contract/pool.ts";
import type { ReadsRequest } from "../../contract/reads.ts";
import type { ScalePlan, ScaleRequest } from "../../contract/scale.ts";
import { withAuthority } from "../../contract/connection-uri.ts";
import type { HostRemoved, HostSettings, HostStatus, JoinToken } from "../../contract/host.ts";
import type { Downtime } from "../../contract/downtime.ts";
import type { UpgradePlan, VersionReport } from "../../contract/upgrade.ts";
import type {
  AbandonRequest,
  CutoverRequest,
  ImportChecks,
  ImportRequest,
  ImportStatus,
} from "../../contract/imports.ts";
import type { DrainChanged, DrainStatus, DrainTested, DrainWish } from "../../contract/drains.ts";
import type { LogLines } from "../../contract/logs.ts";
import type {
  Extended,
  ExtendRequest,
  ForkWish,
  InPlacePlan,
  InPlaceWish,
  RestorePointStatus,
  RestoreWindows,
  RestoreWish,
  SnapshotPolicyRequest,
  Snapshots,
  Volumes,
} from "../../contract/storage.ts";
import type { ChangeSettingsRequest, SettingsPlan, SettingsReport } from "../../contract/settings.ts";
import type { CreatedToken, Token, TokenRequest } from "../../contract/tokens.ts";
import type { CheckReport, ClusterMetrics } from "../../contract/monitoring.ts";
import { tunnelProtocol } from "../../contract/tunnel.ts";
import { backupCalls } from "./backups.ts";
import { createApi, shapes, type Api } from "./generated-api.ts";
import { checked, type Sender } from "./sender.ts";
import { call, openSocket, openStream, type TransportOptions } from "./transport.ts";

/** Reading is quick; a change writes a wish and returns, but `create` and the first look may wait for a disk. */
const readDeadlineMs = 10_000;
const changeDeadlineMs = 30_000;
/** etcd is ended, started and leads */
const rebuild = { deadlineMs: 75_000 };
/** The source is far away, and looked at as a whole. */
const far = { deadlineMs: 120_000 };
const long = { deadlineMs: changeDeadlineMs };
/** The agent pings every 5 s. */
const quietMs = 15_000;

/** Parameters of a query, of the route that has this name. */
type QueryOf<Name extends keyof Api> = Api[Name] extends (asking: infer Asking, ...rest: never[]) => unknown
  ? Asking extends { query?: infer Query }
    ? NonNullable<Query>
    : never
  : never;
export type Client = ReturnType<typeof createClient>;

export function createClient(options: TransportOptions) {
  const api = createApi(senderOver(options));
  // The agent names the authority's file on its own machine; from another one it is that of the context.
  const here = (connection: Connection): Connection =>
    options.to.kind === "remote" ? withAuthority(connection, options.to.agent.remote.caFile) : connection;
  const withHere = <T extends { readonly connection: Connection }>(made: T): T => ({
    ...made,
    connection: here(made.connection),
  });

  return {
    audit: (query: QueryOf<"listAudit">): Promise<readonly ClusterEvent[]> => api.listAudit({ query }),
    tokens: (): Promise<readonly Token[]> => api.listTokens(),
    createToken: (body: TokenRequest): Promise<CreatedToken> => api.createToken({ body }),
    revokeToken: (id: string): Promise<unknown> => api.revokeToken({ id }),

    certificates: (): Promise<readonly UserCertificate[]> => api.listCertificates(),
    createCertificate: (body: UserCertificateWish): Promise<CreatedCertificate> => api.createCertificate({ body }),
    revokeCertificate: (id: string): Promise<unknown> => api.revokeCertificate({ id }),

    agent: (): Promise<AgentStatus> => api.getAgent(),
    stopAgent: (servers: boolean): Promise<unknown> => api.stopAgent({ body: { servers } }),

    list: (): Promise<readonly ClusterStatus[]> => api.listClusters(),
    status: (cluster: string): Promise<ClusterStatus> => api.getCluster({ cluster }),
    watchStatus: (cluster: string, signal: AbortSignal): AsyncGenerator<ClusterStatus> =>
      api.watchCluster({ cluster }, { signal }),
    explain: (cluster: string): Promise<Explanation> => api.explainCluster({ cluster }),
    events: (cluster: string, query: QueryOf<"listEvents">): Promise<readonly ClusterEvent[]> =>
      api.listEvents({ cluster, query }),
    downtime: (cluster: string, since: string | undefined): Promise<Downtime> =>
      api.getDowntime({ cluster, query: { since } }),
    versions: (cluster: string, asksRegistry: boolean): Promise<VersionReport> =>
      api.getVersions({ cluster, query: { check: asksRegistry ? "true" : "false" } }, asksRegistry ? long : undefined),
    planUpgrade: (cluster: string, query: QueryOf<"planUpgrade">): Promise<UpgradePlan> =>
      api.planUpgrade({ cluster, query }),
    upgrade: (cluster: string, body: { to?: string; force?: boolean; in_place?: boolean }): Promise<Operation> =>
      api.upgradeCluster({ cluster, body }),
    watchEvents: (cluster: string, query: QueryOf<"watchEvents">, signal: AbortSignal): AsyncGenerator<ClusterEvent> =>
      api.watchEvents({ cluster, query }, { signal }),
    logs: (cluster: string, query: QueryOf<"getLogs">): Promise<LogLines> => api.getLogs({ cluster, query }),
    drains: (): Promise<readonly DrainStatus[]> => api.listDrains(),
    addDrain: (body: DrainWish): Promise<DrainChanged> => api.addDrain({ body }),
    removeDrain: (id: string): Promise<DrainChanged> => api.removeDrain({ id }),
    testDrain: (id: string): Promise<DrainTested> => api.testDrain({ id }, long),
    agentLogs: (query: QueryOf<"getHostLogs">): Promise<LogLines> => api.getHostLogs({ query }),
    authority: (): Promise<{ readonly certificate: string }> => api.getAuthority(),
    connection: async (cluster: string, query: QueryOf<"getConnection">): Promise<Connection> =>
      here(await api.getConnection({ cluster, query })),
    /** says that a tunnel is opened; the connection is that of the endpoint on its far side */
    openTunnel: async (cluster: string, query: QueryOf<"getConnection">): Promise<Connection> =>
      here(await api.openTunnel({ cluster, body: query })),
    /** one client's connection through it */
    tunnel: (cluster: string, role: "primary" | "read" | "pooled"): Promise<Duplex> =>
      api.connectTunnel({ cluster, query: { role } }),
    candidates: (
      cluster: string,
      kind: "switchover" | "failover",
      to: string | undefined,
      region?: string,
    ): Promise<readonly Candidate[]> => api.listCandidates({ cluster, query: { kind, to, region } }),

    create: async (body: CreateRequest) => withHere(await api.createCluster({ body })),
    destroy: (cluster: string): Promise<Operation> => api.destroyCluster({ cluster }),
    stop: (cluster: string): Promise<Operation> => api.stopCluster({ cluster }),
    start: (cluster: string): Promise<Operation> => api.startCluster({ cluster }),
    restart: (cluster: string, body: { member?: string; pending?: boolean; in_place?: boolean }): Promise<Operation> =>
      api.restartCluster({ cluster, body }),
    switchover: (cluster: string, body: { to?: string; primary_region?: string }): Promise<Operation> =>
      api.switchover({ cluster, body }),
    failover: (
      cluster: string,
      body: { to?: string; primary_region?: string; force?: boolean; accept_data_loss?: boolean },
    ): Promise<Operation> => api.failover({ cluster, body }),
    planScale: (cluster: string, body: ScaleRequest): Promise<ScalePlan> => api.planScale({ cluster, body }, long),
    scale: (cluster: string, body: ScaleRequest): Promise<Operation> => api.scaleCluster({ cluster, body }),
    pause: (cluster: string, forMs: number): Promise<ClusterStatus> =>
      api.pauseCluster({ cluster, body: { for_ms: forMs } }),
    autostop: (cluster: string, idleMs: number | null): Promise<ClusterStatus> =>
      api.setAutostop({ cluster, body: { idle_ms: idleMs } }),
    reads: (cluster: string, body: ReadsRequest): Promise<ClusterStatus> => api.setReads({ cluster, body }),
    resume: (cluster: string): Promise<ClusterStatus> => api.resumeCluster({ cluster }),
    addMember: (
      cluster: string,
      body: { region?: string; zone?: string; host?: string; upstream?: string } = {},
    ): Promise<Operation> => api.addMember({ cluster, body }),
    removeMember: (cluster: string, member: string): Promise<Operation> => api.removeMember({ cluster, member }),
    recloneMember: (cluster: string, member: string): Promise<Operation> => api.recloneMember({ cluster, member }),
    attach: async (cluster: string, body: AttachRequest): Promise<Attached> =>
      withHere(await api.attachApp({ cluster, body })),
    handedOver: (cluster: string, app: string, body: HandedOverRequest): Promise<AttachmentStatus> =>
      api.confirmAttachment({ cluster, app, body }),
    detach: (cluster: string, app: string): Promise<AttachmentStatus> => api.detachApp({ cluster, app }),
    settings: (cluster: string): Promise<SettingsReport> => api.getSettings({ cluster }),
    planSettings: (cluster: string, body: ChangeSettingsRequest): Promise<SettingsPlan> =>
      api.planSettings({ cluster, body }),
    changeSettings: (cluster: string, body: ChangeSettingsRequest): Promise<Operation> =>
      api.changeSettings({ cluster, body }),
    pool: (cluster: string): Promise<PoolStatus> => api.getPool({ cluster }),
    changePool: (cluster: string, body: PoolChange): Promise<PoolStatus> => api.changePool({ cluster, body }),
    databases: (cluster: string): Promise<readonly DatabaseStatus[]> => api.listDatabases({ cluster }),
    createDatabase: (cluster: string, body: CreateDatabaseRequest): Promise<DatabaseStatus> =>
      api.createDatabase({ cluster, body }),
    dropDatabase: (cluster: string, database: string): Promise<unknown> => api.dropDatabase({ cluster, database }),
    users: (cluster: string): Promise<readonly UserStatus[]> => api.listUsers({ cluster }),
    createUser: async (cluster: string, body: CreateUserRequest): Promise<Credentials> =>
      withHere(await api.createUser({ cluster, body })),
    grant: (cluster: string, user: string, body: GrantRequest): Promise<UserStatus> =>
      api.grantUser({ cluster, user, body }),
    dropUser: (cluster: string, user: string): Promise<unknown> => api.dropUser({ cluster, user }),
    rotatePassword: async (cluster: string, user: string, graceMs: number): Promise<Credentials> =>
      withHere(await api.rotatePassword({ cluster, user, body: { grace_ms: graceMs } })),

    check: (cluster: string, query: QueryOf<"checkCluster">): Promise<CheckReport> =>
      api.checkCluster({ cluster, query }),
    metrics: (cluster: string): Promise<ClusterMetrics> => api.getClusterMetrics({ cluster }),

    volumes: (cluster: string): Promise<Volumes> => api.listVolumes({ cluster }),
    extendVolumes: (cluster: string, body: ExtendRequest): Promise<Extended> => api.extendVolumes({ cluster, body }),
    extensions: (cluster: string): Promise<ExtensionList> => api.listExtensions({ cluster }, long),
    planExtension: (cluster: string, body: ExtensionRequest): Promise<ExtensionPlan> =>
      api.planExtension({ cluster, body }),
    changeExtension: (cluster: string, body: ExtensionRequest): Promise<Operation> =>
      api.changeExtension({ cluster, body }),
    checkImport: (cluster: string, body: ImportRequest): Promise<ImportChecks> =>
      api.checkImport({ cluster, body }, far),
    beginImport: (cluster: string, body: ImportRequest): Promise<Operation> => api.beginImport({ cluster, body }, far),
    imports: (cluster: string): Promise<readonly ImportStatus[]> => api.listImports({ cluster }),
    cutOverImport: (cluster: string, body: CutoverRequest): Promise<Operation> => api.cutOverImport({ cluster, body }),
    abandonImport: (cluster: string, body: AbandonRequest): Promise<Operation> => api.abandonImport({ cluster, body }),

    fork: async (cluster: string, body: ForkWish) => withHere(await api.forkCluster({ cluster, body })),
    restore: async (cluster: string, body: RestoreWish) => withHere(await api.restoreCluster({ cluster, body })),
    planInPlace: (cluster: string, body: InPlaceWish): Promise<InPlacePlan> => api.planInPlace({ cluster, body }),
    restoreInPlace: (cluster: string, body: InPlaceWish): Promise<Operation> => api.restoreInPlace({ cluster, body }),
    restoreWindows: (cluster: string): Promise<RestoreWindows> => api.listRestoreWindows({ cluster }),
    makeRestorePoint: (cluster: string, name: string): Promise<RestorePointStatus> =>
      api.makeRestorePoint({ cluster, body: { name } }),
    ...backupCalls(api),
    snapshots: (cluster: string): Promise<Snapshots> => api.listSnapshots({ cluster }),
    takeSnapshot: (cluster: string, body: { member?: string; kept_days?: number }): Promise<Operation> =>
      api.takeSnapshot({ cluster, body }),
    deleteSnapshot: (cluster: string, snapshot: string): Promise<unknown> => api.deleteSnapshot({ cluster, snapshot }),
    changeSnapshotPolicy: (cluster: string, body: SnapshotPolicyRequest): Promise<Snapshots> =>
      api.setSnapshotPolicy({ cluster, body }),

    hosts: (): Promise<readonly HostStatus[]> => api.listHosts(),
    hostSettings: (): Promise<HostSettings> => api.getHostSettings(),
    changeHostSettings: (body: HostSettings): Promise<HostSettings> => api.changeHostSettings({ body }),
    makeJoinToken: (body: { expires_ms?: number; uses?: number }): Promise<JoinToken> => api.createJoinToken({ body }),
    revokeJoinToken: (id: string): Promise<unknown> => api.revokeJoinToken({ id }),
    labelHost: (host: string, labels: Readonly<Record<string, string | null>>): Promise<HostStatus> =>
      api.labelHost({ host, body: { labels } }),
    drainHost: (host: string): Promise<Operation> => api.drainHost({ host }),
    undrainHost: (host: string): Promise<HostStatus> => api.undrainHost({ host }),
    rebuildStore: (): Promise<unknown> => api.rebuildStore(rebuild),
    removeHost: (host: string, lost: boolean): Promise<HostRemoved> =>
      api.removeHost({ host, query: { lost: lost ? "true" : "false" } }),

    operation: (id: string): Promise<Operation> => api.getOperation({ id }),
    watchOperation: (id: string, signal: AbortSignal): AsyncGenerator<Operation> =>
      api.watchOperation({ id }, { signal }),
  };
}

/** What the generated client sends goes over the transport, and what comes back is looked at. */
function senderOver(options: TransportOptions): Sender {
  return {
    async json(
      { method, path, body, answer },
      { deadlineMs = method === "GET" ? readDeadlineMs : changeDeadlineMs } = {},
    ) {
      return checked(shapes, answer, await call(options, { method, path, body, deadlineMs }));
    },
    async *stream(path, answer, { signal = new AbortController().signal } = {}) {
      for await (const document of openStream(options, { path, quietMs, signal }))
        yield checked(shapes, answer, document);
    },
    tunnel: (path, { deadlineMs = readDeadlineMs } = {}) =>
      openSocket(options, { path, protocol: tunnelProtocol, deadlineMs }),
  };
}
