/**
 * The agent's API as typed calls. Made by context.ts for the commands; it is loaded only by commands that need the
 * agent, because the contract's schemas take their time to load.
 */
import type { Duplex } from "node:stream";
import { z } from "zod";

import {
  agentStatusSchema,
  candidateSchema,
  clusterStatusSchema,
  connectionSchema,
  createdSchema,
  eventSchema,
  explainSchema,
  operationSchema,
  type AgentStatus,
  type Candidate,
  type ClusterEvent,
  type ClusterStatus,
  type Connection,
  type CreateRequest,
  type Explanation,
  type Operation,
} from "../../contract/cluster.ts";
import {
  attachedSchema,
  credentialsSchema,
  databaseSchema,
  userSchema,
  type Attached,
  type AttachRequest,
  type CreateDatabaseRequest,
  type CreateUserRequest,
  type Credentials,
  type DatabaseStatus,
  type GrantRequest,
  type HandedOverRequest,
  type UserStatus,
} from "../../contract/accounts.ts";
import { attachmentSchema, type AttachmentStatus } from "../../contract/attachment.ts";
import {
  createdCertificateSchema,
  userCertificateSchema,
  type CreatedCertificate,
  type UserCertificate,
  type UserCertificateWish,
} from "../../contract/certificates.ts";
import {
  extensionListSchema,
  extensionPlanSchema,
  type ExtensionList,
  type ExtensionPlan,
  type ExtensionRequest,
} from "../../contract/extensions.ts";
import { scalePlanSchema, type ScalePlan, type ScaleRequest } from "../../contract/scale.ts";
import { withAuthority } from "../../contract/connection-uri.ts";
import {
  hostRemovedSchema,
  hostSettingsSchema,
  hostStatusSchema,
  joinTokenSchema,
  type HostRemoved,
  type HostSettings,
  type HostStatus,
  type JoinToken,
} from "../../contract/host.ts";
import { downtimeSchema, type Downtime } from "../../contract/downtime.ts";
import {
  upgradePlanSchema,
  versionReportSchema,
  type UpgradePlan,
  type VersionReport,
} from "../../contract/upgrade.ts";
import {
  importChecksSchema,
  importStatusSchema,
  type AbandonRequest,
  type CutoverRequest,
  type ImportChecks,
  type ImportRequest,
  type ImportStatus,
} from "../../contract/imports.ts";
import { logLinesSchema, type LogLines } from "../../contract/logs.ts";
import {
  extendedSchema,
  snapshotsSchema,
  volumesSchema,
  type Extended,
  type ExtendRequest,
  type ForkWish,
  type SnapshotPolicyRequest,
  type Snapshots,
  type Volumes,
} from "../../contract/storage.ts";
import {
  settingsPlanSchema,
  settingsReportSchema,
  type ChangeSettingsRequest,
  type SettingsPlan,
  type SettingsReport,
} from "../../contract/settings.ts";
import {
  createdTokenSchema,
  tokenSchema,
  type CreatedToken,
  type Token,
  type TokenRequest,
} from "../../contract/tokens.ts";
import { OpError } from "../../errors/op-error.ts";
import { tunnelProtocol } from "../../contract/tunnel.ts";
import { call, openSocket, openStream, type TransportOptions } from "./transport.ts";

/** Reading is quick; a change writes a wish and returns, but `create` and the first look may wait for a disk. */
const readDeadlineMs = 10_000;
const changeDeadlineMs = 30_000;
/** etcd is ended, started and leads */
const rebuildDeadlineMs = 75_000;
/** The source is far away, and looked at as a whole. */
const importDeadlineMs = 120_000;
/** The agent pings every 5 s. */
const quietMs = 15_000;

type Query = Readonly<Record<string, string | number | undefined>>;
export type Client = ReturnType<typeof createClient>;

