/**
 * A host of an installation, as the store knows it, and the ports that its processes listen on. Pure; shared by the
 * processes of a host and by whoever places members. An embedded installation has one host and no such record.
 */

/** The ports of a host, from its base port on. All but `status` speak TLS with certificates of the installation's CA. */
export interface HostPorts {
  /** the agent's API: command line, dashboard and the other agents */
  readonly api: number;
  readonly guard: number;
  readonly relay: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  /** plain HTTP, read only: how the host's members are (docs/monitoring.md) */
  readonly status: number;
}

export const usualBasePort = 7400;

export function hostPorts(basePort: number): HostPorts {
  return {
    api: basePort,
    guard: basePort + 1,
    relay: basePort + 2,
    etcdClient: basePort + 3,
    etcdPeer: basePort + 4,
    status: basePort + 5,
  };
}

/** What another host needs to reach this one. */
export interface HostAddress {
  readonly name: string;
  /** IP address or name, without a port */
  readonly address: string;
  readonly basePort: number;
}

/** Record `host/<name>` of the store. */
export interface HostRecord extends HostAddress {
  readonly region: string;
  readonly zone: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly version: string;
  /** draining: gets no new members, and those that it has are moved away */
  readonly state: "active" | "draining";
  /** runs a member of the installation's own etcd */
  readonly runsStore: boolean;
  /** majors of Postgres found on the host, by kind of engine; embedded ones can be fetched */
  readonly engines: { readonly embedded: readonly number[]; readonly system: readonly number[] };
  /** what it has, as its agent says; left out by agents of older releases */
  readonly machine?: { readonly memoryBytes: number; readonly cpus: number };
  /** SHA-256 of the public key of its certificate, hex: a certificate with another key is not this host's */
  readonly keyFingerprint: string;
  /** holds the key of the CA: lets hosts join, and renews the certificates of those that do not */
  readonly signs: boolean;
  /** wall clock */
  readonly joinedAt: number;
}

/** Record `settings` of the store: of all hosts together, changed by `matriarch host settings`. */
export interface InstallationSettings {
  /** a host that is silent for so long has its members replaced on a spare host; null: never by itself */
  readonly replaceAfterMs: number | null;
}

export const usualSettings: InstallationSettings = { replaceAfterMs: 600_000 };

/** Record `installation` of the store: whose data it holds. */
export interface InstallationRecord {
  readonly id: string;
  /** SHA-256 of the CA's certificate, hex */
  readonly caFingerprint: string;
  readonly createdAt: number;
}

/** Where nobody said where. */
export const localRegion = "local";
export const localZone = "local";
