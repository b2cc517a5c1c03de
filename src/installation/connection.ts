/**
 * How an application reaches a cluster: through its endpoints, which every host has at the same ports, with TLS that
 * names the installation's authority.
 */
import type { Connection } from "../contract/cluster.ts";
import { connectionUri } from "../contract/connection-uri.ts";
import type { ClusterSpec } from "../domain/cluster.ts";
import { OpError } from "../errors/op-error.ts";
import type { EndpointKind } from "../router/wire.ts";
import type { Hosts, Parts } from "./parts.ts";
import { firstUser } from "./users.ts";

export interface ConnectionQuery {
  readonly role: EndpointKind;
  readonly user?: string;
  readonly database?: string;
  readonly password?: string;
  /** of the read endpoint: what is read is no older */
  readonly maxLagMs?: number;
}

/** The name in the certificate: older clients do not match IP addresses in one (libpq before 15). */
const onThisMachine = "localhost";

export function connectionTo(
  { hosts, caFile }: Pick<Parts, "hosts" | "caFile">,
  spec: ClusterSpec,
  query: ConnectionQuery,
): Connection {
  refuseLagOfPrimary(query);
  const port = portOf(spec, query.role);
  const addresses = endpointHosts(hosts);
  const connection = {
    host: addresses[0] ?? onThisMachine,
    port,
    hosts: addresses.map((host) => ({ host, port })),
    user: query.user ?? firstUser,
    database: query.database ?? "postgres",
    password: query.password ?? null,
    sslmode: "verify-full",
    sslrootcert: caFile,
    options: query.maxLagMs === undefined ? null : `-c matriarch.max_lag=${query.maxLagMs}ms`,
  };
  return { uri: connectionUri(connection), ...connection };
}

function refuseLagOfPrimary({ role, maxLagMs }: ConnectionQuery): void {
  if (role === "read" || maxLagMs === undefined) return;
  throw new OpError("bad-value", {
    message: "a limit of the lag is for reads, and the primary has none",
    hint: "Ask for the read endpoint: --role read --max-lag 5s",
  });
}

/** @throws OpError pool-off */

/** @throws OpError pool-off */
function portOf({ name, ports, pool }: ClusterSpec, role: EndpointKind): number {
  const port = role === "pooled" && !pool?.isOn ? undefined : ports[role];
  if (port !== undefined) return port;
  throw new OpError("pool-off", {
    message: `cluster "${name}" has no pooled endpoint`,
    hint: `Turn it on with: matriarch pool set ${name} --on`,
  });
}

/** This host first: whoever asks it has reached it. */
function endpointHosts(hosts: Hosts): readonly string[] {
  const { self } = hosts;
  if (self === undefined) return [onThisMachine];
  const others = hosts.all().filter(({ name }) => name !== self.name);
  return [self.address, ...others.map(({ address }) => address)];
}
