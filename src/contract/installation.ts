/**
 * What the API needs of the running agent. The agent offers it, `entry/agent.ts` puts the two together, and neither
 * imports the other. Every refusal is an `OpError`; methods that change something name who asked.
 */
import type { BackupsInstallation } from "./backups.ts";
import type { AccountsInstallation } from "./accounts.ts";
import type { Asked } from "./asked.ts";
import type {
  AgentStatus,
  Candidate,
  ClusterEvent,
  ClusterStatus,
  Connection,
  CreateRequest,
  Explanation,
  Operation,
} from "./cluster.ts";
import type { ExtensionsInstallation } from "./extensions.ts";
import type { PoolChange, PoolStatus } from "./pool.ts";
import type { SettingsInstallation } from "./settings.ts";
import type { UpgradesInstallation } from "./upgrade.ts";
import type { Downtime } from "./downtime.ts";
import type { ImportsInstallation } from "./imports.ts";
import type { ReadsRequest } from "./reads.ts";
import type { MonitoringInstallation } from "./monitoring.ts";
import type { ScalePlan, ScaleRequest } from "./scale.ts";
import type { DrainsInstallation } from "./drains.ts";
import type { LogLines, LogQuery } from "./logs.ts";
import type { ProofsInstallation } from "./proof.ts";
import type { StorageInstallation } from "./storage.ts";

export type { Asked } from "./asked.ts";

export interface EventQuery {
  readonly afterId?: number;
  readonly type?: string;
  readonly member?: string;
  /** only what is older than the oldest of the page before */
  readonly before?: { readonly at: number; readonly id: number };
  /** only what happened then or later; wall clock */
  readonly since?: number;
  /** so many of the oldest that fit, in the order in which they came to be known; left out: of the newest */
  readonly oldestFirst?: boolean;
  /** at most 1000 */
  readonly limit: number;
}

export interface OperationQuery {
  readonly cluster?: string;
  readonly state?: Operation["state"];
  /** where the page before ended: of its last */
  readonly before?: { readonly at: number; readonly id: string };
  readonly limit: number;
}

export interface Created {
  readonly operation: Operation;
  /** shown once */
  readonly connection: Connection;
}

export interface Installation {
  agent(): Promise<AgentStatus>;
  /** ends the agent; servers and router keep running unless `servers` is true */
  stopAgent(options: { readonly servers: boolean }): Promise<void>;

  list(): Promise<readonly ClusterStatus[]>;
  status(cluster: string): Promise<ClusterStatus>;
  /** calls back at once and whenever the status has changed, until aborted */
  watchStatus(cluster: string, changed: (status: ClusterStatus) => void, signal: AbortSignal): void;
  explain(cluster: string): Promise<Explanation>;
  events(cluster: string, query: EventQuery): Promise<readonly ClusterEvent[]>;
  /** the ledger of pauses, from a moment (ISO 8601) on; left out: of all that is kept */
  downtime(cluster: string, since: string | undefined): Promise<Downtime>;
  watchEvents(cluster: string, happened: (event: ClusterEvent) => void, signal: AbortSignal): void;
  /** @param cluster undefined: of the hosts' own processes */
  logs(cluster: string | undefined, query: LogQuery): Promise<LogLines>;
  /** certificate of the installation's authority, PEM */
  authority(): Promise<string>;
  connection(
    cluster: string,
    query: { role: "primary" | "read" | "pooled"; user?: string; database?: string; maxLagMs?: number },
  ): Promise<Connection>;

  /**
   * Runs `change` for as long as the cluster is of this generation, up to the moment at which what is asked for is written.
   * @throws OpError generation-changed with what has changed since, and nothing has been done
   */
  expecting<T>(cluster: string, generation: number, change: () => Promise<T>): Promise<T>;
  create(request: CreateRequest, asked: Asked): Promise<Created>;
  destroy(cluster: string, asked: Asked): Promise<Operation>;
  stop(cluster: string, asked: Asked): Promise<Operation>;
  start(cluster: string, asked: Asked): Promise<Operation>;
  /** `pending`: those whose settings wait for it; `inPlace`: the primary stays where it is */
  restart(
    cluster: string,
    options: { member?: string; pending?: boolean; inPlace?: boolean },
    asked: Asked,
  ): Promise<Operation>;
  pause(cluster: string, forMs: number, asked: Asked): Promise<ClusterStatus>;
  resume(cluster: string, asked: Asked): Promise<ClusterStatus>;
  /** after how long without a client it falls asleep; undefined: never, and it is woken now */
  autostop(cluster: string, idleMs: number | undefined, asked: Asked): Promise<ClusterStatus>;
  /** how far behind standbys may be that serve reads, and who serves when none is fit */
  reads(cluster: string, request: ReadsRequest, asked: Asked): Promise<ClusterStatus>;
  /** `primaryRegion`: the primary and the voters move there for good */
  switchover(cluster: string, options: { to?: string; primaryRegion?: string }, asked: Asked): Promise<Operation>;
  /** what a switchover or failover would choose, with the verdict on every member */
  candidates(
    cluster: string,
    kind: "switchover" | "failover",
    to: string | undefined,
    region?: string,
  ): Promise<readonly Candidate[]>;
  failover(
    cluster: string,
    options: { to?: string; primaryRegion?: string; force: boolean; acceptDataLoss: boolean },
    asked: Asked,
  ): Promise<Operation>;
  /** what a change of the number of members and of what each gets would do; changes nothing */
  planScale(cluster: string, request: ScaleRequest): Promise<ScalePlan>;
  scale(cluster: string, request: ScaleRequest, asked: Asked): Promise<Operation>;
  /** undefined: the primary region, on the host that suits best */
  addMember(
    cluster: string,
    where: { region?: string; zone?: string; host?: string; upstream?: string },
    asked: Asked,
  ): Promise<Operation>;
  removeMember(cluster: string, member: string, asked: Asked): Promise<Operation>;
  recloneMember(cluster: string, member: string, asked: Asked): Promise<Operation>;
  /** the pooled endpoint */
  pool(cluster: string, query: { here: boolean }): Promise<PoolStatus>;
  changePool(cluster: string, change: PoolChange, asked: Asked): Promise<PoolStatus>;
  /** databases, users, attached applications */
  readonly accounts: AccountsInstallation;
  /** versions of Postgres, and newer ones */
  readonly upgrades: UpgradesInstallation;
  /** volumes */
  readonly storage: StorageInstallation;
  /** copies in repositories elsewhere */
  readonly backups: BackupsInstallation;
  readonly proofs: ProofsInstallation;
  readonly extensions: ExtensionsInstallation;
  /** settings of the servers */
  readonly settings: SettingsInstallation;
  /** databases from elsewhere */
  readonly imports: ImportsInstallation;
  /** checks and figures */
  readonly monitoring: MonitoringInstallation;
  /** where logs and events are sent */
  readonly drains: DrainsInstallation;

  /** newest first */
  operations(query: OperationQuery): Promise<readonly Operation[]>;
  operation(id: string): Promise<Operation>;
  /** calls back at once and at every step, until it ends or the signal aborts */
  watchOperation(id: string, changed: (operation: Operation) => void, signal: AbortSignal): void;
}
