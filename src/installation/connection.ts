/** How an application reaches a cluster: through its endpoints, with TLS that names the installation's authority. */
import type { Connection } from "../contract/cluster.ts";
import type { ClusterSpec } from "../domain/cluster.ts";
import type { Parts } from "./parts.ts";
import { firstUser } from "./users.ts";

export interface ConnectionQuery {
  readonly role: "primary" | "read";
  readonly user?: string;
  readonly database?: string;
  readonly password?: string;
}

/** The name in the certificate: older clients do not match IP addresses in one (libpq before 15). */
const endpointHost = "localhost";

export function connectionTo(parts: Parts, spec: ClusterSpec, query: ConnectionQuery): Connection {
  const user = query.user ?? firstUser;
  const database = query.database ?? "postgres";
  const port = spec.ports[query.role];
  const secret = query.password === undefined ? "" : `:${encodeURIComponent(query.password)}`;
  const parameters = new URLSearchParams({ sslmode: "verify-full", sslrootcert: parts.caFile });
  // Spaces as %20: libpq does not read "+" as one.
  const options = parameters.toString().replaceAll("+", "%20").replaceAll("%2F", "/");
  return {
    uri: `postgresql://${encodeURIComponent(user)}${secret}@${endpointHost}:${port}/${encodeURIComponent(database)}?${options}`,
    host: endpointHost,
    port,
    user,
    database,
    password: query.password ?? null,
    sslmode: "verify-full",
    sslrootcert: parts.caFile,
  };
}