export function createClient(options: TransportOptions) {
  const read = async <T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> =>
    check(schema, await call(options, { method: "GET", path, deadlineMs: readDeadlineMs }));
  const post = async <T extends z.ZodType>(path: string, body: unknown, schema: T): Promise<z.output<T>> =>
    check(schema, await call(options, { method: "POST", path, body, deadlineMs: changeDeadlineMs }));
  const lookLong = async <T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> =>
    check(schema, await call(options, { method: "GET", path, deadlineMs: changeDeadlineMs }));
  const drop = async <T extends z.ZodType>(path: string, schema: T): Promise<z.output<T>> =>
    check(schema, await call(options, { method: "DELETE", path, deadlineMs: changeDeadlineMs }));
  const remove = (path: string): Promise<Operation> => drop(path, operationSchema);
  async function* watch<T extends z.ZodType>(
    path: string,
    schema: T,
    signal: AbortSignal,
  ): AsyncGenerator<z.output<T>> {
    for await (const document of openStream(options, { path, quietMs, signal })) yield check(schema, document);
  }
  // The agent names the authority's file on its own machine; from another one it is that of the context.
  const here = (connection: Connection): Connection =>
    options.to.kind === "remote" ? withAuthority(connection, options.to.agent.remote.caFile) : connection;
  const withHere = <T extends Credentials>(made: T): T => ({ ...made, connection: here(made.connection) });
  const change = (cluster: string, verb: string, body: object = {}): Promise<Operation> =>
    post(`${at(cluster)}/${verb}`, body, operationSchema);

  return {
    audit: (query: Query): Promise<readonly ClusterEvent[]> => read(`/v1/audit${encode(query)}`, z.array(eventSchema)),
    tokens: (): Promise<readonly Token[]> => read("/v1/tokens", z.array(tokenSchema)),
    createToken: (request: TokenRequest): Promise<CreatedToken> => post("/v1/tokens", request, createdTokenSchema),
    revokeToken: (id: string): Promise<unknown> =>
      call(options, { method: "DELETE", path: `/v1/tokens/${part(id)}`, deadlineMs: changeDeadlineMs }),

    certificates: (): Promise<readonly UserCertificate[]> => read("/v1/certificates", z.array(userCertificateSchema)),
    createCertificate: (request: UserCertificateWish): Promise<CreatedCertificate> =>
      post("/v1/certificates", request, createdCertificateSchema),
    revokeCertificate: (id: string): Promise<unknown> =>
      call(options, { method: "DELETE", path: `/v1/certificates/${part(id)}`, deadlineMs: changeDeadlineMs }),

    agent: (): Promise<AgentStatus> => read("/v1/agent", agentStatusSchema),
    stopAgent: (servers: boolean): Promise<unknown> => post("/v1/agent/stop", { servers }, z.unknown()),

    list: (): Promise<readonly ClusterStatus[]> => read("/v1/clusters", z.array(clusterStatusSchema)),
    status: (cluster: string): Promise<ClusterStatus> => read(at(cluster), clusterStatusSchema),
    watchStatus: (cluster: string, signal: AbortSignal): AsyncGenerator<ClusterStatus> =>
      watch(`${at(cluster)}/stream`, clusterStatusSchema, signal),
    explain: (cluster: string): Promise<Explanation> => read(`${at(cluster)}/explain`, explainSchema),
    events: (cluster: string, query: Query): Promise<readonly ClusterEvent[]> =>
      read(`${at(cluster)}/events${encode(query)}`, z.array(eventSchema)),
    downtime: (cluster: string, since: string | undefined): Promise<Downtime> =>
      read(`${at(cluster)}/downtime${encode({ since })}`, downtimeSchema),
    versions: async (cluster: string, asksRegistry: boolean): Promise<VersionReport> => {
      const path = `${at(cluster)}/version${encode({ check: String(asksRegistry) })}`;
      const deadlineMs = asksRegistry ? changeDeadlineMs : readDeadlineMs;
      return check(versionReportSchema, await call(options, { method: "GET", path, deadlineMs }));
    },
    planUpgrade: (cluster: string, query: Query): Promise<UpgradePlan> =>
      read(`${at(cluster)}/upgrade${encode(query)}`, upgradePlanSchema),
    upgrade: (cluster: string, body: { to?: string; force?: boolean; in_place?: boolean }): Promise<Operation> =>
      change(cluster, "upgrade", body),
    watchEvents: (cluster: string, query: Query, signal: AbortSignal): AsyncGenerator<ClusterEvent> =>
      watch(`${at(cluster)}/events/stream${encode(query)}`, eventSchema, signal),
    logs: (cluster: string, query: Query): Promise<LogLines> =>
      read(`${at(cluster)}/logs${encode(query)}`, logLinesSchema),
    authority: (): Promise<{ readonly certificate: string }> =>
      read("/v1/agent/authority", z.object({ certificate: z.string() })),
    connection: async (cluster: string, query: Query): Promise<Connection> =>
      here(await read(`${at(cluster)}/connection${encode(query)}`, connectionSchema)),
    /** says that a tunnel is opened; the connection is that of the endpoint on its far side */
    openTunnel: async (cluster: string, query: Query): Promise<Connection> =>
      here(await post(`${at(cluster)}/tunnel`, query, connectionSchema)),
    /** one client's connection through it */
    tunnel: (cluster: string, role: "primary" | "read"): Promise<Duplex> =>
      openSocket(options, {
        path: `${at(cluster)}/tunnel${encode({ role })}`,
        protocol: tunnelProtocol,
        deadlineMs: readDeadlineMs,
      }),
    candidates: (
      cluster: string,
      kind: "switchover" | "failover",
      to: string | undefined,
      region?: string,
    ): Promise<readonly Candidate[]> =>
      read(`${at(cluster)}/candidates${encode({ kind, to, region })}`, z.array(candidateSchema)),

    create: async (request: CreateRequest) => {
      const { operation, connection } = await post("/v1/clusters", request, createdSchema);
      return { operation, connection: here(connection) };
    },
    destroy: (cluster: string): Promise<Operation> => remove(at(cluster)),
    stop: (cluster: string): Promise<Operation> => change(cluster, "stop"),
    start: (cluster: string): Promise<Operation> => change(cluster, "start"),
    restart: (cluster: string, body: { member?: string; pending?: boolean; in_place?: boolean }): Promise<Operation> =>
      change(cluster, "restart", body),
    switchover: (cluster: string, body: { to?: string; primary_region?: string }): Promise<Operation> =>
      change(cluster, "switchover", body),
    failover: (cluster: string, body: object): Promise<Operation> => change(cluster, "failover", body),
    planScale: (cluster: string, request: ScaleRequest): Promise<ScalePlan> =>
      post(`${at(cluster)}/scale/plan`, request, scalePlanSchema),
    scale: (cluster: string, request: ScaleRequest): Promise<Operation> => change(cluster, "scale", request),
    pause: (cluster: string, forMs: number): Promise<ClusterStatus> =>
      post(`${at(cluster)}/pause`, { for_ms: forMs }, clusterStatusSchema),
    autostop: (cluster: string, idleMs: number | null): Promise<ClusterStatus> =>
      post(`${at(cluster)}/autostop`, { idle_ms: idleMs }, clusterStatusSchema),
    resume: (cluster: string): Promise<ClusterStatus> => post(`${at(cluster)}/resume`, {}, clusterStatusSchema),
    addMember: (cluster: string, where: { region?: string; zone?: string; host?: string } = {}): Promise<Operation> =>
      change(cluster, "members", where),
    removeMember: (cluster: string, member: string): Promise<Operation> =>
      remove(`${at(cluster)}/members/${part(member)}`),
    recloneMember: (cluster: string, member: string): Promise<Operation> =>
      change(cluster, `members/${part(member)}/reclone`),
    attach: async (cluster: string, request: AttachRequest): Promise<Attached> =>
      withHere(await post(`${at(cluster)}/attachments`, request, attachedSchema)),
    handedOver: (cluster: string, app: string, request: HandedOverRequest): Promise<AttachmentStatus> =>
      post(`${at(cluster)}/attachments/${part(app)}/handed-over`, request, attachmentSchema),
    detach: (cluster: string, app: string): Promise<AttachmentStatus> =>
      drop(`${at(cluster)}/attachments/${part(app)}`, attachmentSchema),
    settings: (cluster: string): Promise<SettingsReport> => read(`${at(cluster)}/settings`, settingsReportSchema),
    planSettings: (cluster: string, request: ChangeSettingsRequest): Promise<SettingsPlan> =>
      post(`${at(cluster)}/settings/plan`, request, settingsPlanSchema),
    changeSettings: (cluster: string, request: ChangeSettingsRequest): Promise<Operation> =>
      change(cluster, "settings", request),
    databases: (cluster: string): Promise<readonly DatabaseStatus[]> =>
      read(`${at(cluster)}/databases`, z.array(databaseSchema)),
    createDatabase: (cluster: string, request: CreateDatabaseRequest): Promise<DatabaseStatus> =>
      post(`${at(cluster)}/databases`, request, databaseSchema),
    dropDatabase: (cluster: string, database: string): Promise<unknown> =>
      drop(`${at(cluster)}/databases/${part(database)}`, z.unknown()),
    users: (cluster: string): Promise<readonly UserStatus[]> => read(`${at(cluster)}/users`, z.array(userSchema)),
    createUser: async (cluster: string, request: CreateUserRequest): Promise<Credentials> =>
      withHere(await post(`${at(cluster)}/users`, request, credentialsSchema)),
    grant: (cluster: string, user: string, request: GrantRequest): Promise<UserStatus> =>
      post(`${at(cluster)}/users/${part(user)}/grant`, request, userSchema),
    dropUser: (cluster: string, user: string): Promise<unknown> =>
      drop(`${at(cluster)}/users/${part(user)}`, z.unknown()),
    rotatePassword: async (cluster: string, user: string, graceMs: number): Promise<Credentials> =>
      withHere(await post(`${at(cluster)}/users/${part(user)}/rotate`, { grace_ms: graceMs }, credentialsSchema)),

    volumes: (cluster: string): Promise<Volumes> => read(`${at(cluster)}/volumes`, volumesSchema),
    extendVolumes: (cluster: string, request: ExtendRequest): Promise<Extended> =>
      post(`${at(cluster)}/volumes/extend`, request, extendedSchema),
    extensions: (cluster: string): Promise<ExtensionList> => lookLong(`${at(cluster)}/extensions`, extensionListSchema),
    planExtension: (cluster: string, request: ExtensionRequest): Promise<ExtensionPlan> =>
      post(`${at(cluster)}/extensions/plan`, request, extensionPlanSchema),
    changeExtension: (cluster: string, request: ExtensionRequest): Promise<Operation> =>
      change(cluster, "extensions", request),
    checkImport: async (cluster: string, request: ImportRequest): Promise<ImportChecks> => {
      const path = `${at(cluster)}/imports/check`;
      const answer = await call(options, { method: "POST", path, body: request, deadlineMs: importDeadlineMs });
      return check(importChecksSchema, answer);
    },
    beginImport: async (cluster: string, request: ImportRequest): Promise<Operation> => {
      const path = `${at(cluster)}/imports`;
      const answer = await call(options, { method: "POST", path, body: request, deadlineMs: importDeadlineMs });
      return check(operationSchema, answer);
    },
    imports: (cluster: string): Promise<readonly ImportStatus[]> =>
      read(`${at(cluster)}/imports`, z.array(importStatusSchema)),
    cutOverImport: (cluster: string, request: CutoverRequest): Promise<Operation> =>
      change(cluster, "imports/cutover", request),
    abandonImport: (cluster: string, request: AbandonRequest): Promise<Operation> =>
      change(cluster, "imports/abandon", request),

    fork: async (cluster: string, wish: ForkWish) => {
      const { operation, connection } = await post(`${at(cluster)}/forks`, wish, createdSchema);
      return { operation, connection: here(connection) };
    },
    snapshots: (cluster: string): Promise<Snapshots> => read(`${at(cluster)}/snapshots`, snapshotsSchema),
    takeSnapshot: (cluster: string, body: { member?: string; kept_days?: number }): Promise<Operation> =>
      change(cluster, "snapshots", body),
    deleteSnapshot: (cluster: string, id: string): Promise<unknown> =>
      drop(`${at(cluster)}/snapshots/${part(id)}`, z.unknown()),
    changeSnapshotPolicy: (cluster: string, request: SnapshotPolicyRequest): Promise<Snapshots> =>
      post(`${at(cluster)}/snapshots/policy`, request, snapshotsSchema),

    hosts: (): Promise<readonly HostStatus[]> => read("/v1/hosts", z.array(hostStatusSchema)),
    hostSettings: (): Promise<HostSettings> => read("/v1/hosts/settings", hostSettingsSchema),
    changeHostSettings: (settings: HostSettings): Promise<HostSettings> =>
      post("/v1/hosts/settings", settings, hostSettingsSchema),
    makeJoinToken: (wish: { expires_ms?: number; uses?: number }): Promise<JoinToken> =>
      post("/v1/join-tokens", wish, joinTokenSchema),
    revokeJoinToken: async (id: string): Promise<void> => {
      await call(options, { method: "DELETE", path: `/v1/join-tokens/${part(id)}`, deadlineMs: changeDeadlineMs });
    },
    labelHost: (host: string, labels: Readonly<Record<string, string | null>>): Promise<HostStatus> =>
      post(`/v1/hosts/${part(host)}/labels`, { labels }, hostStatusSchema),
    drainHost: (host: string): Promise<Operation> => post(`/v1/hosts/${part(host)}/drain`, {}, operationSchema),
    undrainHost: (host: string): Promise<HostStatus> => post(`/v1/hosts/${part(host)}/undrain`, {}, hostStatusSchema),
    rebuildStore: async (): Promise<void> => {
      await call(options, { method: "POST", path: "/v1/hosts/rebuild-store", body: {}, deadlineMs: rebuildDeadlineMs });
    },
    removeHost: async (host: string, lost: boolean): Promise<HostRemoved> => {
      const path = `/v1/hosts/${part(host)}${encode({ lost: String(lost) })}`;
      return check(hostRemovedSchema, await call(options, { method: "DELETE", path, deadlineMs: changeDeadlineMs }));
    },

    operation: (id: string): Promise<Operation> => read(`/v1/operations/${part(id)}`, operationSchema),
    watchOperation: (id: string, signal: AbortSignal): AsyncGenerator<Operation> =>
      watch(`/v1/operations/${part(id)}/stream`, operationSchema, signal),
  };
}

function at(cluster: string): string {
  return `/v1/clusters/${part(cluster)}`;
}

/** `.` and `..` would be folded away by a URL parser; no name that exists looks like them. */
function part(name: string): string {
  return /^\.{1,2}$/.test(name) ? "%2E" : encodeURIComponent(name);
}

function encode(query: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? "" : `?${given.toString()}`;
}

function check<T extends z.ZodType>(schema: T, document: unknown): z.output<T> {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new OpError("agent-unreachable", {
    message: "the agent's answer is not what this version expects",
    detail: parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}.`).join("\n"),
    hint: "The agent may be of another version: run matriarch agent stop, and this command again.",
  });
}
