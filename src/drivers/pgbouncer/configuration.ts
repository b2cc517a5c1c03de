/**
 * The three files that PgBouncer reads. Called by process.ts. Pure. Clients come over loopback TCP with a password;
 * the Unix socket, in a directory that nobody else can enter, is for the agent alone, which is known by its own
 * user's name. Source: pgbouncer(5).
 */
import type { PoolerWish, PoolUser } from "./port.ts";

/** Shorter than the router lets a connection wait: a server that is not there yet is no refused login. */
const serverConnectSeconds = 20;
/** Into a pool that lost its servers, new ones are asked for so soon. */
const loginRetrySeconds = 0.2;
/** Who has waited so long gets a server of the reserve. */
const reserveAfterSeconds = 3;
/** PgBouncer 1.21 and later can keep prepared statements of clients through changes of their servers. */
const preparedStatements = { since: [1, 21], max: 200 } as const;

export interface PoolerPlace {
  /** its own, and nobody else's to enter */
  readonly directory: string;
  /** on loopback, for clients */
  readonly port: number;
  /** the name by which the agent is let in over the Unix socket */
  readonly admin: AdminName;
  /** `1.18.0` */
  readonly version: string;
}

/** PgBouncer lets its own user in as `pgbouncer`, with no entry in the list; root has to be listed. */
export interface AdminName {
  readonly name: string;
  readonly isListed: boolean;
}

export function formatSettings(
  { pool, primaryPort, serversMax, serverIdleMs }: PoolerWish,
  place: PoolerPlace,
): string {
  const { directory, port, admin, version } = place;
  const settings: readonly (readonly [string, string | number])[] = [
    ["listen_addr", "127.0.0.1"],
    ["listen_port", port],
    ["listen_backlog", 1024],
    ["unix_socket_dir", directory],
    ["unix_socket_mode", "0700"],
    ["pidfile", `${directory}/pid`],
    ["auth_type", "hba"],
    ["auth_file", `${directory}/users`],
    ["auth_hba_file", `${directory}/hba`],
    ...(admin.isListed ? ([["admin_users", admin.name]] as const) : []),
    ["client_tls_sslmode", "disable"],
    ["server_tls_sslmode", "disable"],
    ["pool_mode", pool.mode],
    ["default_pool_size", pool.size],
    ["reserve_pool_size", pool.reserve],
    ["reserve_pool_timeout", reserveAfterSeconds],
    ["max_client_conn", pool.maxClients],
    ["max_db_connections", serversMax],
    ["query_wait_timeout", pool.waitMs / 1000],
    ["server_connect_timeout", serverConnectSeconds],
    ["server_login_retry", loginRetrySeconds],
    ["server_idle_timeout", serverIdleMs / 1000],
    // What drivers send by themselves and no server needs; whatever changes how a session works is refused.
    ["ignore_startup_parameters", "extra_float_digits"],
    ...(keepsStatements(version) ? ([["max_prepared_statements", preparedStatements.max]] as const) : []),
    ["log_connections", 0],
    ["log_disconnections", 0],
    ["log_stats", 0],
  ];
  const lines = settings.map(([name, value]) => `${name} = ${value}`).join("\n");
  return `; Written by Matriarch; changes are overwritten. Use: matriarch pool set
[databases]
* = host=127.0.0.1 port=${primaryPort}
[pgbouncer]
${lines}
`;
}

/** The admin console is not to be had over TCP, by nobody; databases not over the socket. */
export function formatAccess({ name, isListed }: AdminName): string {
  return `${isListed ? `local pgbouncer ${name} peer\n` : ""}local all all reject
host pgbouncer all 0.0.0.0/0 reject
host all all 127.0.0.1/32 scram-sha-256
`;
}

/** Verifiers only: they let nobody log in anywhere, and PgBouncer proves itself with what the client has proved. */
export function formatUsers(users: readonly PoolUser[], { name, isListed }: AdminName): string {
  const listed = users.filter((user) => isWritable(user) && !(isListed && user.name === name));
  const admin = isListed ? [{ name, verifier: "" }] : [];
  return [...listed, ...admin].map((user) => `${quoted(user.name)} ${quoted(user.verifier)}\n`).join("");
}

/** A line is a user. Other kinds of password than SCRAM cannot be passed on. */
function isWritable({ name, verifier }: PoolUser): boolean {
  return !/[\0\r\n]/.test(name) && /^SCRAM-SHA-256\$[\x21-\x7e]+$/.test(verifier);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

export function keepsStatements(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [sinceMajor, sinceMinor] = preparedStatements.since;
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

/** From the settings of one that runs. */
export function portIn(settings: string): number | undefined {
  const port = Number(/^listen_port = (\d+)$/m.exec(settings)?.[1]);
  return Number.isInteger(port) ? port : undefined;
}
