/** A connection as the URI that libpq and most drivers take. Called by the installation and the command line. Pure. */
import type { Connection } from "./cluster.ts";

/** Leads to one host; its endpoint leads to the server, wherever that is. */
export function connectionUri(connection: Omit<Connection, "uri">): string {
  return uriOf(connection, [connection], optionsOf(connection));
}

/** Start-up options that the router takes; they hold with whatever speaks the protocol. */
function optionsOf({ options }: Omit<Connection, "uri">): Readonly<Record<string, string>> {
  return options === null ? {} : { options };
}

/** Names every host, for drivers that know such URIs: they go on when the host that they use is lost. */
export function multiHostUri(connection: Connection, role: "primary" | "read" | "pooled"): string {
  const parameters = role !== "read" ? { target_session_attrs: "read-write" } : optionsOf(connection);
  return uriOf(connection, connection.hosts, parameters);
}

/** The same connection with another file of the authority's certificate: that of the machine it is used on. */
export function withAuthority(connection: Connection, sslrootcert: string): Connection {
  const here = { ...connection, sslrootcert };
  return { ...here, uri: connectionUri(here) };
}

function uriOf(
  { user, password, database, sslmode, sslrootcert }: Omit<Connection, "uri">,
  hosts: readonly { readonly host: string; readonly port: number }[],
  first: Readonly<Record<string, string>>,
): string {
  const secret = password === null ? "" : `:${encoded(password)}`;
  const addresses = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(",");
  // Spaces as %20: libpq does not read "+" as one.
  const parameters = new URLSearchParams({ ...first, sslmode, sslrootcert }).toString();
  const options = parameters.replaceAll("+", "%20").replaceAll("%2F", "/");
  return `postgresql://${encoded(user)}${secret}@${addresses}/${encoded(database)}?${options}`;
}

/** Also what a shell would obey. Source: RFC 3986, 2.2. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
