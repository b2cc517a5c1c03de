/**
 * The URI of a database that is to be imported, taken apart. The password is split off at once and travels apart from
 * the rest, in a field that logs and the audit mask by its name. Called by the command line. Pure.
 * Source: Postgres manual, 34.1.1.2 (connection URIs) and 34.1.2 (parameters).
 */
import { OpError } from "../errors/op-error.ts";
import type { Source } from "./imports.ts";

/** What libpq knows and this takes over: nothing secret, nothing that changes which database it is. */
const parameters: ReadonlySet<string> = new Set([
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
  "channel_binding",
  "connect_timeout",
  "options",
]);

/** Of drivers and poolers, or of no account here. */
const ignored: ReadonlySet<string> = new Set([
  "pgbouncer",
  "connection_limit",
  "pool_timeout",
  "pool",
  "schema",
  "statement_cache_size",
  "prepared_statements",
  "application_name",
  "target_session_attrs",
  "keepalives",
  "keepalives_idle",
  "gssencmode",
  "statusColor",
  "env",
  "name",
]);

export interface ParsedSource {
  readonly source: Source;
  /** "" when the URI has none */
  readonly password: string;
}

const shape = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;

/** @throws OpError bad-value; never with a part of the URI in it that could be the password */
export function parseSourceUri(text: string): ParsedSource {
  const parts = shape.exec(text.trim());
  if (!parts) throw refused("the source is no URI of a database", howItLooks);
  const [, login = "", place = "", path = "", query = ""] = parts;
  const colon = login.indexOf(":");
  const user = decode(colon < 0 ? login : login.slice(0, colon), "user");
  const said = readParameters(query);
  const { host, port } = readPlace(place, said.get("host"), said.get("port"));
  const database = decode(path, "database") || said.get("dbname") || user;
  const source = { host, port, user: user || said.get("user") || "", database, parameters: kept(said) };
  if (source.user === "") throw refused("the source's URI names no user", howItLooks);
  if (source.database === "") throw refused("the source's URI names no database", howItLooks);
  const password = colon < 0 ? (said.get("password") ?? "") : decode(login.slice(colon + 1), "password");
  if (/[\r\n\0]/.test(password + source.user + source.database + host))
    throw refused("the source's URI holds a line break", "No name or password can.");
  return { source, password };
}

const howItLooks = "It looks like postgres://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require.";

function refused(message: string, detail: string): OpError {
  const hint = "Characters of a password such as @ / ? # % are written as %40 %2F %3F %23 %25.";
  return new OpError("bad-value", { message, detail, hint });
}

function readPlace(place: string, host: string | undefined, port: string | undefined) {
  if (place.includes(",") || host?.includes(","))
    throw refused("the source's URI names several hosts", "Name the one that takes writes.");
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(place);
  const number = Number(found?.[2] || port || 5432);
  if (!found || !Number.isInteger(number) || number < 1 || number > 65_535)
    throw refused("the source's URI has no valid port", howItLooks);
  const name = decode((found[1] ?? "").replace(/^\[|\]$/g, ""), "host") || host || "";
  if (name === "") throw refused("the source's URI names no host", howItLooks);
  return { host: name, port: number };
}

function readParameters(query: string): ReadonlyMap<string, string> {
  const said = new Map<string, string>();
  for (const pair of query.split("&").filter((part) => part !== "")) {
    const equals = pair.indexOf("=");
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), "parameter");
    said.set(name, decode(equals < 0 ? "" : pair.slice(equals + 1), "parameter"));
  }
  const known = new Set([...parameters, ...ignored, "host", "port", "user", "password", "dbname"]);
  const strange = [...said.keys()].filter((name) => !known.has(name));
  if (strange.length === 0) return said;
  const names = strange.map((name) => `"${name.slice(0, 40)}"`).join(", ");
  throw refused(`the source's URI has parameters that are not known: ${names}`, "Leave them out.");
}

function kept(said: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  return Object.fromEntries([...said].filter(([name, value]) => parameters.has(name) && value !== ""));
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw refused(`the ${what} in the source's URI is not well written`, "A % must be followed by two hex digits.");
  }
}
