/** Written by scripts/api-pages.ts from the OpenAPI document (src/api/openapi). Read by nobody: change the routes. */
import { pathPart, queryText, type How, type Sender, type Shapes } from "./sender.ts";

export interface AbandonRequest {
  database?: string | undefined;
}

export interface AddMemberRequest {
  region?: string | undefined;
  zone?: string | undefined;
  host?: string | undefined;
  upstream?: string | undefined;
}

export interface Address {
  host: string;
  port: number;
}

export interface AgentStatus {
  pid: number;
  home: string;
  socket: string;
  version: string;
  started_at: string;
  router_pid: number | null;
  clusters: number;
  host: string | null;
  store: StoreStatus;
}

export interface ArchiveStatus {
  state: "archiving" | "failing" | "given-up" | "after-restart";
  reason: string | null;
  waiting_bytes: number;
  archived_until: string | null;
  archive_lag_seconds: number | null;
  repository_until: string | null;
  repository_lag_seconds: number | null;
  restorable: {
    from: string;
    until: string;
  }[];
  first_snapshot_at: string | null;
  has_earlier: boolean;
}

export interface AttachRequest {
  app: string;
  database?: string | undefined;
  user?: string | undefined;
  role?: "reader" | "writer" | "owner" | "superuser" | undefined;
  variable?: string | undefined;
  pooled?: boolean | undefined;
  use_existing?: boolean | undefined;
  rotate?: boolean | undefined;
  grace_ms?: number | undefined;
}

export interface Attached {
  connection: Connection;
  previous_until: string | null;
  attachment: Attachment;
}

export interface Attachment {
  app: string;
  database: string;
  user: string;
  role: "reader" | "writer" | "owner" | "superuser";
  state: "making" | "made" | "attached" | "detaching";
  variable: string;
  env_file: {
    machine: string;
    path: string;
  } | null;
  pooled: boolean;
  by: string;
  created_at: string;
}

export interface Authority {
  certificate: string;
}

export interface AutostopRequest {
  idle_ms: number | null;
}

export interface AvailableExtension {
  name: string;
  version: string;
  comment: string;
  needs_preload: boolean;
  requires: string[];
  enabled_in: string[];
  missing_on: string[];
}

export interface Candidate {
  member: string;
  eligible: boolean;
  chosen: boolean;
  lag_bytes: number | null;
  reason: string;
}

export interface ChangeSettingsRequest {
  set?: Record<string, string> | undefined;
  unset?: string[] | undefined;
  restart?: boolean | undefined;
}

export interface ClusterStatus {
  name: string;
  generation: number;
  state: "creating" | "healthy" | "degraded" | "failing-over" | "switching-over" | "paused" | "stopped" | "asleep" | "unavailable" | "destroying";
  detail: string;
  version: string;
  newer_version: string | null;
  engine: "embedded" | "system";
  engine_directory: string | null;
  durability: "quorum" | "strict" | "async";
  epoch: number;
  primary: string | null;
  primary_region: string;
  timeline: number | null;
  rule: {
    voters: string[];
    acks: number;
  };
  endpoints: {
    primary: Address;
    read: Address;
    pooled: Address | null;
  };
  members: MemberStatus[];
  paused_until: string | null;
  operation: string | null;
  autostop_ms: number | null;
  asleep_since: string | null;
  copy_of: {
    cluster: string;
    at: string;
    destroyed_at: string | null;
  } | null;
  reads: {
    max_lag_ms: number;
    max_lag_bytes: number;
    fallback: "primary" | "refuse";
  } | null;
  store: StoreStatus;
  archive: ArchiveStatus | null;
  proof: ProofState | null;
  attachments: Attachment[];
  created_at: string;
}

export interface Connection {
  uri: string;
  host: string;
  port: number;
  hosts: Address[];
  user: string;
  database: string;
  password: string | null;
  sslmode: string;
  sslrootcert: string;
  options: string | null;
}

export interface CreateDatabaseRequest {
  name: string;
  owner?: string | undefined;
  encoding?: string | undefined;
  locale?: string | undefined;
  template?: string | undefined;
}

export interface CreateRequest {
  name: string;
  members?: number | undefined;
  version?: number | undefined;
  minor_version?: string | undefined;
  engine?: "embedded" | "system" | undefined;
  engine_directory?: string | undefined;
  durability?: "quorum" | "strict" | "async" | undefined;
  preset?: "dev" | "production" | "critical" | undefined;
  memory_bytes?: number | undefined;
  cpus?: number | undefined;
  volume_bytes?: number | undefined;
  autostop_ms?: number | undefined;
  port?: number | undefined;
  pool?: boolean | undefined;
  password?: string | undefined;
  settings?: Record<string, string> | undefined;
  primary_region?: string | undefined;
  regions?: string[] | undefined;
  first_host?: string | undefined;
}

export interface CreateUserRequest {
  name: string;
  database?: string | undefined;
  role?: "reader" | "writer" | "owner" | "superuser" | undefined;
  password?: string | undefined;
  take?: boolean | undefined;
}

export interface Created {
  operation: Operation;
  connection: Connection;
}

export interface CreatedCertificate {
  id: string;
  name: string;
  role: "viewer" | "operator" | "admin";
  fingerprint: string;
  created_at: string;
  created_by: string;
  expires_at: string;
  expired: boolean;
  certificate: string;
  key: string;
  ca: string;
  hosts: string[];
}

export interface CreatedToken {
  id: string;
  name: string;
  role: "viewer" | "operator" | "admin";
  created_at: string;
  created_by: string;
  expires_at: string | null;
  expired: boolean;
  token: string;
}

export interface Credentials {
  connection: Connection;
  previous_until: string | null;
}

export interface CutoverRequest {
  database?: string | undefined;
  lock_source?: boolean | undefined;
  wait_ms?: number | undefined;
  count_all?: boolean | undefined;
}

export interface Database {
  name: string;
  owner: string;
  size_bytes: number;
  encoding: string;
  collation: string;
  sessions: number;
  users: {
    user: string;
    role: "reader" | "writer" | "owner";
  }[];
  attachments: string[];
}

export interface Downtime {
  cluster: string;
  since: string;
  until: string;
  pauses: Pause[];
  paused_ms: number;
  longest_ms: number;
  stopped_ms: number;
  availability_percent: number | null;
}

export interface Drain {
  id: string;
  cluster: string | null;
  to: string;
  level: "debug" | "info" | "warning" | "error" | "fatal";
  has_token: boolean;
  sent: number;
  rejected: number;
  dropped_bytes: number;
  failing_since: string | null;
  reason: string | null;
}

export interface DrainChanged {
  id: string;
  missing: {
    host: string;
    reason: string;
  }[];
}

export interface DrainRequest {
  cluster: string | null;
  to: string;
  level?: "debug" | "info" | "warning" | "error" | "fatal" | undefined;
  token?: string | undefined;
  ca?: string | undefined;
}

export interface DrainTested {
  id: string;
  ok: boolean;
  took_ms: number;
  reason: string | null;
}

export interface EnabledExtension {
  database: string;
  name: string;
  version: string;
  schema: string;
  available: string | null;
  has_update: boolean;
  comment: string;
}

export interface Event {
  id: number;
  at: string;
  cluster: string;
  member: string | null;
  type: string;
  level: "info" | "warning" | "error";
  message: string;
  cause: string | null;
  actor: string;
  duration_ms: number | null;
  epoch: number | null;
  details: Record<string, unknown>;
  host?: string | null | undefined;
}

export interface Explain {
  cluster: string;
  state: "creating" | "healthy" | "degraded" | "failing-over" | "switching-over" | "paused" | "stopped" | "asleep" | "unavailable" | "destroying";
  summary: string;
  store: StoreStatus;
  members: {
    member: string;
    code: string;
    because: string;
    waiting_for: string | null;
  }[];
  rule: {
    voters: string[];
    acks: number;
    votes_to_elect: number | null;
    previous: number;
  };
  candidates: Candidate[];
  survives: string[];
  does_not_survive: string[];
}

export interface ExtendRequest {
  size_bytes?: number | undefined;
  add_bytes?: number | undefined;
}

export interface Extended {
  from_bytes: number | null;
  size_bytes: number;
  volumes: Volume[];
  missing: {
    host: string;
    reason: string;
  }[];
}

export interface ExtensionList {
  databases: string[];
  enabled: EnabledExtension[];
  available: AvailableExtension[];
  preloaded: PreloadedLibrary[];
}

export interface ExtensionPlan {
  change: "enable" | "disable" | "update";
  name: string;
  database: string | null;
  version: string | null;
  version_before: string | null;
  also: string[];
  settings: Record<string, string | null>;
  restart: string[];
  installs: {
    host: string;
    line: string;
  }[];
  drops: string[];
  loses: string[];
  is_done: boolean;
  notes: string[];
}

export interface ExtensionRequest {
  change: "enable" | "disable" | "update";
  name: string;
  database?: string | undefined;
  version?: string | undefined;
  schema?: string | undefined;
  cascade?: boolean | undefined;
  restart?: boolean | undefined;
  install?: boolean | undefined;
}

export interface FailoverRequest {
  to?: string | undefined;
  primary_region?: string | undefined;
  force?: boolean | undefined;
  accept_data_loss?: boolean | undefined;
}

export interface ForkRequest {
  name: string;
  snapshot?: string | undefined;
  members?: number | undefined;
  port?: number | undefined;
  password?: string | undefined;
  volume_bytes?: number | undefined;
  expires_ms?: number | undefined;
  script?: {
    sql: string;
    database?: string | undefined;
  } | undefined;
  here?: boolean | undefined;
  at?: string | undefined;
  point?: string | undefined;
  lsn?: string | undefined;
  xid?: string | undefined;
  exclusive?: boolean | undefined;
  member?: string | undefined;
}

export interface GrantRequest {
  database: string;
  role: "reader" | "writer" | "owner" | "none";
  take?: boolean | undefined;
}

export interface HandedOverRequest {
  env_file: {
    machine: string;
    path: string;
  } | null;
}

export interface HostRemoved {
  removed: string;
  members: {
    cluster: string;
    member: string;
    successor: string | null;
  }[];
}

export interface HostSettings {
  replace_after_ms: number | null;
}

export interface HostSettingsInput {
  replace_after_ms: number | null;
}

export interface HostStatus {
  name: string;
  address: string;
  base_port: number;
  zone: string;
  region: string;
  labels: Record<string, string>;
  state: "active" | "draining";
  heard: boolean;
  version: string;
  members: string[];
  silent_ms: number | null;
  replaced_in_ms: number | null;
  runs_store: boolean;
  signs: boolean;
  engines: {
    embedded: number[];
    system: number[];
  };
  joined_at: string;
}

export interface ImportCheck {
  name: string;
  outcome: "ok" | "note" | "failed";
  text: string;
  hint?: string | undefined;
}

export interface ImportChecks {
  ok: boolean;
  checks: ImportCheck[];
}

export interface ImportRequest {
  source: SourceInput;
  source_password?: string | undefined;
  database?: string | undefined;
  jobs?: number | undefined;
  skip_extensions?: string[] | undefined;
  live?: boolean | undefined;
  replica_identity_full?: boolean | undefined;
}

export interface ImportStatus {
  database: string;
  state: "copying" | "unfinished" | "initial" | "following" | "stuck";
  operation: string | null;
  source: string;
  begun_at: string;
  tables: {
    total: number;
    copied: number;
    copying: string[];
  } | null;
  lag_bytes: number | null;
  lag_seconds: number | null;
  problem: string | null;
}

export interface InPlacePlan {
  cluster: string;
  host: string;
  begins_with: string;
  at: string | null;
  as_of: string | null;
  members: number;
}

export interface InPlaceRequest {
  at?: string | undefined;
  point?: string | undefined;
  lsn?: string | undefined;
  xid?: string | undefined;
  exclusive?: boolean | undefined;
  snapshot?: string | undefined;
  undo?: boolean | undefined;
  here?: boolean | undefined;
}

export interface JoinCheck {
  hosts: {
    name: string;
    address: string;
    base_port: number;
  }[];
}

export interface JoinGreeting {
  ca: string;
  version: string;
  now: number;
}

export interface JoinRequest {
  token: {
    id: string;
    secret: string;
  };
  name: string;
  address: string;
  base_port: number;
  region: string;
  zone: string;
  version: string;
  sent_at: number;
  request: string;
  engines: {
    embedded: number[];
    system: number[];
  };
  nonce: string;
}

export interface JoinStore {
  kind: "own" | "given";
  endpoints: string[];
  prefix: string;
  user?: string | undefined;
  password?: string | undefined;
  ca?: string | undefined;
  cert?: string | undefined;
  key?: string | undefined;
}

export interface JoinToken {
  id: string;
  token: string;
  expires_at: string;
  uses: number;
}

export interface JoinTokenRequest {
  expires_ms?: number | undefined;
  uses?: number | undefined;
}

export interface Joined {
  installation: string;
  certificate: string;
  ca_key: string | null;
  runs_store: boolean;
  store: JoinStore;
  hosts: {
    name: string;
    address: string;
    base_port: number;
  }[];
}

export interface LabelRequest {
  labels: Record<string, string | null>;
}

export interface LogLine {
  at: string;
  host: string | null;
  process: "postgres" | "pgbouncer" | "pgbackrest" | "agent" | "router" | "guard" | "relay" | "etcd";
  cluster: string | null;
  member: string | null;
  level: "debug" | "info" | "warning" | "error" | "fatal";
  message: string;
  fields: Record<string, string>;
}

export interface LogLines {
  lines: LogLine[];
  cursor: Record<string, string>;
  has_more: boolean;
  missing: {
    host: string;
    reason: string;
  }[];
}

