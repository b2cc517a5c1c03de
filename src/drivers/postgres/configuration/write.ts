import type { ServerOwner } from "../port.ts";
import type { Settings } from "./defaults.ts";

export interface MemberConfiguration {
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly logDirectory: string;
  readonly port: number;
  /** cluster_name: what the standby calls itself when it streams (`voterName`) */
  readonly clusterName: string;
  readonly settings: Settings;
  readonly owner: ServerOwner | undefined;
}

/** postgresql.conf, pg_hba.conf, pg_ident.conf; each replaced atomically, and only when it changes. */
export function writeConfiguration(configuration: MemberConfiguration): Promise<void> {
  throw new Error(`to be written ${configuration.port}`);
}

export interface ReplicationSettings {
  /** "" for none */
  readonly primaryConninfo: string;
  readonly primarySlotName: string;
  readonly synchronousStandbyNames: string;
}

export const replicationFile = "matriarch.replication.conf";

export function writeReplicationConf(
  dataDirectory: string,
  replication: ReplicationSettings,
  owner: ServerOwner | undefined,
): Promise<void> {
  throw new Error(`to be written ${dataDirectory} ${replication.primarySlotName} ${owner?.name}`);
}

/** A libpq connection string with every value quoted. */
export function formatConninfo(parameters: Readonly<Record<string, string | number>>): string {
  throw new Error(`to be written ${Object.keys(parameters).length}`);
}

/** Quoted for a configuration file. */
export function quoteSetting(value: string): string {
  throw new Error(`to be written ${value}`);
}
