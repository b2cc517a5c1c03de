/** How this host's etcd is started. Pure but for the look-up of a name. Used by process.ts. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { EtcdFiles } from "./files.ts";
import type { EtcdSelf } from "./port.ts";

/** What decides how a member that has no data yet comes to them. */
export interface EtcdOrigin {
  /** `new`: the first member of a new cluster. `existing`: copied from the others */
  readonly state: "new" | "existing";
  /** `name=peer URL` of every member, itself included */
  readonly initialCluster: string;
  readonly token: string;
  /** of a member that goes on without the others; at this start only, it takes effect whenever it is given (lone.ts) */
  readonly alone?: { readonly clientPort: number };
}

/**
 * A leader that falls silent is replaced after one to two election timeouts, so that writes return within about a second;
 * a tenth of that is the heartbeat. A change of leader for nothing costs that second for records, and no client notices.
 */
export interface EtcdTimings {
  readonly heartbeatMs: number;
  readonly electionMs: number;
}

export const usualTimings: EtcdTimings = { heartbeatMs: 50, electionMs: 500 };

interface EtcdMore {
  readonly timings?: EtcdTimings;
  readonly quota?: number;
  /** of the program, 3.4.23 */
  readonly version?: string;
}

/** Our data are a few hundred KB; history is kept for an hour, for watches that were away. */
const quotaBytes = 512 * 1024 * 1024;

export function clientUrl({ address, clientPort }: EtcdSelf): string {
  return urlOf(address, clientPort);
}

export function peerUrl({ address, peerPort }: EtcdSelf): string {
  return urlOf(address, peerPort);
}

function urlOf(host: string, port: number): string {
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * Flags that 3.4, 3.5 and 3.6 all know; nothing in them is secret. Source for 3.6: its flags and "Upgrade etcd from v3.5
 * to v3.6"; nothing of v2 is used, and `snapshot-count`, which is to go after 3.6, is left out where it is not needed.
 */
export async function flagsOf(
  self: EtcdSelf,
  files: EtcdFiles,
  origin: EtcdOrigin,
  { timings = usualTimings, quota = quotaBytes, version = "" }: EtcdMore = {},
): Promise<readonly string[]> {
  // etcd listens at addresses, not at names.
  const address = isIP(self.address) === 0 ? (await lookup(self.address)).address : self.address;
  const flags = {
    "name": self.name,
    "data-dir": files.data,
    "listen-client-urls": urlOf(address, origin.alone?.clientPort ?? self.clientPort),
    "advertise-client-urls": clientUrl(self),
    "listen-peer-urls": urlOf(address, self.peerPort),
    "initial-advertise-peer-urls": peerUrl(self),
    "initial-cluster": origin.initialCluster,
    "initial-cluster-state": origin.state,
    "initial-cluster-token": origin.token,
    "heartbeat-interval": timings.heartbeatMs,
    "election-timeout": timings.electionMs,
    // A member that was cut off does not unseat a healthy leader when it is back.
    "pre-vote": true,
    ...tlsFlags(files),
    "quota-backend-bytes": quota,
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention": "1h",
    // Fewer entries in memory than the 100,000 that are usual before 3.6.
    ...(/^3\.[45]\./.test(version) ? { "snapshot-count": 10_000 } : {}),
    "max-txn-ops": 1024,
    "logger": "zap",
    "log-level": "warn",
    "log-outputs": "stderr",
    // A snapshot as soon as there is something in it.
    ...(origin.alone ? { "force-new-cluster": true, "snapshot-count": 1 } : {}),
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}

/**
 * Hosts only: the certificates of users, of the same authority, name no host and so not `localhost` either, which is in
 * that of every host.
 */
function tlsFlags({ tls: { ca, cert, key } }: EtcdFiles): Readonly<Record<string, string | boolean>> {
  return {
    "trusted-ca-file": ca,
    "cert-file": cert,
    "key-file": key,
    "client-cert-auth": true,
    "client-cert-allowed-hostname": "localhost",
    "peer-trusted-ca-file": ca,
    "peer-cert-file": cert,
    "peer-key-file": key,
    "peer-client-cert-auth": true,
    "peer-cert-allowed-hostname": "localhost",
  };
}
