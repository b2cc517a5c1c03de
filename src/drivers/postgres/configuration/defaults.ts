/**
 * The settings of a new server: what replication and failover need, and tuning computed from what the member has.
 * Called by the agent when a cluster is created or scaled; the user's own settings go over these. Pure.
 * Sources in brackets: the Postgres manual [M], PGTune [T], Pigsty's OLTP template [P], Ubicloud's settings [U].
 */

export type Settings = Readonly<Record<string, string>>;

export interface Sizing {
  readonly major: number;
  /** for each member */
  readonly memoryBytes: number;
  readonly cpus: number;
  /** of the file system that holds the members' directories */
  readonly diskBytes: number;
  /** of the cluster, the primary included; they share the file system */
  readonly members: number;
}

export type Preset = "dev" | "production" | "critical";

const mib = 1024 ** 2;
const gib = 1024 ** 3;

/**
 * Settings that a standby must not have lower than its primary: raised on standbys first, lowered on the primary first.
 * Source: CheckRequiredParameterValues() in xlogrecovery.c.
 */
export const standbyMinimums: readonly string[] = [
  "max_connections",
  "max_worker_processes",
  "max_wal_senders",
  "max_prepared_transactions",
  "max_locks_per_transaction",
];

/**
 * Memory to tune one member for when the user names none. All members of an embedded installation share one machine:
 * `dev` takes a quarter of it for all together and no more than 1 GiB each, so that a laptop does not notice; the
 * others take three quarters.
 */
export function chooseMemory(preset: Preset, machineBytes: number, members: number): number {
  const share = preset === "dev" ? Math.min(machineBytes / 4 / members, gib) : (machineBytes * 3) / 4 / members;
  return Math.max(Math.floor(share), 256 * mib);
}

/** @param platform as Node names it: some settings exist on Linux alone */
export function computeSettings(sizing: Sizing, platform: string = process.platform): Settings {
  return {
    ...replicationSettings(sizing),
    ...walSettings(sizing),
    ...memorySettings(sizing),
    ...workerSettings(sizing),
    ...sessionSettings,
    ...logSettings,
    // Records with fields; before 15 there is no such log, and its text is understood instead.
    ...(sizing.major >= 15 && { log_destination: "jsonlog" }),
    ...(platform === "linux" && linuxSettings),
    // A change by ALTER SYSTEM would be one member's secret; `matriarch config set` reaches all of them. [U]
    ...(sizing.major >= 17 && { allow_alter_system: "off" }),
  };
}

function replicationSettings({ diskBytes, members }: Sizing): Settings {
  const share = diskBytes / members;
  return {
    // Logical costs little WAL more, and a later wish for it would cost a restart: upgrades and imports use it.
    wal_level: "logical",
    // Both need a restart to rise, and an unused one costs next to nothing: enough for any number of members.
    max_wal_senders: "24",
    max_replication_slots: "24",
    hot_standby: "on",
    // pg_rewind needs this or checksums: both, so that it also holds for a restored directory without them.
    wal_log_hints: "on",
    // With the default of 5 s a promotion right after the primary's death sleeps 5 s in many runs (measured).
    wal_retrieve_retry_interval: "100ms",
    // A peer that says nothing for so long is gone; the defaults of 60 s would hold commits up as long.
    wal_sender_timeout: "5s",
    wal_receiver_timeout: "5s",
    wal_receiver_status_interval: "1s",
    // Queries on standbys do not fail because the primary vacuumed. A long one keeps dead rows on the primary instead.
    hot_standby_feedback: "on",
    // What still conflicts (DDL) may hold replay up for so long: a promotion has to wait for it as well.
    max_standby_streaming_delay: "2s",
    max_standby_archive_delay: "2s",
    // What a lost standby may hold back: a fifth of its share of the disk. [P] takes 30 % of a disk of its own.
    max_slot_wal_keep_size: megabytes(clamp(share / 5, gib, 64 * gib)),
    // For a standby that changes its upstream, whose slot there has not moved yet.
    wal_keep_size: megabytes(clamp(share / 100, 64 * mib, 256 * mib)),
    // Whether a server that lost a backend goes on is decided by the protocol, not by its postmaster.
    restart_after_crash: "off",
    synchronous_commit: "on",
  };
}

function walSettings({ diskBytes, members }: Sizing): Settings {
  // 4 % of the disk [U]; at most what is replayed in some ten seconds after a crash.
  const walBytes = clamp((diskBytes / members) * 0.04, 512 * mib, 4 * gib);
  return {
    max_wal_size: megabytes(walBytes),
    min_wal_size: megabytes(clamp(walBytes / 8, 80 * mib, gib)),
    // The default: longer ones [P] save WAL, and make the recovery after a crash longer as well.
    checkpoint_timeout: "5min",
    checkpoint_completion_target: "0.9",
  };
}