export interface MemberStatus {
  id: string;
  host: string;
  region: string;
  zone: string;
  role: "primary" | "standby";
  state: "starting" | "running" | "streaming" | "catching-up" | "cloning" | "rewinding" | "stopped" | "failed" | "unreachable";
  pid: number | null;
  port: number;
  socket_directory: string;
  data_directory: string;
  status_url: string | null;
  timeline: number | null;
  flushed_lsn: string | null;
  lag_bytes: number | null;
  is_voter: boolean;
  is_read_replica: boolean;
  upstream: string | null;
  incarnation: number;
  version: string | null;
  because: string;
  resources: Resources | null;
  read: {
    lag_bytes: number;
    lag_ms: number | null;
    serves: boolean;
  } | null;
}

export interface MemberVersion {
  id: string;
  host: string;
  role: "primary" | "standby";
  running: string | null;
  next_start: string | null;
}

export interface Nothing {
}

export interface NothingInput {
}

export interface Operation {
  id: string;
  kind: string;
  cluster: string;
  state: "running" | "done" | "failed" | "cancelled";
  step: string;
  steps_done: number;
  steps_total: number | null;
  started_at: string;
  ended_at: string | null;
  by: string;
  result: Record<string, unknown> | null;
  error: {
    code: string;
    message: string;
    detail?: string | undefined;
    hint?: string | undefined;
  } | null;
  host?: string | null | undefined;
}

export interface Pause {
  from: string;
  to: string | null;
  ms: number;
  why: "switchover" | "failover" | "restart" | "upgrade" | "config" | "crash" | "stop" | "voters" | "unknown";
  by: string;
  member: string | null;
}

export interface PauseRequest {
  for_ms: number;
}

export interface PreloadedLibrary {
  library: string;
  not_on: string[];
}

export interface Proof {
  made_at: string;
  took_ms: number;
  by: string;
  passed: boolean;
  from: "snapshot" | "backup";
  base: string;
  restored_to: string;
  newest_change: string | null;
  problems: string[];
  size_bytes: number;
  tables: number;
  rows_about: number;
  checked: number;
  unchecked: number;
  pages: number;
  counts: {
    table: string;
    rows: number | null;
    at_least: number | null;
    at_most: number | null;
    verdict: "within" | "outside" | "unsure";
  }[];
}

export interface ProofPolicyRequest {
  every_days?: number | undefined;
  add_tables?: string[] | undefined;
  remove_tables?: string[] | undefined;
}

export interface ProofRequest {
  here?: boolean | undefined;
}

export interface ProofState {
  every_days: number;
  passed_at: string | null;
  problem: string | null;
  is_overdue: boolean;
}

export interface Proofs {
  cluster: string;
  every_days: number;
  tables: string[];
  next_at: string | null;
  last_passed_at: string | null;
  is_overdue: boolean;
  proofs: Proof[];
}

export interface Resources {
  memory_bytes: number;
  cpus: number;
  memory_limited: boolean;
  cpus_limited: boolean;
  memory_used_bytes: number | null;
  note: string | null;
}

export interface RestartRequest {
  member?: string | undefined;
  pending?: boolean | undefined;
  in_place?: boolean | undefined;
}

export interface RestorePoint {
  name: string;
  made_at: string;
  by: string;
  lsn: string;
  timeline: number;
  system_identifier: string;
  is_current: boolean;
}

export interface RestorePointRequest {
  name: string;
  here?: boolean | undefined;
}

export interface RestoreRequest {
  name: string;
  snapshot?: string | undefined;
  members?: number | undefined;
  port?: number | undefined;
  password?: string | undefined;
  volume_bytes?: number | undefined;
  expires_ms?: number | undefined;
  script?: {
    sql: string;
    database?: string | undefined;
  } | undefined;
  here?: boolean | undefined;
  at?: string | undefined;
  point?: string | undefined;
  lsn?: string | undefined;
  xid?: string | undefined;
  exclusive?: boolean | undefined;
  backup?: string | undefined;
  from_repository?: boolean | undefined;
}

export interface RestoreWindows {
  windows: {
    host: string;
    from: string;
    until: string;
    is_current: boolean;
  }[];
  points: RestorePoint[];
  missing: {
    host: string;
    reason: string;
  }[];
}

export interface RotateRequest {
  grace_ms?: number | undefined;
}

export interface ScalePlan {
  changed: boolean;
  changes: SettingChange[];
  warnings: string[];
  restart: string[];
  pause: string | null;
  away: {
    member: string;
    reason: string;
  }[];
  members: {
    before: number;
    after: number;
  };
  memory_bytes: {
    before: number;
    after: number;
  };
  cpus: {
    before: number;
    after: number;
  };
  limited: {
    before: {
      memory: boolean;
      cpus: boolean;
    };
    after: {
      memory: boolean;
      cpus: boolean;
    };
  };
  kept: {
    name: string;
    value: string;
    computed: string;
  }[];
}

export interface ScaleRequest {
  members?: number | undefined;
  memory_bytes?: number | undefined;
  cpus?: number | undefined;
  limit?: boolean | undefined;
  restart?: boolean | undefined;
}

export interface Setting {
  name: string;
  value: string;
  setting: string;
  unit: string | null;
  type: string;
  min: string | null;
  max: string | null;
  allowed: string[] | null;
  default: string | null;
  source: "user" | "computed" | "extensions" | "owned" | "default" | "other";
  why: string | null;
  restart: boolean;
  pending: {
    value: string;
    members: string[];
    reason: string;
  } | null;
  differs: {
    member: string;
    value: string;
  }[];
  category: string;
  description: string;
}

export interface SettingChange {
  name: string;
  before: string;
  after: string;
  source: "user" | "computed" | "extensions" | "owned" | "default" | "other";
  restart: boolean;
}

export interface SettingsPlan {
  changed: boolean;
  changes: SettingChange[];
  warnings: string[];
  restart: string[];
  pause: string | null;
  away: {
    member: string;
    reason: string;
  }[];
}

export interface SettingsReport {
  settings: Setting[];
  away: {
    member: string;
    reason: string;
  }[];
}

export interface Snapshot {
  id: string;
  cluster: string;
  member: string;
  host: string;
  taken_at: string;
  took_ms: number;
  by: string;
  why: "asked" | "daily" | "before-restore" | "before-change" | "before-rejoin";
  how: "atomic" | "backup-mode" | "stopped";
  role: "primary" | "standby";
  timeline: number;
  version: string;
  size_bytes: number;
  own_bytes: number | null;
  kept_until: string;
  is_current: boolean;
  start: {
    timeline: number;
    lsn: string;
  } | null;
  system_identifier: string | null;
}

export interface SnapshotPolicy {
  daily: boolean;
  kept_days: number;
  next_at: string | null;
}

export interface SnapshotPolicyRequest {
  daily?: boolean | undefined;
  kept_days?: number | undefined;
}

export interface SnapshotRequest {
  member?: string | undefined;
  kept_days?: number | undefined;
  why?: "asked" | "daily" | "before-change" | undefined;
  here?: boolean | undefined;
}

export interface Snapshots {
  snapshots: Snapshot[];
  policy: SnapshotPolicy | null;
  missing: {
    host: string;
    reason: string;
  }[];
}

export interface SourceInput {
  host: string;
  port: number;
  user: string;
  database: string;
  parameters: Record<string, string>;
}

export interface StopAgentRequest {
  servers?: boolean | undefined;
}

export interface StoreStatus {
  reachable: boolean;
  since: string | null;
}

export interface SwitchoverRequest {
  to?: string | undefined;
  primary_region?: string | undefined;
}

export interface Token {
  id: string;
  name: string;
  role: "viewer" | "operator" | "admin";
  created_at: string;
  created_by: string;
  expires_at: string | null;
  expired: boolean;
}

export interface TokenRequest {
  name: string;
  role: "viewer" | "operator" | "admin";
  expires_ms?: number | undefined;
}

export interface UpgradePlan {
  cluster: string;
  to: string;
  turns: {
    member: string;
    from: string | null;
    how: "restart" | "switchover" | "in-place";
  }[];
  expected_pause_ms: number | null;
  problems: string[];
}

export interface UpgradeRequest {
  to?: string | undefined;
  force?: boolean | undefined;
  in_place?: boolean | undefined;
}

export interface User {
  name: string;
  superuser: boolean;
  databases: {
    database: string;
    role: "reader" | "writer" | "owner";
  }[];
  logins: {
    name: string;
    valid_until: string | null;
  }[];
  sessions: number;
  attachments: string[];
}

export interface UserCertificate {
  id: string;
  name: string;
  role: "viewer" | "operator" | "admin";
  fingerprint: string;
  created_at: string;
  created_by: string;
  expires_at: string;
  expired: boolean;
}

export interface UserCertificateRequest {
  name: string;
  role: "viewer" | "operator" | "admin";
  expires_ms?: number | undefined;
}

export interface VersionReport {
  cluster: string;
  engine: "embedded" | "system";
  engine_directory: string | null;
  major: number;
  members: MemberVersion[];
  newest: string | null;
  is_behind: boolean;
  newest_in_registry: string | null;
}

export interface Volume {
  member: string;
  host: string;
  file_system: string;
  driver: "directory" | "xfs" | "btrfs";
  size_bytes: number | null;
  not_enforced: string | null;
  used_bytes: number;
  wal_bytes: number;
  free_bytes: number;
  pool_free_bytes: number;
  growth_bytes_per_day: number | null;
}

export interface Volumes {
  volumes: Volume[];
  missing: {
    host: string;
    reason: string;
  }[];
}

