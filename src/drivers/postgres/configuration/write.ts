/**
 * Writes a member's configuration files, whole, before each start of its server and whenever settings change. Called
 * by the member's server. Each file is replaced by rename, so that a reader never sees a half one; none is synced to
 * disk, for nothing starts a server without writing them again. Never holds a secret.
 */
import { chown, readFile, rename, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { archiveSettings } from "../archive/command.ts";
import type { ServerOwner } from "../port.ts";
import { internalRole, replicationRole } from "../provision/template.ts";
import type { Settings } from "./defaults.ts";
import { quoteSetting } from "./quote.ts";

export interface MemberConfiguration {
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly logDirectory: string;
  readonly port: number;
  /** cluster_name: what the standby calls itself when it streams (`voterName`) */
  readonly clusterName: string;
  /** computed and given, already validated */
  readonly settings: Settings;
  readonly owner: ServerOwner | undefined;
  readonly archives?: boolean;
}

export interface ReplicationSettings {
  /** "" for none */
  readonly primaryConninfo: string;
  readonly primarySlotName: string;
  readonly synchronousStandbyNames: string;
}

/** Included at the end of postgresql.conf, and changed far more often than the rest. */
export const replicationFile = "matriarch.replication.conf";

const identMap = "matriarch";

/** postgresql.conf, pg_hba.conf and pg_ident.conf. @returns whether any of them is different now */
export async function writeConfiguration(configuration: MemberConfiguration): Promise<boolean> {
  const { dataDirectory, owner } = configuration;
  const files = {
    "postgresql.conf": formatServerConf(configuration),
    "pg_hba.conf": formatHba(),
    "pg_ident.conf": formatIdent([userInfo().username, ...(owner === undefined ? [] : [owner.name])]),
  };
  let changed = false;
  for (const [name, text] of Object.entries(files)) {
    if (await replaceFile(join(dataDirectory, name), text, owner)) changed = true;
  }
  return changed;
}

/** Its files say that it archives its log. */
export async function isToArchive(dataDirectory: string): Promise<boolean> {
  const text = await readFile(join(dataDirectory, "postgresql.conf"), "utf8").catch(() => "");
  return text.includes("\narchive_mode = 'on'\n");
}

/** @returns whether it is different now */
export function writeReplicationConf(
  dataDirectory: string,
  replication: ReplicationSettings,
  owner: ServerOwner | undefined,
): Promise<boolean> {
  const text = formatSettings({
    primary_conninfo: replication.primaryConninfo,
    primary_slot_name: replication.primarySlotName,
    synchronous_standby_names: replication.synchronousStandbyNames,
  });
  return replaceFile(join(dataDirectory, replicationFile), header + text, owner);
}

const header = "# Written by Matriarch; changes made here are lost. Settings: matriarch config set\n";

/** Alike on every member: a standby does not archive, and does as soon as it is primary. */
function formatServerConf({ settings, ...server }: MemberConfiguration): string {
  const own = {
    // The router ends TLS and connects from this machine; nothing else should reach a member's server.
    listen_addresses: "127.0.0.1",
    port: String(server.port),
    unix_socket_directories: server.socketDirectory,
    unix_socket_permissions: "0700",
    cluster_name: server.clusterName,
    log_directory: server.logDirectory,
    ...(server.archives === true ? archiveSettings(server.dataDirectory) : {}),
  };
  const sorted = Object.fromEntries(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${header}${formatSettings(own)}\n${formatSettings(sorted)}\ninclude_if_exists = '${replicationFile}'\n`;
}

export function formatSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${quoteSetting(value)}\n`)
    .join("");
}

/**
 * First match decides. The internal roles come in by the socket alone, and only from the agent's and the servers' own
 * operating-system users; `postgres` from there too, so that `connect` needs no password. Physical replication
 * (database `replication`, which `all` does not mean) is for the internal role only: a stranger's stream could take a
 * voter's name.
 */
function formatHba(): string {
  return `${header}
local  all,replication  ${replicationRole}             peer map=${identMap}
local  all              ${internalRole},postgres       peer map=${identMap}
local  all              all                            scram-sha-256
host   all,replication  ${internalRole},${replicationRole}  all           reject
host   all              all                            127.0.0.1/32  scram-sha-256
`;
}

function formatIdent(systemUsers: readonly string[]): string {
  const roles = [internalRole, replicationRole, "postgres"];
  const lines = [...new Set(systemUsers)].flatMap((user) =>
    roles.map((role) => `${identMap}  "${user.replaceAll('"', '""')}"  ${role}\n`),
  );
  return header + lines.join("");
}

async function replaceFile(path: string, text: string, owner: ServerOwner | undefined): Promise<boolean> {
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === text) return false;
  const temporary = `${path}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  if (owner !== undefined) await chown(temporary, owner.uid, owner.gid);
  await rename(temporary, path);
  return true;
}