function memorySettings({ memoryBytes, cpus }: Sizing): Settings {
  // A quarter [M, T], a tenth where memory is scarce.
  const sharedBuffers = memoryBytes < gib ? memoryBytes / 10 : memoryBytes / 4;
  const connections = maxConnections(memoryBytes);
  // [T]: what is left, over everyone who may sort at once, three sorts each.
  const workMemory = (memoryBytes - sharedBuffers) / ((connections + parallelWorkers(cpus)) * 3);
  return {
    shared_buffers: megabytes(Math.max(sharedBuffers, 32 * mib)),
    effective_cache_size: megabytes(memoryBytes * 0.75), // [T]
    work_mem: megabytes(clamp(workMemory, 4 * mib, gib)),
    maintenance_work_mem: megabytes(clamp(memoryBytes / 16, 32 * mib, 8 * gib)), // [T]
    // All of autovacuum's workers together stay below a quarter. [U]
    autovacuum_work_mem: megabytes(clamp(memoryBytes / 4 / autovacuumWorkers, 16 * mib, gib)),
    max_connections: String(connections),
  };
}

/** 200 for web applications [T], more where there is memory for their work, 500 behind a pooler [P, U]. */
function maxConnections(memoryBytes: number): number {
  return clamp(Math.floor(memoryBytes / gib) * 100 + 100, 200, 500);
}

const autovacuumWorkers = 3;

function parallelWorkers(cpus: number): number {
  return Math.max(1, Math.floor(cpus));
}

function workerSettings({ cpus }: Sizing): Settings {
  const workers = parallelWorkers(cpus);
  return {
    // Room for extensions and logical replication beside parallel queries. [P]
    max_worker_processes: String(workers + 8),
    max_parallel_workers: String(workers),
    max_parallel_workers_per_gather: String(clamp(Math.floor(workers / 2), 1, 4)), // [T]
    max_parallel_maintenance_workers: String(clamp(Math.floor(workers / 2), 1, 4)), // [T]
    autovacuum_max_workers: String(autovacuumWorkers),
    // The defaults wait for a fifth of a table; large ones are then vacuumed too late and too long. [P]
    autovacuum_vacuum_scale_factor: "0.05",
    autovacuum_analyze_scale_factor: "0.05",
    autovacuum_vacuum_insert_scale_factor: "0.1",
    autovacuum_vacuum_cost_limit: String(clamp(workers * 50, 200, 2400)), // [U]
    // Disks of our day have no arm to move. [T]
    random_page_cost: "1.1",
    // Costs more than it brings for short queries, and the embedded binaries have none.
    jit: "off",
  };
}

const sessionSettings: Settings = {
  password_encryption: "scram-sha-256",
  // Holds vacuum up for everyone else. [P]
  idle_in_transaction_session_timeout: "10min",
  // No tcp_user_timeout: it would also end sessions whose client merely reads slowly.
  tcp_keepalives_idle: "30",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
  // What initdb writes for these locales; without a line the server would take its built-in ones.
  timezone: "UTC",
  log_timezone: "UTC",
  default_text_search_config: "pg_catalog.english",
};

const logSettings: Settings = {
  logging_collector: "on",
  // The agent removes the oldest files (drivers/logs/retention.ts): they are small enough for that to bound what is kept.
  log_filename: "postgresql-%Y%m%d-%H%M%S.log",
  log_rotation_age: "1d",
  log_rotation_size: "16MB",
  log_truncate_on_rotation: "off",
  log_file_mode: "0600",
  log_line_prefix: "%m [%p] %e %q%u@%d/%a ",
  // What a statement says may be secret: none is written for its own sake. Those that fail or are slow are.
  log_statement: "none",
  log_checkpoints: "on",
  log_lock_waits: "on",
  log_recovery_conflict_waits: "on",
  log_temp_files: "10MB",
  log_autovacuum_min_duration: "10s",
  log_min_duration_statement: "2s",
};

const linuxSettings: Settings = {
  // One syncfs instead of opening each file when recovery begins: 0.15 to 0.25 s of each start after a crash (measured).
  recovery_init_sync_method: "syncfs",
  // SSD [T]. Where the platform has no posix_fadvise, Postgres refuses another value than 0.
  effective_io_concurrency: "200",
  // A running query ends soon after its client is gone, as after a cut at the router.
  client_connection_check_interval: "5s",
};

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / mib)}MB`;
}