/** What answers must be like: looked at in sender.ts. */
export const shapes: Shapes = {
  Address: {"type":"object","properties":{"host":{"type":"string"},"port":{"type":"integer"}},"required":["host","port"]},
  AgentStatus: {"type":"object","properties":{"pid":{"type":"integer"},"home":{"type":"string"},"socket":{"type":"string"},"version":{"type":"string"},"started_at":{"type":"string"},"router_pid":{"type":["integer","null"]},"clusters":{"type":"integer"},"host":{"type":["string","null"]},"store":{"$ref":"StoreStatus"}},"required":["pid","home","socket","version","started_at","router_pid","clusters","host","store"]},
  ArchiveStatus: {"type":"object","properties":{"state":{"type":"string","enum":["archiving","failing","given-up","after-restart"]},"reason":{"type":["string","null"]},"waiting_bytes":{"type":"integer"},"archived_until":{"type":["string","null"]},"archive_lag_seconds":{"type":["integer","null"]},"repository_until":{"default":null,"type":["string","null"]},"repository_lag_seconds":{"default":null,"type":["integer","null"]},"restorable":{"type":"array","items":{"type":"object","properties":{"from":{"type":"string"},"until":{"type":"string"}},"required":["from","until"]}},"first_snapshot_at":{"default":null,"type":["string","null"]},"has_earlier":{"default":false,"type":"boolean"}},"required":["state","reason","waiting_bytes","archived_until","archive_lag_seconds","repository_until","repository_lag_seconds","restorable","first_snapshot_at","has_earlier"]},
  Attached: {"type":"object","properties":{"connection":{"$ref":"Connection"},"previous_until":{"type":["string","null"]},"attachment":{"$ref":"Attachment"}},"required":["connection","previous_until","attachment"]},
  Attachment: {"type":"object","properties":{"app":{"type":"string"},"database":{"type":"string"},"user":{"type":"string"},"role":{"type":"string","enum":["reader","writer","owner","superuser"]},"state":{"type":"string","enum":["making","made","attached","detaching"]},"variable":{"type":"string"},"env_file":{"anyOf":[{"type":"object","properties":{"machine":{"type":"string"},"path":{"type":"string"}},"required":["machine","path"]},{"type":"null"}]},"pooled":{"default":false,"type":"boolean"},"by":{"type":"string"},"created_at":{"type":"string"}},"required":["app","database","user","role","state","variable","env_file","pooled","by","created_at"]},
  Authority: {"type":"object","properties":{"certificate":{"type":"string"}},"required":["certificate"]},
  AvailableExtension: {"type":"object","properties":{"name":{"type":"string"},"version":{"type":"string"},"comment":{"type":"string"},"needs_preload":{"type":"boolean"},"requires":{"type":"array","items":{"type":"string"}},"enabled_in":{"type":"array","items":{"type":"string"}},"missing_on":{"type":"array","items":{"type":"string"}}},"required":["name","version","comment","needs_preload","requires","enabled_in","missing_on"]},
  Candidate: {"type":"object","properties":{"member":{"type":"string"},"eligible":{"type":"boolean"},"chosen":{"type":"boolean"},"lag_bytes":{"type":["number","null"]},"reason":{"type":"string"}},"required":["member","eligible","chosen","lag_bytes","reason"]},
  ClusterStatus: {"type":"object","properties":{"name":{"type":"string"},"generation":{"default":0,"type":"integer"},"state":{"type":"string","enum":["creating","healthy","degraded","failing-over","switching-over","paused","stopped","asleep","unavailable","destroying"]},"detail":{"type":"string"},"version":{"type":"string"},"newer_version":{"default":null,"type":["string","null"]},"engine":{"type":"string","enum":["embedded","system"]},"engine_directory":{"default":null,"type":["string","null"]},"durability":{"type":"string","enum":["quorum","strict","async"]},"epoch":{"type":"integer"},"primary":{"type":["string","null"]},"primary_region":{"type":"string"},"timeline":{"type":["integer","null"]},"rule":{"type":"object","properties":{"voters":{"type":"array","items":{"type":"string"}},"acks":{"type":"integer"}},"required":["voters","acks"]},"endpoints":{"type":"object","properties":{"primary":{"$ref":"Address"},"read":{"$ref":"Address"},"pooled":{"default":null,"anyOf":[{"$ref":"Address"},{"type":"null"}]}},"required":["primary","read","pooled"]},"members":{"type":"array","items":{"$ref":"MemberStatus"}},"paused_until":{"type":["string","null"]},"operation":{"type":["string","null"]},"autostop_ms":{"default":null,"type":["integer","null"]},"asleep_since":{"default":null,"type":["string","null"]},"copy_of":{"default":null,"anyOf":[{"type":"object","properties":{"cluster":{"type":"string"},"at":{"type":"string"},"destroyed_at":{"type":["string","null"]}},"required":["cluster","at","destroyed_at"]},{"type":"null"}]},"reads":{"default":null,"anyOf":[{"type":"object","properties":{"max_lag_ms":{"type":"integer"},"max_lag_bytes":{"type":"integer"},"fallback":{"type":"string","enum":["primary","refuse"]}},"required":["max_lag_ms","max_lag_bytes","fallback"]},{"type":"null"}]},"store":{"$ref":"StoreStatus"},"archive":{"default":null,"anyOf":[{"$ref":"ArchiveStatus"},{"type":"null"}]},"proof":{"default":null,"anyOf":[{"$ref":"ProofState"},{"type":"null"}]},"attachments":{"default":[],"type":"array","items":{"$ref":"Attachment"}},"created_at":{"type":"string"}},"required":["name","generation","state","detail","version","newer_version","engine","engine_directory","durability","epoch","primary","primary_region","timeline","rule","endpoints","members","paused_until","operation","autostop_ms","asleep_since","copy_of","reads","store","archive","proof","attachments","created_at"]},
  Connection: {"type":"object","properties":{"uri":{"type":"string"},"host":{"type":"string"},"port":{"type":"integer"},"hosts":{"type":"array","items":{"$ref":"Address"}},"user":{"type":"string"},"database":{"type":"string"},"password":{"type":["string","null"]},"sslmode":{"type":"string"},"sslrootcert":{"type":"string"},"options":{"default":null,"type":["string","null"]}},"required":["uri","host","port","hosts","user","database","password","sslmode","sslrootcert","options"]},
  Created: {"type":"object","properties":{"operation":{"$ref":"Operation"},"connection":{"$ref":"Connection"}},"required":["operation","connection"]},
  CreatedCertificate: {"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},"role":{"type":"string","enum":["viewer","operator","admin"]},"fingerprint":{"type":"string"},"created_at":{"type":"string"},"created_by":{"type":"string"},"expires_at":{"type":"string"},"expired":{"type":"boolean"},"certificate":{"type":"string"},"key":{"type":"string"},"ca":{"type":"string"},"hosts":{"type":"array","items":{"type":"string"}}},"required":["id","name","role","fingerprint","created_at","created_by","expires_at","expired","certificate","key","ca","hosts"]},
  CreatedToken: {"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},"role":{"type":"string","enum":["viewer","operator","admin"]},"created_at":{"type":"string"},"created_by":{"type":"string"},"expires_at":{"type":["string","null"]},"expired":{"type":"boolean"},"token":{"type":"string"}},"required":["id","name","role","created_at","created_by","expires_at","expired","token"]},
  Credentials: {"type":"object","properties":{"connection":{"$ref":"Connection"},"previous_until":{"type":["string","null"]}},"required":["connection","previous_until"]},
  Database: {"type":"object","properties":{"name":{"type":"string"},"owner":{"type":"string"},"size_bytes":{"type":"number"},"encoding":{"type":"string"},"collation":{"type":"string"},"sessions":{"type":"integer"},"users":{"type":"array","items":{"type":"object","properties":{"user":{"type":"string"},"role":{"type":"string","enum":["reader","writer","owner"]}},"required":["user","role"]}},"attachments":{"type":"array","items":{"type":"string"}}},"required":["name","owner","size_bytes","encoding","collation","sessions","users","attachments"]},
  Downtime: {"type":"object","properties":{"cluster":{"type":"string"},"since":{"type":"string"},"until":{"type":"string"},"pauses":{"type":"array","items":{"$ref":"Pause"}},"paused_ms":{"type":"number"},"longest_ms":{"type":"number"},"stopped_ms":{"type":"number"},"availability_percent":{"type":["number","null"]}},"required":["cluster","since","until","pauses","paused_ms","longest_ms","stopped_ms","availability_percent"]},
  Drain: {"type":"object","properties":{"id":{"type":"string"},"cluster":{"type":["string","null"]},"to":{"type":"string"},"level":{"type":"string","enum":["debug","info","warning","error","fatal"]},"has_token":{"type":"boolean"},"sent":{"type":"number"},"rejected":{"type":"number"},"dropped_bytes":{"type":"number"},"failing_since":{"type":["string","null"]},"reason":{"type":["string","null"]}},"required":["id","cluster","to","level","has_token","sent","rejected","dropped_bytes","failing_since","reason"]},
  DrainChanged: {"type":"object","properties":{"id":{"type":"string"},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["id","missing"]},
  DrainTested: {"type":"object","properties":{"id":{"type":"string"},"ok":{"type":"boolean"},"took_ms":{"type":"number"},"reason":{"type":["string","null"]}},"required":["id","ok","took_ms","reason"]},
  EnabledExtension: {"type":"object","properties":{"database":{"type":"string"},"name":{"type":"string"},"version":{"type":"string"},"schema":{"type":"string"},"available":{"type":["string","null"]},"has_update":{"type":"boolean"},"comment":{"type":"string"}},"required":["database","name","version","schema","available","has_update","comment"]},
  Event: {"type":"object","properties":{"id":{"type":"integer"},"at":{"type":"string"},"cluster":{"type":"string"},"member":{"type":["string","null"]},"type":{"type":"string"},"level":{"type":"string","enum":["info","warning","error"]},"message":{"type":"string"},"cause":{"type":["string","null"]},"actor":{"type":"string"},"duration_ms":{"type":["number","null"]},"epoch":{"type":["integer","null"]},"details":{"type":"object","additionalProperties":{}},"host":{"type":["string","null"]}},"required":["id","at","cluster","member","type","level","message","cause","actor","duration_ms","epoch","details"]},
  Explain: {"type":"object","properties":{"cluster":{"type":"string"},"state":{"type":"string","enum":["creating","healthy","degraded","failing-over","switching-over","paused","stopped","asleep","unavailable","destroying"]},"summary":{"type":"string"},"store":{"$ref":"StoreStatus"},"members":{"type":"array","items":{"type":"object","properties":{"member":{"type":"string"},"code":{"type":"string"},"because":{"type":"string"},"waiting_for":{"type":["string","null"]}},"required":["member","code","because","waiting_for"]}},"rule":{"type":"object","properties":{"voters":{"type":"array","items":{"type":"string"}},"acks":{"type":"integer"},"votes_to_elect":{"type":["integer","null"]},"previous":{"type":"integer"}},"required":["voters","acks","votes_to_elect","previous"]},"candidates":{"type":"array","items":{"$ref":"Candidate"}},"survives":{"type":"array","items":{"type":"string"}},"does_not_survive":{"type":"array","items":{"type":"string"}}},"required":["cluster","state","summary","store","members","rule","candidates","survives","does_not_survive"]},
  Extended: {"type":"object","properties":{"from_bytes":{"type":["integer","null"]},"size_bytes":{"type":"integer"},"volumes":{"type":"array","items":{"$ref":"Volume"}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["from_bytes","size_bytes","volumes","missing"]},
  ExtensionList: {"type":"object","properties":{"databases":{"type":"array","items":{"type":"string"}},"enabled":{"type":"array","items":{"$ref":"EnabledExtension"}},"available":{"type":"array","items":{"$ref":"AvailableExtension"}},"preloaded":{"type":"array","items":{"$ref":"PreloadedLibrary"}}},"required":["databases","enabled","available","preloaded"]},
  ExtensionPlan: {"type":"object","properties":{"change":{"type":"string","enum":["enable","disable","update"]},"name":{"type":"string"},"database":{"type":["string","null"]},"version":{"type":["string","null"]},"version_before":{"type":["string","null"]},"also":{"type":"array","items":{"type":"string"}},"settings":{"type":"object","additionalProperties":{"type":["string","null"]}},"restart":{"type":"array","items":{"type":"string"}},"installs":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"line":{"type":"string"}},"required":["host","line"]}},"drops":{"type":"array","items":{"type":"string"}},"loses":{"type":"array","items":{"type":"string"}},"is_done":{"type":"boolean"},"notes":{"type":"array","items":{"type":"string"}}},"required":["change","name","database","version","version_before","also","settings","restart","installs","drops","loses","is_done","notes"]},
  HostRemoved: {"type":"object","properties":{"removed":{"type":"string"},"members":{"type":"array","items":{"type":"object","properties":{"cluster":{"type":"string"},"member":{"type":"string"},"successor":{"type":["string","null"]}},"required":["cluster","member","successor"]}}},"required":["removed","members"]},
  HostSettings: {"type":"object","properties":{"replace_after_ms":{"anyOf":[{"type":"integer"},{"type":"null"}]}},"required":["replace_after_ms"]},
  HostStatus: {"type":"object","properties":{"name":{"type":"string"},"address":{"type":"string"},"base_port":{"type":"integer"},"zone":{"type":"string"},"region":{"type":"string"},"labels":{"type":"object","additionalProperties":{"type":"string"}},"state":{"type":"string","enum":["active","draining"]},"heard":{"type":"boolean"},"version":{"type":"string"},"members":{"type":"array","items":{"type":"string"}},"silent_ms":{"type":["number","null"]},"replaced_in_ms":{"type":["number","null"]},"runs_store":{"type":"boolean"},"signs":{"type":"boolean"},"engines":{"type":"object","properties":{"embedded":{"type":"array","items":{"type":"integer"}},"system":{"type":"array","items":{"type":"integer"}}},"required":["embedded","system"]},"joined_at":{"type":"string"}},"required":["name","address","base_port","zone","region","labels","state","heard","version","members","silent_ms","replaced_in_ms","runs_store","signs","engines","joined_at"]},
  ImportCheck: {"type":"object","properties":{"name":{"type":"string"},"outcome":{"type":"string","enum":["ok","note","failed"]},"text":{"type":"string"},"hint":{"type":"string"}},"required":["name","outcome","text"]},
  ImportChecks: {"type":"object","properties":{"ok":{"type":"boolean"},"checks":{"type":"array","items":{"$ref":"ImportCheck"}}},"required":["ok","checks"]},
  ImportStatus: {"type":"object","properties":{"database":{"type":"string"},"state":{"type":"string","enum":["copying","unfinished","initial","following","stuck"]},"operation":{"type":["string","null"]},"source":{"type":"string"},"begun_at":{"type":"string"},"tables":{"anyOf":[{"type":"object","properties":{"total":{"type":"integer"},"copied":{"type":"integer"},"copying":{"type":"array","items":{"type":"string"}}},"required":["total","copied","copying"]},{"type":"null"}]},"lag_bytes":{"type":["number","null"]},"lag_seconds":{"type":["number","null"]},"problem":{"type":["string","null"]}},"required":["database","state","operation","source","begun_at","tables","lag_bytes","lag_seconds","problem"]},
  InPlacePlan: {"type":"object","properties":{"cluster":{"type":"string"},"host":{"type":"string"},"begins_with":{"type":"string"},"at":{"type":["string","null"]},"as_of":{"type":["string","null"]},"members":{"type":"integer"}},"required":["cluster","host","begins_with","at","as_of","members"]},
  JoinCheck: {"type":"object","properties":{"hosts":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"address":{"type":"string"},"base_port":{"type":"integer"}},"required":["name","address","base_port"]}}},"required":["hosts"]},
  JoinGreeting: {"type":"object","properties":{"ca":{"type":"string"},"version":{"type":"string"},"now":{"type":"number"}},"required":["ca","version","now"]},
  JoinStore: {"type":"object","properties":{"kind":{"type":"string","enum":["own","given"]},"endpoints":{"type":"array","items":{"type":"string"}},"prefix":{"type":"string"},"user":{"type":"string"},"password":{"type":"string"},"ca":{"type":"string"},"cert":{"type":"string"},"key":{"type":"string"}},"required":["kind","endpoints","prefix"]},
  JoinToken: {"type":"object","properties":{"id":{"type":"string"},"token":{"type":"string"},"expires_at":{"type":"string"},"uses":{"type":"integer"}},"required":["id","token","expires_at","uses"]},
  Joined: {"type":"object","properties":{"installation":{"type":"string"},"certificate":{"type":"string"},"ca_key":{"type":["string","null"]},"runs_store":{"type":"boolean"},"store":{"$ref":"JoinStore"},"hosts":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"address":{"type":"string"},"base_port":{"type":"integer"}},"required":["name","address","base_port"]}}},"required":["installation","certificate","ca_key","runs_store","store","hosts"]},
  LogLine: {"type":"object","properties":{"at":{"type":"string"},"host":{"type":["string","null"]},"process":{"type":"string","enum":["postgres","pgbouncer","pgbackrest","agent","router","guard","relay","etcd"]},"cluster":{"type":["string","null"]},"member":{"type":["string","null"]},"level":{"type":"string","enum":["debug","info","warning","error","fatal"]},"message":{"type":"string"},"fields":{"type":"object","additionalProperties":{"type":"string"}}},"required":["at","host","process","cluster","member","level","message","fields"]},
  LogLines: {"type":"object","properties":{"lines":{"type":"array","items":{"$ref":"LogLine"}},"cursor":{"type":"object","additionalProperties":{"type":"string"}},"has_more":{"type":"boolean"},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["lines","cursor","has_more","missing"]},
  MemberStatus: {"type":"object","properties":{"id":{"type":"string"},"host":{"type":"string"},"region":{"type":"string"},"zone":{"type":"string"},"role":{"type":"string","enum":["primary","standby"]},"state":{"type":"string","enum":["starting","running","streaming","catching-up","cloning","rewinding","stopped","failed","unreachable"]},"pid":{"type":["integer","null"]},"port":{"type":"integer"},"socket_directory":{"type":"string"},"data_directory":{"type":"string"},"status_url":{"default":null,"type":["string","null"]},"timeline":{"type":["integer","null"]},"flushed_lsn":{"type":["string","null"]},"lag_bytes":{"type":["number","null"]},"is_voter":{"type":"boolean"},"is_read_replica":{"type":"boolean"},"upstream":{"default":null,"type":["string","null"]},"incarnation":{"type":"integer"},"version":{"default":null,"type":["string","null"]},"because":{"type":"string"},"resources":{"default":null,"anyOf":[{"$ref":"Resources"},{"type":"null"}]},"read":{"default":null,"anyOf":[{"type":"object","properties":{"lag_bytes":{"type":"number"},"lag_ms":{"type":["number","null"]},"serves":{"type":"boolean"}},"required":["lag_bytes","lag_ms","serves"]},{"type":"null"}]}},"required":["id","host","region","zone","role","state","pid","port","socket_directory","data_directory","status_url","timeline","flushed_lsn","lag_bytes","is_voter","is_read_replica","upstream","incarnation","version","because","resources","read"]},
  MemberVersion: {"type":"object","properties":{"id":{"type":"string"},"host":{"type":"string"},"role":{"type":"string","enum":["primary","standby"]},"running":{"type":["string","null"]},"next_start":{"type":["string","null"]}},"required":["id","host","role","running","next_start"]},
  Nothing: {"type":"object","properties":{}},
  Operation: {"type":"object","properties":{"id":{"type":"string"},"kind":{"type":"string"},"cluster":{"type":"string"},"state":{"type":"string","enum":["running","done","failed","cancelled"]},"step":{"type":"string"},"steps_done":{"type":"integer"},"steps_total":{"type":["integer","null"]},"started_at":{"type":"string"},"ended_at":{"type":["string","null"]},"by":{"type":"string"},"result":{"anyOf":[{"type":"object","additionalProperties":{}},{"type":"null"}]},"error":{"anyOf":[{"type":"object","properties":{"code":{"type":"string"},"message":{"type":"string"},"detail":{"type":"string"},"hint":{"type":"string"}},"required":["code","message"]},{"type":"null"}]},"host":{"type":["string","null"]}},"required":["id","kind","cluster","state","step","steps_done","steps_total","started_at","ended_at","by","result","error"]},
  Pause: {"type":"object","properties":{"from":{"type":"string"},"to":{"type":["string","null"]},"ms":{"type":"number"},"why":{"type":"string","enum":["switchover","failover","restart","upgrade","config","crash","stop","voters","unknown"]},"by":{"type":"string"},"member":{"type":["string","null"]}},"required":["from","to","ms","why","by","member"]},
  PreloadedLibrary: {"type":"object","properties":{"library":{"type":"string"},"not_on":{"type":"array","items":{"type":"string"}}},"required":["library","not_on"]},
  Proof: {"type":"object","properties":{"made_at":{"type":"string"},"took_ms":{"type":"integer"},"by":{"type":"string"},"passed":{"type":"boolean"},"from":{"type":"string","enum":["snapshot","backup"]},"base":{"type":"string"},"restored_to":{"type":"string"},"newest_change":{"type":["string","null"]},"problems":{"type":"array","items":{"type":"string"}},"size_bytes":{"type":"number"},"tables":{"type":"integer"},"rows_about":{"type":"number"},"checked":{"type":"integer"},"unchecked":{"type":"integer"},"pages":{"type":"integer"},"counts":{"type":"array","items":{"type":"object","properties":{"table":{"type":"string"},"rows":{"type":["number","null"]},"at_least":{"type":["number","null"]},"at_most":{"type":["number","null"]},"verdict":{"type":"string","enum":["within","outside","unsure"]}},"required":["table","rows","at_least","at_most","verdict"]}}},"required":["made_at","took_ms","by","passed","from","base","restored_to","newest_change","problems","size_bytes","tables","rows_about","checked","unchecked","pages","counts"]},
  ProofState: {"type":"object","properties":{"every_days":{"type":"integer"},"passed_at":{"type":["string","null"]},"problem":{"type":["string","null"]},"is_overdue":{"type":"boolean"}},"required":["every_days","passed_at","problem","is_overdue"]},
  Proofs: {"type":"object","properties":{"cluster":{"type":"string"},"every_days":{"type":"integer"},"tables":{"type":"array","items":{"type":"string"}},"next_at":{"type":["string","null"]},"last_passed_at":{"type":["string","null"]},"is_overdue":{"type":"boolean"},"proofs":{"type":"array","items":{"$ref":"Proof"}}},"required":["cluster","every_days","tables","next_at","last_passed_at","is_overdue","proofs"]},
  Resources: {"type":"object","properties":{"memory_bytes":{"type":"number"},"cpus":{"type":"number"},"memory_limited":{"type":"boolean"},"cpus_limited":{"type":"boolean"},"memory_used_bytes":{"type":["number","null"]},"note":{"type":["string","null"]}},"required":["memory_bytes","cpus","memory_limited","cpus_limited","memory_used_bytes","note"]},
  RestorePoint: {"type":"object","properties":{"name":{"type":"string"},"made_at":{"type":"string"},"by":{"type":"string"},"lsn":{"type":"string"},"timeline":{"type":"integer"},"system_identifier":{"type":"string"},"is_current":{"type":"boolean"}},"required":["name","made_at","by","lsn","timeline","system_identifier","is_current"]},
  RestoreWindows: {"type":"object","properties":{"windows":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"from":{"type":"string"},"until":{"type":"string"},"is_current":{"type":"boolean"}},"required":["host","from","until","is_current"]}},"points":{"type":"array","items":{"$ref":"RestorePoint"}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["windows","points","missing"]},
  ScalePlan: {"type":"object","properties":{"changed":{"type":"boolean"},"changes":{"type":"array","items":{"$ref":"SettingChange"}},"warnings":{"type":"array","items":{"type":"string"}},"restart":{"type":"array","items":{"type":"string"}},"pause":{"type":["string","null"]},"away":{"type":"array","items":{"type":"object","properties":{"member":{"type":"string"},"reason":{"type":"string"}},"required":["member","reason"]}},"members":{"type":"object","properties":{"before":{"type":"number"},"after":{"type":"number"}},"required":["before","after"]},"memory_bytes":{"type":"object","properties":{"before":{"type":"number"},"after":{"type":"number"}},"required":["before","after"]},"cpus":{"type":"object","properties":{"before":{"type":"number"},"after":{"type":"number"}},"required":["before","after"]},"limited":{"type":"object","properties":{"before":{"type":"object","properties":{"memory":{"type":"boolean"},"cpus":{"type":"boolean"}},"required":["memory","cpus"]},"after":{"type":"object","properties":{"memory":{"type":"boolean"},"cpus":{"type":"boolean"}},"required":["memory","cpus"]}},"required":["before","after"]},"kept":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"value":{"type":"string"},"computed":{"type":"string"}},"required":["name","value","computed"]}}},"required":["changed","changes","warnings","restart","pause","away","members","memory_bytes","cpus","limited","kept"]},
  Setting: {"type":"object","properties":{"name":{"type":"string"},"value":{"type":"string"},"setting":{"type":"string"},"unit":{"type":["string","null"]},"type":{"type":"string"},"min":{"type":["string","null"]},"max":{"type":["string","null"]},"allowed":{"anyOf":[{"type":"array","items":{"type":"string"}},{"type":"null"}]},"default":{"type":["string","null"]},"source":{"type":"string","enum":["user","computed","extensions","owned","default","other"]},"why":{"type":["string","null"]},"restart":{"type":"boolean"},"pending":{"anyOf":[{"type":"object","properties":{"value":{"type":"string"},"members":{"type":"array","items":{"type":"string"}},"reason":{"type":"string"}},"required":["value","members","reason"]},{"type":"null"}]},"differs":{"type":"array","items":{"type":"object","properties":{"member":{"type":"string"},"value":{"type":"string"}},"required":["member","value"]}},"category":{"type":"string"},"description":{"type":"string"}},"required":["name","value","setting","unit","type","min","max","allowed","default","source","why","restart","pending","differs","category","description"]},
  SettingChange: {"type":"object","properties":{"name":{"type":"string"},"before":{"type":"string"},"after":{"type":"string"},"source":{"type":"string","enum":["user","computed","extensions","owned","default","other"]},"restart":{"type":"boolean"}},"required":["name","before","after","source","restart"]},
  SettingsPlan: {"type":"object","properties":{"changed":{"type":"boolean"},"changes":{"type":"array","items":{"$ref":"SettingChange"}},"warnings":{"type":"array","items":{"type":"string"}},"restart":{"type":"array","items":{"type":"string"}},"pause":{"type":["string","null"]},"away":{"type":"array","items":{"type":"object","properties":{"member":{"type":"string"},"reason":{"type":"string"}},"required":["member","reason"]}}},"required":["changed","changes","warnings","restart","pause","away"]},
  SettingsReport: {"type":"object","properties":{"settings":{"type":"array","items":{"$ref":"Setting"}},"away":{"type":"array","items":{"type":"object","properties":{"member":{"type":"string"},"reason":{"type":"string"}},"required":["member","reason"]}}},"required":["settings","away"]},
  Snapshot: {"type":"object","properties":{"id":{"type":"string"},"cluster":{"type":"string"},"member":{"type":"string"},"host":{"type":"string"},"taken_at":{"type":"string"},"took_ms":{"type":"integer"},"by":{"type":"string"},"why":{"type":"string","enum":["asked","daily","before-restore","before-change","before-rejoin"]},"how":{"type":"string","enum":["atomic","backup-mode","stopped"]},"role":{"type":"string","enum":["primary","standby"]},"timeline":{"type":"integer"},"version":{"type":"string"},"size_bytes":{"type":"integer"},"own_bytes":{"type":["integer","null"]},"kept_until":{"type":"string"},"is_current":{"type":"boolean"},"start":{"default":null,"anyOf":[{"type":"object","properties":{"timeline":{"type":"integer"},"lsn":{"type":"string"}},"required":["timeline","lsn"]},{"type":"null"}]},"system_identifier":{"default":null,"type":["string","null"]}},"required":["id","cluster","member","host","taken_at","took_ms","by","why","how","role","timeline","version","size_bytes","own_bytes","kept_until","is_current","start","system_identifier"]},
  SnapshotPolicy: {"type":"object","properties":{"daily":{"type":"boolean"},"kept_days":{"type":"integer"},"next_at":{"type":["string","null"]}},"required":["daily","kept_days","next_at"]},
  Snapshots: {"type":"object","properties":{"snapshots":{"type":"array","items":{"$ref":"Snapshot"}},"policy":{"anyOf":[{"$ref":"SnapshotPolicy"},{"type":"null"}]},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["snapshots","policy","missing"]},
  StoreStatus: {"type":"object","properties":{"reachable":{"type":"boolean"},"since":{"type":["string","null"]}},"required":["reachable","since"]},
  Token: {"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},"role":{"type":"string","enum":["viewer","operator","admin"]},"created_at":{"type":"string"},"created_by":{"type":"string"},"expires_at":{"type":["string","null"]},"expired":{"type":"boolean"}},"required":["id","name","role","created_at","created_by","expires_at","expired"]},
  UpgradePlan: {"type":"object","properties":{"cluster":{"type":"string"},"to":{"type":"string"},"turns":{"type":"array","items":{"type":"object","properties":{"member":{"type":"string"},"from":{"type":["string","null"]},"how":{"type":"string","enum":["restart","switchover","in-place"]}},"required":["member","from","how"]}},"expected_pause_ms":{"type":["number","null"]},"problems":{"type":"array","items":{"type":"string"}}},"required":["cluster","to","turns","expected_pause_ms","problems"]},
  User: {"type":"object","properties":{"name":{"type":"string"},"superuser":{"type":"boolean"},"databases":{"type":"array","items":{"type":"object","properties":{"database":{"type":"string"},"role":{"type":"string","enum":["reader","writer","owner"]}},"required":["database","role"]}},"logins":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"valid_until":{"type":["string","null"]}},"required":["name","valid_until"]}},"sessions":{"type":"integer"},"attachments":{"type":"array","items":{"type":"string"}}},"required":["name","superuser","databases","logins","sessions","attachments"]},
  UserCertificate: {"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},"role":{"type":"string","enum":["viewer","operator","admin"]},"fingerprint":{"type":"string"},"created_at":{"type":"string"},"created_by":{"type":"string"},"expires_at":{"type":"string"},"expired":{"type":"boolean"}},"required":["id","name","role","fingerprint","created_at","created_by","expires_at","expired"]},
  VersionReport: {"type":"object","properties":{"cluster":{"type":"string"},"engine":{"type":"string","enum":["embedded","system"]},"engine_directory":{"default":null,"type":["string","null"]},"major":{"type":"integer"},"members":{"type":"array","items":{"$ref":"MemberVersion"}},"newest":{"type":["string","null"]},"is_behind":{"type":"boolean"},"newest_in_registry":{"type":["string","null"]}},"required":["cluster","engine","engine_directory","major","members","newest","is_behind","newest_in_registry"]},
  Volume: {"type":"object","properties":{"member":{"type":"string"},"host":{"type":"string"},"file_system":{"type":"string"},"driver":{"type":"string","enum":["directory","xfs","btrfs"]},"size_bytes":{"type":["integer","null"]},"not_enforced":{"type":["string","null"]},"used_bytes":{"type":"integer"},"wal_bytes":{"type":"integer"},"free_bytes":{"type":"integer"},"pool_free_bytes":{"type":"integer"},"growth_bytes_per_day":{"type":["integer","null"]}},"required":["member","host","file_system","driver","size_bytes","not_enforced","used_bytes","wal_bytes","free_bytes","pool_free_bytes","growth_bytes_per_day"]},
  Volumes: {"type":"object","properties":{"volumes":{"type":"array","items":{"$ref":"Volume"}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["volumes","missing"]},
};

export type Api = ReturnType<typeof createApi>;

export function createApi(sender: Sender) {
  return {
    /** Gives lines of the logs of the hosts' own processes; `cursor` goes on where an answer ended. */
    getHostLogs: (asking: { query?: { member?: string | undefined; process?: "postgres" | "pgbouncer" | "pgbackrest" | "agent" | "router" | "guard" | "relay" | "etcd" | undefined; level?: "debug" | "info" | "warning" | "error" | "fatal" | undefined; grep?: string | undefined; since?: string | undefined; until?: string | undefined; limit?: number | undefined; cursor?: string | undefined; here?: "true" | "false" | undefined } } = {}, how?: How): Promise<LogLines> =>
      sender.json({ method: "GET", path: `/v1/logs` + queryText(asking.query), body: undefined, answer: {"$ref":"LogLines"} }, how),
    /** Says what the agent is and how it fares. */
    getAgent: (how?: How): Promise<AgentStatus> =>
      sender.json({ method: "GET", path: `/v1/agent`, body: undefined, answer: {"$ref":"AgentStatus"} }, how),
    /** Gives the certificate of the installation's authority. */
    getAuthority: (how?: How): Promise<Authority> =>
      sender.json({ method: "GET", path: `/v1/agent/authority`, body: undefined, answer: {"$ref":"Authority"} }, how),
    /** Ends the agent; with `servers` also every server and the router of its host. */
    stopAgent: (asking: { body?: StopAgentRequest } = {}, how?: How): Promise<Nothing> =>
      sender.json({ method: "POST", path: `/v1/agent/stop`, body: asking.body ?? {}, answer: {"$ref":"Nothing"} }, how),
    /** Gives the status of every cluster. */
    listClusters: (how?: How): Promise<ClusterStatus[]> =>
      sender.json({ method: "GET", path: `/v1/clusters`, body: undefined, answer: {"type":"array","items":{"$ref":"ClusterStatus"}} }, how),
    /** Makes a cluster; the password is in this answer and in no later one. */
    createCluster: (asking: { body: CreateRequest }, how?: How): Promise<Created> =>
      sender.json({ method: "POST", path: `/v1/clusters`, body: asking.body, answer: {"$ref":"Created"} }, how),
    /** Gives the status of a cluster. */
    getCluster: (asking: { cluster: string }, how?: How): Promise<ClusterStatus> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}`, body: undefined, answer: {"$ref":"ClusterStatus"} }, how),
    /** Ends a cluster and removes its data; snapshots stay. */
    destroyCluster: (asking: { cluster: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "DELETE", path: `/v1/clusters/${pathPart(asking.cluster)}`, body: undefined, answer: {"$ref":"Operation"} }, how),
    /** Sends the status of a cluster now and whenever it has changed. */
    watchCluster: (asking: { cluster: string }, how?: How): AsyncGenerator<ClusterStatus> =>
      sender.stream(`/v1/clusters/${pathPart(asking.cluster)}/stream`, {"$ref":"ClusterStatus"}, how),
    /** Says what each member does and why, and what the cluster would survive. */
    explainCluster: (asking: { cluster: string }, how?: How): Promise<Explain> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/explain`, body: undefined, answer: {"$ref":"Explain"} }, how),
    /** Gives lines of the logs of a cluster's servers and of what serves it; `cursor` goes on where an answer ended. */
    getLogs: (asking: { cluster: string; query?: { member?: string | undefined; process?: "postgres" | "pgbouncer" | "pgbackrest" | "agent" | "router" | "guard" | "relay" | "etcd" | undefined; level?: "debug" | "info" | "warning" | "error" | "fatal" | undefined; grep?: string | undefined; since?: string | undefined; until?: string | undefined; limit?: number | undefined; cursor?: string | undefined; here?: "true" | "false" | undefined } }, how?: How): Promise<LogLines> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/logs` + queryText(asking.query), body: undefined, answer: {"$ref":"LogLines"} }, how),
    /** Says how clients connect, without the password. */
    getConnection: (asking: { cluster: string; query?: { role?: "primary" | "read" | "pooled" | undefined; user?: string | undefined; database?: string | undefined; max_lag_ms?: number | undefined } }, how?: How): Promise<Connection> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/connection` + queryText(asking.query), body: undefined, answer: {"$ref":"Connection"} }, how),
    /** Gives the verdict on every member as the next primary. */
    listCandidates: (asking: { cluster: string; query: { kind: "switchover" | "failover"; to?: string | undefined; region?: string | undefined } }, how?: How): Promise<Candidate[]> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/candidates` + queryText(asking.query), body: undefined, answer: {"type":"array","items":{"$ref":"Candidate"}} }, how),
    /** Stops the servers of a cluster; it stays down until it is started. */
    stopCluster: (asking: { cluster: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/stop`, body: {}, answer: {"$ref":"Operation"} }, how),
    /** Starts a cluster that was stopped. */
    startCluster: (asking: { cluster: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/start`, body: {}, answer: {"$ref":"Operation"} }, how),
    /** Restarts members one at a time, the primary last. */
    restartCluster: (asking: { cluster: string; body?: RestartRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/restart`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Leaves a cluster to work by hand for a while: no failover, no restarts. */
    pauseCluster: (asking: { cluster: string; body: PauseRequest }, how?: How): Promise<ClusterStatus> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/pause`, body: asking.body, answer: {"$ref":"ClusterStatus"} }, how),
    /** Ends a pause. */
    resumeCluster: (asking: { cluster: string }, how?: How): Promise<ClusterStatus> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/resume`, body: {}, answer: {"$ref":"ClusterStatus"} }, how),
    /** Says after how long without a client a cluster falls asleep. */
    setAutostop: (asking: { cluster: string; body: AutostopRequest }, how?: How): Promise<ClusterStatus> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/autostop`, body: asking.body, answer: {"$ref":"ClusterStatus"} }, how),
    /** Says how far behind standbys may be that serve reads, and who serves when none is fit. */
    setReads: (asking: { cluster: string; body?: {
  max_lag_ms?: number | undefined;
  max_lag_bytes?: number | undefined;
  fallback?: "primary" | "refuse" | undefined;
} }, how?: How): Promise<ClusterStatus> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/reads`, body: asking.body ?? {}, answer: {"$ref":"ClusterStatus"} }, how),
    /** Says how the pooled endpoint is set, and who waits for what at each host. */
    getPool: (asking: { cluster: string; query?: { here?: "true" | "false" | undefined } }, how?: How): Promise<{
      cluster: string;
      on: boolean;
      endpoint: Address | null;
      mode: "transaction" | "session" | "statement";
      size: number;
      reserve: number;
      max_clients: number;
      wait_ms: number;
      max_connections: number;
      servers_max: number;
      hosts: {
        host: string;
        state: "serving" | "holding" | "starting" | "failed";
        trouble: string | null;
        version: string | null;
        clients: number;
        pools: {
          database: string;
          user: string;
          mode: "transaction" | "session" | "statement";
          clients_active: number;
          clients_waiting: number;
          servers_active: number;
          servers_idle: number;
          servers_other: number;
          wait_ms: number;
        }[];
        totals: {
          database: string;
          transactions: number;
          queries: number;
          received_bytes: number;
          sent_bytes: number;
          transaction_ms: number;
          query_ms: number;
          wait_ms: number;
        }[];
      }[];
      missing: {
        host: string;
        reason: string;
      }[];
    }> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/pool` + queryText(asking.query), body: undefined, answer: {"type":"object","properties":{"cluster":{"type":"string"},"on":{"type":"boolean"},"endpoint":{"anyOf":[{"$ref":"Address"},{"type":"null"}]},"mode":{"type":"string","enum":["transaction","session","statement"]},"size":{"type":"integer"},"reserve":{"type":"integer"},"max_clients":{"type":"integer"},"wait_ms":{"type":"integer"},"max_connections":{"type":"integer"},"servers_max":{"type":"integer"},"hosts":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"state":{"type":"string","enum":["serving","holding","starting","failed"]},"trouble":{"type":["string","null"]},"version":{"type":["string","null"]},"clients":{"type":"integer"},"pools":{"type":"array","items":{"type":"object","properties":{"database":{"type":"string"},"user":{"type":"string"},"mode":{"type":"string","enum":["transaction","session","statement"]},"clients_active":{"type":"integer"},"clients_waiting":{"type":"integer"},"servers_active":{"type":"integer"},"servers_idle":{"type":"integer"},"servers_other":{"type":"integer"},"wait_ms":{"type":"number"}},"required":["database","user","mode","clients_active","clients_waiting","servers_active","servers_idle","servers_other","wait_ms"]}},"totals":{"type":"array","items":{"type":"object","properties":{"database":{"type":"string"},"transactions":{"type":"number"},"queries":{"type":"number"},"received_bytes":{"type":"number"},"sent_bytes":{"type":"number"},"transaction_ms":{"type":"number"},"query_ms":{"type":"number"},"wait_ms":{"type":"number"}},"required":["database","transactions","queries","received_bytes","sent_bytes","transaction_ms","query_ms","wait_ms"]}}},"required":["host","state","trouble","version","clients","pools","totals"]}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["cluster","on","endpoint","mode","size","reserve","max_clients","wait_ms","max_connections","servers_max","hosts","missing"]} }, how),
    /** Turns the pooled endpoint on or off, or changes how it pools. */
    changePool: (asking: { cluster: string; body: {
  on?: boolean | undefined;
  mode?: "transaction" | "session" | "statement" | undefined;
  size?: number | undefined;
  reserve?: number | undefined;
  max_clients?: number | undefined;
  wait_ms?: number | undefined;
  port?: number | undefined;
} }, how?: How): Promise<{
      cluster: string;
      on: boolean;
      endpoint: Address | null;
      mode: "transaction" | "session" | "statement";
      size: number;
      reserve: number;
      max_clients: number;
      wait_ms: number;
      max_connections: number;
      servers_max: number;
      hosts: {
        host: string;
        state: "serving" | "holding" | "starting" | "failed";
        trouble: string | null;
        version: string | null;
        clients: number;
        pools: {
          database: string;
          user: string;
          mode: "transaction" | "session" | "statement";
          clients_active: number;
          clients_waiting: number;
          servers_active: number;
          servers_idle: number;
          servers_other: number;
          wait_ms: number;
        }[];
        totals: {
          database: string;
          transactions: number;
          queries: number;
          received_bytes: number;
          sent_bytes: number;
          transaction_ms: number;
          query_ms: number;
          wait_ms: number;
        }[];
      }[];
      missing: {
        host: string;
        reason: string;
      }[];
    }> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/pool`, body: asking.body, answer: {"type":"object","properties":{"cluster":{"type":"string"},"on":{"type":"boolean"},"endpoint":{"anyOf":[{"$ref":"Address"},{"type":"null"}]},"mode":{"type":"string","enum":["transaction","session","statement"]},"size":{"type":"integer"},"reserve":{"type":"integer"},"max_clients":{"type":"integer"},"wait_ms":{"type":"integer"},"max_connections":{"type":"integer"},"servers_max":{"type":"integer"},"hosts":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"state":{"type":"string","enum":["serving","holding","starting","failed"]},"trouble":{"type":["string","null"]},"version":{"type":["string","null"]},"clients":{"type":"integer"},"pools":{"type":"array","items":{"type":"object","properties":{"database":{"type":"string"},"user":{"type":"string"},"mode":{"type":"string","enum":["transaction","session","statement"]},"clients_active":{"type":"integer"},"clients_waiting":{"type":"integer"},"servers_active":{"type":"integer"},"servers_idle":{"type":"integer"},"servers_other":{"type":"integer"},"wait_ms":{"type":"number"}},"required":["database","user","mode","clients_active","clients_waiting","servers_active","servers_idle","servers_other","wait_ms"]}},"totals":{"type":"array","items":{"type":"object","properties":{"database":{"type":"string"},"transactions":{"type":"number"},"queries":{"type":"number"},"received_bytes":{"type":"number"},"sent_bytes":{"type":"number"},"transaction_ms":{"type":"number"},"query_ms":{"type":"number"},"wait_ms":{"type":"number"}},"required":["database","transactions","queries","received_bytes","sent_bytes","transaction_ms","query_ms","wait_ms"]}}},"required":["host","state","trouble","version","clients","pools","totals"]}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["cluster","on","endpoint","mode","size","reserve","max_clients","wait_ms","max_connections","servers_max","hosts","missing"]} }, how),
    /** Moves the primary to another member, or to another region for good. */
    switchover: (asking: { cluster: string; body?: SwitchoverRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/switchover`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Elects another primary; accepting a loss of data needs an admin. */
    failover: (asking: { cluster: string; body?: FailoverRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/failover`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Changes how many members there are and what each gets. */
    scaleCluster: (asking: { cluster: string; body: ScaleRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/scale`, body: asking.body, answer: {"$ref":"Operation"} }, how),
    /** Says what a change of the scale would do; changes nothing. */
    planScale: (asking: { cluster: string; body: ScaleRequest }, how?: How): Promise<ScalePlan> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/scale/plan`, body: asking.body, answer: {"$ref":"ScalePlan"} }, how),
    /** Gives the members of a cluster. */
    listMembers: (asking: { cluster: string }, how?: How): Promise<MemberStatus[]> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/members`, body: undefined, answer: {"type":"array","items":{"$ref":"MemberStatus"}} }, how),
    /** Adds a member, where it suits best or where it is asked for. */
    addMember: (asking: { cluster: string; body?: AddMemberRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/members`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Removes a member and its data. */
    removeMember: (asking: { cluster: string; member: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "DELETE", path: `/v1/clusters/${pathPart(asking.cluster)}/members/${pathPart(asking.member)}`, body: undefined, answer: {"$ref":"Operation"} }, how),
    /** Builds a standby anew from another member. */
    recloneMember: (asking: { cluster: string; member: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/members/${pathPart(asking.member)}/reclone`, body: {}, answer: {"$ref":"Operation"} }, how),
    /** Gives an application a database and a user of its own, or completes what was begun. */
    attachApp: (asking: { cluster: string; body: AttachRequest }, how?: How): Promise<Attached> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/attachments`, body: asking.body, answer: {"$ref":"Attached"} }, how),
    /** Says that the application has its URI, and where that was written to. */
    confirmAttachment: (asking: { cluster: string; app: string; body: HandedOverRequest }, how?: How): Promise<Attachment> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/attachments/${pathPart(asking.app)}/handed-over`, body: asking.body, answer: {"$ref":"Attachment"} }, how),
    /** Takes an application its user; the database stays. */
    detachApp: (asking: { cluster: string; app: string }, how?: How): Promise<Attachment> =>
      sender.json({ method: "DELETE", path: `/v1/clusters/${pathPart(asking.cluster)}/attachments/${pathPart(asking.app)}`, body: undefined, answer: {"$ref":"Attachment"} }, how),
    /** Gives the databases of a cluster. */
    listDatabases: (asking: { cluster: string }, how?: How): Promise<Database[]> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/databases`, body: undefined, answer: {"type":"array","items":{"$ref":"Database"}} }, how),
    /** Makes a database. */
    createDatabase: (asking: { cluster: string; body: CreateDatabaseRequest }, how?: How): Promise<Database> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/databases`, body: asking.body, answer: {"$ref":"Database"} }, how),
    /** Ends the sessions of a database and removes it. */
    dropDatabase: (asking: { cluster: string; database: string }, how?: How): Promise<Nothing> =>
      sender.json({ method: "DELETE", path: `/v1/clusters/${pathPart(asking.cluster)}/databases/${pathPart(asking.database)}`, body: undefined, answer: {"$ref":"Nothing"} }, how),
    /** Gives the database users of a cluster. */
    listUsers: (asking: { cluster: string }, how?: How): Promise<User[]> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/users`, body: undefined, answer: {"type":"array","items":{"$ref":"User"}} }, how),
    /** Makes a database user; a superuser needs an admin. */
    createUser: (asking: { cluster: string; body: CreateUserRequest }, how?: How): Promise<Credentials> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/users`, body: asking.body, answer: {"$ref":"Credentials"} }, how),
    /** Ends the sessions of a user and removes it; what it owns goes to the owners of the databases. */
    dropUser: (asking: { cluster: string; user: string }, how?: How): Promise<Nothing> =>
      sender.json({ method: "DELETE", path: `/v1/clusters/${pathPart(asking.cluster)}/users/${pathPart(asking.user)}`, body: undefined, answer: {"$ref":"Nothing"} }, how),
    /** Says what a user may do in a database. */
    grantUser: (asking: { cluster: string; user: string; body: GrantRequest }, how?: How): Promise<User> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/users/${pathPart(asking.user)}/grant`, body: asking.body, answer: {"$ref":"User"} }, how),
    /** Gives a user a new password; the one before is good for a while when asked. */
    rotatePassword: (asking: { cluster: string; user: string; body?: RotateRequest }, how?: How): Promise<Credentials> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/users/${pathPart(asking.user)}/rotate`, body: asking.body ?? {}, answer: {"$ref":"Credentials"} }, how),
    /** Gives the snapshots of a cluster, also of one that was destroyed; with `limit` the newest so many. */
    listSnapshots: (asking: { cluster: string; query?: { here?: "true" | "false" | undefined; limit?: number | undefined; cursor?: string | undefined } }, how?: How): Promise<Snapshots> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/snapshots` + queryText(asking.query), body: undefined, answer: {"$ref":"Snapshots"} }, how),
    /** Takes a snapshot of a member. */
    takeSnapshot: (asking: { cluster: string; body?: SnapshotRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/snapshots`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Says whether snapshots are taken daily, and how long they are kept. */
    setSnapshotPolicy: (asking: { cluster: string; body?: SnapshotPolicyRequest }, how?: How): Promise<Snapshots> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/snapshots/policy`, body: asking.body ?? {}, answer: {"$ref":"Snapshots"} }, how),
    /** Deletes a snapshot. */
    deleteSnapshot: (asking: { cluster: string; snapshot: string; query?: { here?: "true" | "false" | undefined } }, how?: How): Promise<Nothing> =>
      sender.json({ method: "DELETE", path: `/v1/clusters/${pathPart(asking.cluster)}/snapshots/${pathPart(asking.snapshot)}` + queryText(asking.query), body: undefined, answer: {"$ref":"Nothing"} }, how),
    /** Makes a new cluster from a snapshot, or from the cluster as it is. */
    forkCluster: (asking: { cluster: string; body: ForkRequest }, how?: How): Promise<Created> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/forks`, body: asking.body, answer: {"$ref":"Created"} }, how),
    /** Makes a new cluster of what another one was at a chosen time; that one need not exist any more. */
    restoreCluster: (asking: { cluster: string; body: RestoreRequest }, how?: How): Promise<Created> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/restores`, body: asking.body, answer: {"$ref":"Created"} }, how),
    /** Puts a cluster back to what it was at a chosen time, and keeps a snapshot of what it is now. */
    restoreInPlace: (asking: { cluster: string; body?: InPlaceRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/restores/in-place`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Says what a restore in place would begin with, or refuses as that would; changes nothing. */
    planInPlace: (asking: { cluster: string; body?: InPlaceRequest }, how?: How): Promise<InPlacePlan> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/restores/in-place/plan`, body: asking.body ?? {}, answer: {"$ref":"InPlacePlan"} }, how),
    /** Gives the times that a cluster can be restored to, and its restore points. */
    listRestoreWindows: (asking: { cluster: string; query?: { here?: "true" | "false" | undefined } }, how?: How): Promise<RestoreWindows> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/restore-windows` + queryText(asking.query), body: undefined, answer: {"$ref":"RestoreWindows"} }, how),
    /** Gives this moment of a cluster a name to restore to. */
    makeRestorePoint: (asking: { cluster: string; body: RestorePointRequest }, how?: How): Promise<RestorePoint> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/restore-points`, body: asking.body, answer: {"$ref":"RestorePoint"} }, how),
    /** Gives the volumes of the members and how full they are. */
    listVolumes: (asking: { cluster: string; query?: { here?: "true" | "false" | undefined } }, how?: How): Promise<Volumes> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/volumes` + queryText(asking.query), body: undefined, answer: {"$ref":"Volumes"} }, how),
    /** Makes the volumes of all members larger. */
    extendVolumes: (asking: { cluster: string; body: ExtendRequest }, how?: How): Promise<Extended> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/volumes/extend`, body: asking.body, answer: {"$ref":"Extended"} }, how),
    /** Brings the volumes on the host that is asked to the size that the cluster has. */
    applyVolumes: (asking: { cluster: string }, how?: How): Promise<Volumes> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/volumes/apply`, body: {}, answer: {"$ref":"Volumes"} }, how),
    /** Gives the repositories of a cluster as they answer now, and the backups in them; also of one that is gone. */
    showBackups: (asking: { cluster: string; query?: { here?: "true" | "false" | undefined } }, how?: How): Promise<{
      cluster: string;
      stanza: string;
      exists: boolean;
      program: string | null;
      repositories: {
        number: 1 | 2;
        kind: "s3" | "azure" | "gcs" | "sftp" | "path";
        to: string;
        encrypted: boolean;
        escrow: boolean;
        problem: string | null;
        newest_segment: string | null;
        archived_until: string | null;
        backups: number;
        newest_backup_at: string | null;
        is_overdue: boolean;
      }[];
      policy: {
        full_every_days: number;
        between_every_hours: number;
        between: "differential" | "incremental";
        kept_days: number;
        kept_fulls: number;
        next_at: string | null;
      };
      push_problem: string | null;
      backups: {
        label: string;
        repository: 1 | 2;
        kind: "full" | "differential" | "incremental";
        started_at: string;
        ended_at: string;
        size_bytes: number;
        own_bytes: number;
        wal: {
          from: string;
          to: string;
        };
        lsn: {
          from: string;
          to: string;
        };
        needs: string[];
        version: number;
        has_bad_pages: boolean;
        locked_until: string | null;
        proof: {
          at: string;
          how: "verified" | "restored";
          is_good: boolean;
        } | null;
        is_current: boolean;
      }[];
    }> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/backups` + queryText(asking.query), body: undefined, answer: {"type":"object","properties":{"cluster":{"type":"string"},"stanza":{"type":"string"},"exists":{"type":"boolean"},"program":{"type":["string","null"]},"repositories":{"type":"array","items":{"type":"object","properties":{"number":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["s3","azure","gcs","sftp","path"]},"to":{"type":"string"},"encrypted":{"type":"boolean"},"escrow":{"type":"boolean"},"problem":{"type":["string","null"]},"newest_segment":{"type":["string","null"]},"archived_until":{"type":["string","null"]},"backups":{"type":"integer"},"newest_backup_at":{"type":["string","null"]},"is_overdue":{"type":"boolean"}},"required":["number","kind","to","encrypted","escrow","problem","newest_segment","archived_until","backups","newest_backup_at","is_overdue"]}},"policy":{"type":"object","properties":{"full_every_days":{"type":"integer"},"between_every_hours":{"type":"integer"},"between":{"type":"string","enum":["differential","incremental"]},"kept_days":{"type":"integer"},"kept_fulls":{"type":"integer"},"next_at":{"type":["string","null"]}},"required":["full_every_days","between_every_hours","between","kept_days","kept_fulls","next_at"]},"push_problem":{"type":["string","null"]},"backups":{"type":"array","items":{"type":"object","properties":{"label":{"type":"string"},"repository":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["full","differential","incremental"]},"started_at":{"type":"string"},"ended_at":{"type":"string"},"size_bytes":{"type":"number"},"own_bytes":{"type":"number"},"wal":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"lsn":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"needs":{"type":"array","items":{"type":"string"}},"version":{"type":"integer"},"has_bad_pages":{"type":"boolean"},"locked_until":{"type":["string","null"]},"proof":{"anyOf":[{"type":"object","properties":{"at":{"type":"string"},"how":{"type":"string","enum":["verified","restored"]},"is_good":{"type":"boolean"}},"required":["at","how","is_good"]},{"type":"null"}]},"is_current":{"type":"boolean"}},"required":["label","repository","kind","started_at","ended_at","size_bytes","own_bytes","wal","lsn","needs","version","has_bad_pages","locked_until","proof","is_current"]}}},"required":["cluster","stanza","exists","program","repositories","policy","push_problem","backups"]} }, how),
    /** Gives a cluster a repository: its log goes there, and backups are taken by themselves. */
    enableBackups: (asking: { cluster: string; body: {
  number?: 1 | 2 | undefined;
  to: string;
  endpoint?: string | undefined;
  region?: string | undefined;
  path_style?: boolean | undefined;
  account?: string | undefined;
  fingerprint?: string | undefined;
  credentials: {
    kind: "none";
  } | {
    kind: "keys";
    key: string;
    secret: string;
    token?: string | undefined;
  } | {
    kind: "machine";
  } | {
    kind: "azure-key";
    key: string;
  } | {
    kind: "azure-sas";
    token: string;
  } | {
    kind: "gcs-account";
    json: string;
  } | {
    kind: "private-key";
    key: string;
  };
  authorities?: string | undefined;
  key?: string | undefined;
  encrypt?: boolean | undefined;
  escrow?: boolean | undefined;
  policy?: {
    full_every_days?: number | undefined;
    between_every_hours?: number | undefined;
    between?: "differential" | "incremental" | undefined;
    kept_days?: number | undefined;
    kept_fulls?: number | undefined;
  } | undefined;
  here?: boolean | undefined;
} }, how?: How): Promise<{
      operation: Operation;
      key: string | null;
    }> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups`, body: asking.body, answer: {"type":"object","properties":{"operation":{"$ref":"Operation"},"key":{"type":["string","null"]}},"required":["operation","key"]} }, how),
    /** Makes the repository of a cluster that is not there known, so that its backups can be restored. */
    connectRepository: (asking: { cluster: string; body: {
  number?: 1 | 2 | undefined;
  to: string;
  endpoint?: string | undefined;
  region?: string | undefined;
  path_style?: boolean | undefined;
  account?: string | undefined;
  fingerprint?: string | undefined;
  credentials: {
    kind: "none";
  } | {
    kind: "keys";
    key: string;
    secret: string;
    token?: string | undefined;
  } | {
    kind: "machine";
  } | {
    kind: "azure-key";
    key: string;
  } | {
    kind: "azure-sas";
    token: string;
  } | {
    kind: "gcs-account";
    json: string;
  } | {
    kind: "private-key";
    key: string;
  };
  authorities?: string | undefined;
  key?: string | undefined;
  encrypt?: boolean | undefined;
  escrow?: boolean | undefined;
} }, how?: How): Promise<{
      cluster: string;
      stanza: string;
      exists: boolean;
      program: string | null;
      repositories: {
        number: 1 | 2;
        kind: "s3" | "azure" | "gcs" | "sftp" | "path";
        to: string;
        encrypted: boolean;
        escrow: boolean;
        problem: string | null;
        newest_segment: string | null;
        archived_until: string | null;
        backups: number;
        newest_backup_at: string | null;
        is_overdue: boolean;
      }[];
      policy: {
        full_every_days: number;
        between_every_hours: number;
        between: "differential" | "incremental";
        kept_days: number;
        kept_fulls: number;
        next_at: string | null;
      };
      push_problem: string | null;
      backups: {
        label: string;
        repository: 1 | 2;
        kind: "full" | "differential" | "incremental";
        started_at: string;
        ended_at: string;
        size_bytes: number;
        own_bytes: number;
        wal: {
          from: string;
          to: string;
        };
        lsn: {
          from: string;
          to: string;
        };
        needs: string[];
        version: number;
        has_bad_pages: boolean;
        locked_until: string | null;
        proof: {
          at: string;
          how: "verified" | "restored";
          is_good: boolean;
        } | null;
        is_current: boolean;
      }[];
    }> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/connect`, body: asking.body, answer: {"type":"object","properties":{"cluster":{"type":"string"},"stanza":{"type":"string"},"exists":{"type":"boolean"},"program":{"type":["string","null"]},"repositories":{"type":"array","items":{"type":"object","properties":{"number":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["s3","azure","gcs","sftp","path"]},"to":{"type":"string"},"encrypted":{"type":"boolean"},"escrow":{"type":"boolean"},"problem":{"type":["string","null"]},"newest_segment":{"type":["string","null"]},"archived_until":{"type":["string","null"]},"backups":{"type":"integer"},"newest_backup_at":{"type":["string","null"]},"is_overdue":{"type":"boolean"}},"required":["number","kind","to","encrypted","escrow","problem","newest_segment","archived_until","backups","newest_backup_at","is_overdue"]}},"policy":{"type":"object","properties":{"full_every_days":{"type":"integer"},"between_every_hours":{"type":"integer"},"between":{"type":"string","enum":["differential","incremental"]},"kept_days":{"type":"integer"},"kept_fulls":{"type":"integer"},"next_at":{"type":["string","null"]}},"required":["full_every_days","between_every_hours","between","kept_days","kept_fulls","next_at"]},"push_problem":{"type":["string","null"]},"backups":{"type":"array","items":{"type":"object","properties":{"label":{"type":"string"},"repository":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["full","differential","incremental"]},"started_at":{"type":"string"},"ended_at":{"type":"string"},"size_bytes":{"type":"number"},"own_bytes":{"type":"number"},"wal":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"lsn":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"needs":{"type":"array","items":{"type":"string"}},"version":{"type":"integer"},"has_bad_pages":{"type":"boolean"},"locked_until":{"type":["string","null"]},"proof":{"anyOf":[{"type":"object","properties":{"at":{"type":"string"},"how":{"type":"string","enum":["verified","restored"]},"is_good":{"type":"boolean"}},"required":["at","how","is_good"]},{"type":"null"}]},"is_current":{"type":"boolean"}},"required":["label","repository","kind","started_at","ended_at","size_bytes","own_bytes","wal","lsn","needs","version","has_bad_pages","locked_until","proof","is_current"]}}},"required":["cluster","stanza","exists","program","repositories","policy","push_problem","backups"]} }, how),
    /** Ends the backups to a repository; deletes what is in it only when it is asked for. */
    disableBackups: (asking: { cluster: string; body?: {
  number?: 1 | 2 | undefined;
  delete_backups?: boolean | undefined;
  here?: boolean | undefined;
} }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/disable`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Says when backups are taken and how long they are kept. */
    setBackupPolicy: (asking: { cluster: string; body?: {
  full_every_days?: number | undefined;
  between_every_hours?: number | undefined;
  between?: "differential" | "incremental" | undefined;
  kept_days?: number | undefined;
  kept_fulls?: number | undefined;
} }, how?: How): Promise<{
      cluster: string;
      stanza: string;
      exists: boolean;
      program: string | null;
      repositories: {
        number: 1 | 2;
        kind: "s3" | "azure" | "gcs" | "sftp" | "path";
        to: string;
        encrypted: boolean;
        escrow: boolean;
        problem: string | null;
        newest_segment: string | null;
        archived_until: string | null;
        backups: number;
        newest_backup_at: string | null;
        is_overdue: boolean;
      }[];
      policy: {
        full_every_days: number;
        between_every_hours: number;
        between: "differential" | "incremental";
        kept_days: number;
        kept_fulls: number;
        next_at: string | null;
      };
      push_problem: string | null;
      backups: {
        label: string;
        repository: 1 | 2;
        kind: "full" | "differential" | "incremental";
        started_at: string;
        ended_at: string;
        size_bytes: number;
        own_bytes: number;
        wal: {
          from: string;
          to: string;
        };
        lsn: {
          from: string;
          to: string;
        };
        needs: string[];
        version: number;
        has_bad_pages: boolean;
        locked_until: string | null;
        proof: {
          at: string;
          how: "verified" | "restored";
          is_good: boolean;
        } | null;
        is_current: boolean;
      }[];
    }> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/policy`, body: asking.body ?? {}, answer: {"type":"object","properties":{"cluster":{"type":"string"},"stanza":{"type":"string"},"exists":{"type":"boolean"},"program":{"type":["string","null"]},"repositories":{"type":"array","items":{"type":"object","properties":{"number":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["s3","azure","gcs","sftp","path"]},"to":{"type":"string"},"encrypted":{"type":"boolean"},"escrow":{"type":"boolean"},"problem":{"type":["string","null"]},"newest_segment":{"type":["string","null"]},"archived_until":{"type":["string","null"]},"backups":{"type":"integer"},"newest_backup_at":{"type":["string","null"]},"is_overdue":{"type":"boolean"}},"required":["number","kind","to","encrypted","escrow","problem","newest_segment","archived_until","backups","newest_backup_at","is_overdue"]}},"policy":{"type":"object","properties":{"full_every_days":{"type":"integer"},"between_every_hours":{"type":"integer"},"between":{"type":"string","enum":["differential","incremental"]},"kept_days":{"type":"integer"},"kept_fulls":{"type":"integer"},"next_at":{"type":["string","null"]}},"required":["full_every_days","between_every_hours","between","kept_days","kept_fulls","next_at"]},"push_problem":{"type":["string","null"]},"backups":{"type":"array","items":{"type":"object","properties":{"label":{"type":"string"},"repository":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["full","differential","incremental"]},"started_at":{"type":"string"},"ended_at":{"type":"string"},"size_bytes":{"type":"number"},"own_bytes":{"type":"number"},"wal":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"lsn":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"needs":{"type":"array","items":{"type":"string"}},"version":{"type":"integer"},"has_bad_pages":{"type":"boolean"},"locked_until":{"type":["string","null"]},"proof":{"anyOf":[{"type":"object","properties":{"at":{"type":"string"},"how":{"type":"string","enum":["verified","restored"]},"is_good":{"type":"boolean"}},"required":["at","how","is_good"]},{"type":"null"}]},"is_current":{"type":"boolean"}},"required":["label","repository","kind","started_at","ended_at","size_bytes","own_bytes","wal","lsn","needs","version","has_bad_pages","locked_until","proof","is_current"]}}},"required":["cluster","stanza","exists","program","repositories","policy","push_problem","backups"]} }, how),
    /** Takes a backup now. */
    takeBackup: (asking: { cluster: string; body?: {
  kind?: "full" | "differential" | "incremental" | undefined;
  number?: 1 | 2 | undefined;
  here?: boolean | undefined;
} }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/take`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Reads all that is in a repository and compares it with what was written. */
    verifyBackups: (asking: { cluster: string; body?: {
  number?: 1 | 2 | undefined;
  restore?: boolean | undefined;
  here?: boolean | undefined;
} }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/verify`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Locks a backup against deletion until a date, or unlocks it. */
    lockBackup: (asking: { cluster: string; backup: string; body: {
  until: string | null;
  here?: boolean | undefined;
} }, how?: How): Promise<{
      cluster: string;
      stanza: string;
      exists: boolean;
      program: string | null;
      repositories: {
        number: 1 | 2;
        kind: "s3" | "azure" | "gcs" | "sftp" | "path";
        to: string;
        encrypted: boolean;
        escrow: boolean;
        problem: string | null;
        newest_segment: string | null;
        archived_until: string | null;
        backups: number;
        newest_backup_at: string | null;
        is_overdue: boolean;
      }[];
      policy: {
        full_every_days: number;
        between_every_hours: number;
        between: "differential" | "incremental";
        kept_days: number;
        kept_fulls: number;
        next_at: string | null;
      };
      push_problem: string | null;
      backups: {
        label: string;
        repository: 1 | 2;
        kind: "full" | "differential" | "incremental";
        started_at: string;
        ended_at: string;
        size_bytes: number;
        own_bytes: number;
        wal: {
          from: string;
          to: string;
        };
        lsn: {
          from: string;
          to: string;
        };
        needs: string[];
        version: number;
        has_bad_pages: boolean;
        locked_until: string | null;
        proof: {
          at: string;
          how: "verified" | "restored";
          is_good: boolean;
        } | null;
        is_current: boolean;
      }[];
    }> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/${pathPart(asking.backup)}/lock`, body: asking.body, answer: {"type":"object","properties":{"cluster":{"type":"string"},"stanza":{"type":"string"},"exists":{"type":"boolean"},"program":{"type":["string","null"]},"repositories":{"type":"array","items":{"type":"object","properties":{"number":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["s3","azure","gcs","sftp","path"]},"to":{"type":"string"},"encrypted":{"type":"boolean"},"escrow":{"type":"boolean"},"problem":{"type":["string","null"]},"newest_segment":{"type":["string","null"]},"archived_until":{"type":["string","null"]},"backups":{"type":"integer"},"newest_backup_at":{"type":["string","null"]},"is_overdue":{"type":"boolean"}},"required":["number","kind","to","encrypted","escrow","problem","newest_segment","archived_until","backups","newest_backup_at","is_overdue"]}},"policy":{"type":"object","properties":{"full_every_days":{"type":"integer"},"between_every_hours":{"type":"integer"},"between":{"type":"string","enum":["differential","incremental"]},"kept_days":{"type":"integer"},"kept_fulls":{"type":"integer"},"next_at":{"type":["string","null"]}},"required":["full_every_days","between_every_hours","between","kept_days","kept_fulls","next_at"]},"push_problem":{"type":["string","null"]},"backups":{"type":"array","items":{"type":"object","properties":{"label":{"type":"string"},"repository":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"kind":{"type":"string","enum":["full","differential","incremental"]},"started_at":{"type":"string"},"ended_at":{"type":"string"},"size_bytes":{"type":"number"},"own_bytes":{"type":"number"},"wal":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"lsn":{"type":"object","properties":{"from":{"type":"string"},"to":{"type":"string"}},"required":["from","to"]},"needs":{"type":"array","items":{"type":"string"}},"version":{"type":"integer"},"has_bad_pages":{"type":"boolean"},"locked_until":{"type":["string","null"]},"proof":{"anyOf":[{"type":"object","properties":{"at":{"type":"string"},"how":{"type":"string","enum":["verified","restored"]},"is_good":{"type":"boolean"}},"required":["at","how","is_good"]},{"type":"null"}]},"is_current":{"type":"boolean"}},"required":["label","repository","kind","started_at","ended_at","size_bytes","own_bytes","wal","lsn","needs","version","has_bad_pages","locked_until","proof","is_current"]}}},"required":["cluster","stanza","exists","program","repositories","policy","push_problem","backups"]} }, how),
    /** Gives the keys of encrypted repositories that were left with the installation. */
    getBackupKeys: (asking: { cluster: string }, how?: How): Promise<{
      keys: {
        number: 1 | 2;
        key: string;
      }[];
    }> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/backups/keys`, body: undefined, answer: {"type":"object","properties":{"keys":{"type":"array","items":{"type":"object","properties":{"number":{"anyOf":[{"type":"number","const":1},{"type":"number","const":2}]},"key":{"type":"string"}},"required":["number","key"]}}},"required":["keys"]} }, how),
    /** Gives the test restores of a cluster and what they have shown, and when the next one is due. */
    showProofs: (asking: { cluster: string }, how?: How): Promise<Proofs> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/proofs`, body: undefined, answer: {"$ref":"Proofs"} }, how),
    /** Restores a cluster to a moment by chance into a scratch directory, checks it, and removes it. */
    proveRestore: (asking: { cluster: string; body?: ProofRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/proofs`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Says how often a test restore is made by itself, and which tables' rows are counted. */
    setProofPolicy: (asking: { cluster: string; body?: ProofPolicyRequest }, how?: How): Promise<Proofs> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/proofs/policy`, body: asking.body ?? {}, answer: {"$ref":"Proofs"} }, how),
    /** Gives the extensions that databases have, and those that could be enabled. */
    listExtensions: (asking: { cluster: string }, how?: How): Promise<ExtensionList> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/extensions`, body: undefined, answer: {"$ref":"ExtensionList"} }, how),
    /** Enables, disables or updates an extension; installing packages and cascading need an admin. */
    changeExtension: (asking: { cluster: string; body: ExtensionRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/extensions`, body: asking.body, answer: {"$ref":"Operation"} }, how),
    /** Says what a change of an extension would do; changes nothing. */
    planExtension: (asking: { cluster: string; body: ExtensionRequest }, how?: How): Promise<ExtensionPlan> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/extensions/plan`, body: asking.body, answer: {"$ref":"ExtensionPlan"} }, how),
    /** Gives every setting of the servers, with where it comes from. */
    getSettings: (asking: { cluster: string }, how?: How): Promise<SettingsReport> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/settings`, body: undefined, answer: {"$ref":"SettingsReport"} }, how),
    /** Changes settings of the servers. */
    changeSettings: (asking: { cluster: string; body?: ChangeSettingsRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/settings`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Says what a change of settings would do; changes nothing. */
    planSettings: (asking: { cluster: string; body?: ChangeSettingsRequest }, how?: How): Promise<SettingsPlan> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/settings/plan`, body: asking.body ?? {}, answer: {"$ref":"SettingsPlan"} }, how),
    /** Says which version each member runs, and what is newer. */
    getVersions: (asking: { cluster: string; query?: { check?: "true" | "false" | undefined } }, how?: How): Promise<VersionReport> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/version` + queryText(asking.query), body: undefined, answer: {"$ref":"VersionReport"} }, how),
    /** Says what an upgrade would do; changes nothing. */
    planUpgrade: (asking: { cluster: string; query?: { to?: string | undefined; in_place?: "true" | "false" | undefined } }, how?: How): Promise<UpgradePlan> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/upgrade` + queryText(asking.query), body: undefined, answer: {"$ref":"UpgradePlan"} }, how),
    /** Takes a newer version of Postgres, one member after the other. */
    upgradeCluster: (asking: { cluster: string; body?: UpgradeRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/upgrade`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Gives the imports that run or have left something. */
    listImports: (asking: { cluster: string }, how?: How): Promise<ImportStatus[]> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/imports`, body: undefined, answer: {"type":"array","items":{"$ref":"ImportStatus"}} }, how),
    /** Brings a database from elsewhere into the cluster. */
    beginImport: (asking: { cluster: string; body: ImportRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/imports`, body: asking.body, answer: {"$ref":"Operation"} }, how),
    /** Looks at the source and says what stands in the way; changes nothing. */
    checkImport: (asking: { cluster: string; body: ImportRequest }, how?: How): Promise<ImportChecks> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/imports/check`, body: asking.body, answer: {"$ref":"ImportChecks"} }, how),
    /** Ends a live import: the last changes arrive, and the database is the cluster's own. */
    cutOverImport: (asking: { cluster: string; body?: CutoverRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/imports/cutover`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Ends an import and leaves nothing of it. */
    abandonImport: (asking: { cluster: string; body?: AbandonRequest }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/imports/abandon`, body: asking.body ?? {}, answer: {"$ref":"Operation"} }, how),
    /** Gives what happened to a cluster, the newest so many, oldest first; `Link` leads to older ones. */
    listEvents: (asking: { cluster: string; query?: { after_id?: number | undefined; type?: string | undefined; member?: string | undefined; limit?: number | undefined; cursor?: string | undefined } }, how?: How): Promise<Event[]> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/events` + queryText(asking.query), body: undefined, answer: {"type":"array","items":{"$ref":"Event"}} }, how),
    /** Sends what happened to a cluster, and then what happens, without a gap between the two. */
    watchEvents: (asking: { cluster: string; query?: { after_id?: number | undefined; type?: string | undefined; member?: string | undefined; limit?: number | undefined } }, how?: How): AsyncGenerator<Event> =>
      sender.stream(`/v1/clusters/${pathPart(asking.cluster)}/events/stream` + queryText(asking.query), {"$ref":"Event"}, how),
    /** Gives every pause of writes, and what that makes together. */
    getDowntime: (asking: { cluster: string; query?: { since?: string | undefined } }, how?: How): Promise<Downtime> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/downtime` + queryText(asking.query), body: undefined, answer: {"$ref":"Downtime"} }, how),
    /** Gives the drains of the host that is asked, and how each fares there. */
    listDrains: (how?: How): Promise<Drain[]> =>
      sender.json({ method: "GET", path: `/v1/drains`, body: undefined, answer: {"type":"array","items":{"$ref":"Drain"}} }, how),
    /** Sends logs and events on, from every host, also one that joins later; the same again changes its level, token and authority. */
    addDrain: (asking: { body: DrainRequest }, how?: How): Promise<DrainChanged> =>
      sender.json({ method: "POST", path: `/v1/drains`, body: asking.body, answer: {"$ref":"DrainChanged"} }, how),
    /** Ends a drain on every host. */
    removeDrain: (asking: { id: string }, how?: How): Promise<DrainChanged> =>
      sender.json({ method: "DELETE", path: `/v1/drains/${pathPart(asking.id)}`, body: undefined, answer: {"$ref":"DrainChanged"} }, how),
    /** Sends one record from the host that is asked, and says how that went. */
    testDrain: (asking: { id: string }, how?: How): Promise<DrainTested> =>
      sender.json({ method: "POST", path: `/v1/drains/${pathPart(asking.id)}/test`, body: {}, answer: {"$ref":"DrainTested"} }, how),
    /** Says that a tunnel is opened, and how its clients connect. */
    openTunnel: (asking: { cluster: string; body?: {
  role?: "primary" | "read" | "pooled" | undefined;
  user?: string | undefined;
  database?: string | undefined;
  max_lag_ms?: number | undefined;
} }, how?: How): Promise<Connection> =>
      sender.json({ method: "POST", path: `/v1/clusters/${pathPart(asking.cluster)}/tunnel`, body: asking.body ?? {}, answer: {"$ref":"Connection"} }, how),
    /** Becomes a connection to an endpoint, when it is sent with `Upgrade: postgresql`. */
    connectTunnel: (asking: { cluster: string; query?: { role?: "primary" | "read" | "pooled" | undefined; user?: string | undefined; database?: string | undefined; max_lag_ms?: number | undefined } }, how?: How) => sender.tunnel(`/v1/clusters/${pathPart(asking.cluster)}/tunnel` + queryText(asking.query), how),
    /** Checks machines, servers and roles, within five seconds, and says what to do where something fails. */
    checkCluster: (asking: { cluster: string; query?: { group?: "vm" | "pg" | "role" | undefined; member?: string | undefined; here?: "true" | "false" | undefined } }, how?: How): Promise<{
      cluster: string;
      ok: boolean;
      lines: {
        group: "vm" | "pg" | "role";
        member: string | null;
        host: string;
        check: string;
        ok: boolean;
        message: string;
        hint: string | null;
        took_ms: number;
      }[];
      missing: {
        host: string;
        reason: string;
      }[];
    }> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/check` + queryText(asking.query), body: undefined, answer: {"type":"object","properties":{"cluster":{"type":"string"},"ok":{"type":"boolean"},"lines":{"type":"array","items":{"type":"object","properties":{"group":{"type":"string","enum":["vm","pg","role"]},"member":{"type":["string","null"]},"host":{"type":"string"},"check":{"type":"string"},"ok":{"type":"boolean"},"message":{"type":"string"},"hint":{"type":["string","null"]},"took_ms":{"type":"number"}},"required":["group","member","host","check","ok","message","hint","took_ms"]}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["cluster","ok","lines","missing"]} }, how),
    /** Gives the figures of a cluster's members, and where Prometheus finds them. */
    getClusterMetrics: (asking: { cluster: string; query?: { here?: "true" | "false" | undefined } }, how?: How): Promise<{
      text: string;
      targets: string[];
      missing: {
        host: string;
        reason: string;
      }[];
    }> =>
      sender.json({ method: "GET", path: `/v1/clusters/${pathPart(asking.cluster)}/metrics` + queryText(asking.query), body: undefined, answer: {"type":"object","properties":{"text":{"type":"string"},"targets":{"type":"array","items":{"type":"string"}},"missing":{"type":"array","items":{"type":"object","properties":{"host":{"type":"string"},"reason":{"type":"string"}},"required":["host","reason"]}}},"required":["text","targets","missing"]} }, how),
    /** Gives operations, newest first; ended ones are kept for a week, and `Link` leads to older ones. */
    listOperations: (asking: { query?: { cluster?: string | undefined; state?: "running" | "done" | "failed" | "cancelled" | undefined; limit?: number | undefined; cursor?: string | undefined } } = {}, how?: How): Promise<Operation[]> =>
      sender.json({ method: "GET", path: `/v1/operations` + queryText(asking.query), body: undefined, answer: {"type":"array","items":{"$ref":"Operation"}} }, how),
    /** Gives an operation as it stands. */
    getOperation: (asking: { id: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "GET", path: `/v1/operations/${pathPart(asking.id)}`, body: undefined, answer: {"$ref":"Operation"} }, how),
    /** Sends an operation now and at every step, until it has ended. */
    watchOperation: (asking: { id: string }, how?: How): AsyncGenerator<Operation> =>
      sender.stream(`/v1/operations/${pathPart(asking.id)}/stream`, {"$ref":"Operation"}, how),
    /** Gives the hosts and whether they are heard. */
    listHosts: (how?: How): Promise<HostStatus[]> =>
      sender.json({ method: "GET", path: `/v1/hosts`, body: undefined, answer: {"type":"array","items":{"$ref":"HostStatus"}} }, how),
    /** Makes the store anew from this host's part of it, the others being lost for good. */
    rebuildStore: (how?: How): Promise<Nothing> =>
      sender.json({ method: "POST", path: `/v1/hosts/rebuild-store`, body: {}, answer: {"$ref":"Nothing"} }, how),
    /** Gives what holds for all hosts. */
    getHostSettings: (how?: How): Promise<HostSettings> =>
      sender.json({ method: "GET", path: `/v1/hosts/settings`, body: undefined, answer: {"$ref":"HostSettings"} }, how),
    /** Changes what holds for all hosts. */
    changeHostSettings: (asking: { body: HostSettingsInput }, how?: How): Promise<HostSettings> =>
      sender.json({ method: "POST", path: `/v1/hosts/settings`, body: asking.body, answer: {"$ref":"HostSettings"} }, how),
    /** Gives a host labels, or takes them away. */
    labelHost: (asking: { host: string; body: LabelRequest }, how?: How): Promise<HostStatus> =>
      sender.json({ method: "POST", path: `/v1/hosts/${pathPart(asking.host)}/labels`, body: asking.body, answer: {"$ref":"HostStatus"} }, how),
    /** Moves the members of a host to others, and places none there. */
    drainHost: (asking: { host: string }, how?: How): Promise<Operation> =>
      sender.json({ method: "POST", path: `/v1/hosts/${pathPart(asking.host)}/drain`, body: {}, answer: {"$ref":"Operation"} }, how),
    /** Lets members be placed on a host again. */
    undrainHost: (asking: { host: string }, how?: How): Promise<HostStatus> =>
      sender.json({ method: "POST", path: `/v1/hosts/${pathPart(asking.host)}/undrain`, body: {}, answer: {"$ref":"HostStatus"} }, how),
    /** Removes a host from the installation; `lost`: it will not come back. */
    removeHost: (asking: { host: string; query?: { lost?: "true" | "false" | undefined } }, how?: How): Promise<HostRemoved> =>
      sender.json({ method: "DELETE", path: `/v1/hosts/${pathPart(asking.host)}` + queryText(asking.query), body: undefined, answer: {"$ref":"HostRemoved"} }, how),
    /** Makes a token with which hosts join. */
    createJoinToken: (asking: { body?: JoinTokenRequest } = {}, how?: How): Promise<JoinToken> =>
      sender.json({ method: "POST", path: `/v1/join-tokens`, body: asking.body ?? {}, answer: {"$ref":"JoinToken"} }, how),
    /** Ends a token with which hosts join. */
    revokeJoinToken: (asking: { id: string }, how?: How): Promise<Nothing> =>
      sender.json({ method: "DELETE", path: `/v1/join-tokens/${pathPart(asking.id)}`, body: undefined, answer: {"$ref":"Nothing"} }, how),
    /** Gives the certificate of the authority, for a host that is about to join. */
    greetHost: (how?: How): Promise<JoinGreeting> =>
      sender.json({ method: "GET", path: `/v1/join`, body: undefined, answer: {"$ref":"JoinGreeting"} }, how),
    /** Lets a host in that shows a good token. */
    joinHost: (asking: { body: JoinRequest }, how?: How): Promise<Joined> =>
      sender.json({ method: "POST", path: `/v1/join`, body: asking.body, answer: {"$ref":"Joined"} }, how),
    /** Says whether a host could join, and whom it must reach; changes nothing. */
    checkJoin: (asking: { body: JoinRequest }, how?: How): Promise<JoinCheck> =>
      sender.json({ method: "POST", path: `/v1/join/check`, body: asking.body, answer: {"$ref":"JoinCheck"} }, how),
    /** Gives what was asked for: when, by whom, from where, and with which outcome; `Link` leads to older ones. */
    listAudit: (asking: { query?: { cluster?: string | undefined; after_id?: number | undefined; limit?: number | undefined; cursor?: string | undefined } } = {}, how?: How): Promise<Event[]> =>
      sender.json({ method: "GET", path: `/v1/audit` + queryText(asking.query), body: undefined, answer: {"type":"array","items":{"$ref":"Event"}} }, how),
    /** Gives the tokens, without their secrets. */
    listTokens: (how?: How): Promise<Token[]> =>
      sender.json({ method: "GET", path: `/v1/tokens`, body: undefined, answer: {"type":"array","items":{"$ref":"Token"}} }, how),
    /** Makes a token; it is in this answer and in no later one. */
    createToken: (asking: { body: TokenRequest }, how?: How): Promise<CreatedToken> =>
      sender.json({ method: "POST", path: `/v1/tokens`, body: asking.body, answer: {"$ref":"CreatedToken"} }, how),
    /** Ends a token. */
    revokeToken: (asking: { id: string }, how?: How): Promise<Nothing> =>
      sender.json({ method: "DELETE", path: `/v1/tokens/${pathPart(asking.id)}`, body: undefined, answer: {"$ref":"Nothing"} }, how),
    /** Gives the certificates of people and programs. */
    listCertificates: (how?: How): Promise<UserCertificate[]> =>
      sender.json({ method: "GET", path: `/v1/certificates`, body: undefined, answer: {"type":"array","items":{"$ref":"UserCertificate"}} }, how),
    /** Makes a certificate; its key is in this answer and nowhere else. */
    createCertificate: (asking: { body: UserCertificateRequest }, how?: How): Promise<CreatedCertificate> =>
      sender.json({ method: "POST", path: `/v1/certificates`, body: asking.body, answer: {"$ref":"CreatedCertificate"} }, how),
    /** Ends a certificate before its time. */
    revokeCertificate: (asking: { id: string }, how?: How): Promise<Nothing> =>
      sender.json({ method: "DELETE", path: `/v1/certificates/${pathPart(asking.id)}`, body: undefined, answer: {"$ref":"Nothing"} }, how),
  };
}
