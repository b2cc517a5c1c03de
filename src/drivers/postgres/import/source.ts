/**
 * The server that a database is imported from: sessions with it, and what programs need to reach it. Called by
 * installation/imports. The password goes into sessions and into a file that only this user can read; never into an
 * argument, an environment, an error or a log.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { Client, DatabaseError, type ClientConfig } from "pg";
import type { ErrorCode } from "../../../errors/catalog.ts";
import { OpError } from "../../../errors/op-error.ts";
import { formatConninfo } from "../configuration/quote.ts";
import { within } from "../session/deadline.ts";
import type { Row } from "../session/session.ts";

export interface SourceServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const connectMs = 10_000;
const textOnly = { getTypeParser: () => (value: string) => value };

/** Nothing of the source may lead the queries astray, nor its lock of the cutover stop us; and what row security would hide is an error, not less data. */
const settings =
  "-c search_path=pg_catalog -c default_transaction_read_only=off -c row_security=off -c statement_timeout=0 -c lock_timeout=20s -c idle_in_transaction_session_timeout=0 -c lc_messages=C";

export class SourceSession implements AsyncDisposable {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
    client.on("error", () => undefined);
  }

  /** @throws OpError source-unreachable, in words of its own for each way in which it fails */
  static async open(server: SourceServer): Promise<SourceSession> {
    const mode = server.parameters["sslmode"] ?? "prefer";
    try {
      return await connect(server, mode === "disable" || mode === "allow" ? false : await tlsOf(server, mode));
    } catch (error) {
      if (mode === "prefer" && isWithoutTls(error)) return connectOrSay(server, false);
      if (mode === "allow") return connectOrSay(server, await tlsOf(server, mode));
      throw unreachable(server, error);
    }
  }

  static async connected(client: Client): Promise<SourceSession> {
    const session = new SourceSession(client);
    await within(client.connect(), connectMs, () => {
      void client.end().catch(() => undefined);
      throw new Error("timeout expired");
    });
    return session;
  }

  async rows(sql: string, values: readonly string[] = [], withinMs = 60_000): Promise<readonly Row[]> {
    const running = this.#client.query<Row>({ text: sql, values: [...values], types: textOnly });
    const result = await within(running, withinMs, () => {
      this.destroy();
      throw new OpError("source-unreachable", {
        message: `the source did not answer within ${Math.round(withinMs / 1000)} s`,
      });
    });
    return result.rows;
  }

  destroy(): void {
    this.#client.end().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await within(
      this.#client.end().catch(() => undefined),
      1000,
      () => undefined,
    );
  }
}

async function connectOrSay(server: SourceServer, ssl: ClientConfig["ssl"]): Promise<SourceSession> {
  return connect(server, ssl).catch((error: unknown) => {
    throw unreachable(server, error);
  });
}

function connect(server: SourceServer, ssl: ClientConfig["ssl"]): Promise<SourceSession> {
  const { host, port, user, password, database, parameters } = server;
  const options = parameters["options"];
  const client = new Client({
    host,
    port,
    user,
    password,
    database,
    ssl: host.startsWith("/") ? false : ssl,
    options: options === undefined ? settings : `${options} ${settings}`,
    application_name: "matriarch import",
    keepAlive: true,
    connectionTimeoutMillis: connectMs,
    stream: listenedSocket,
  });
  return SourceSession.connected(client);
}

/**
 * pg listens for a socket's errors only once it has told it where to connect. An address that the socket refuses on the
 * spot (one with a null byte) left it without a listener, and pg's own time limit then ended this process.
 */
function listenedSocket(): Socket {
  return new Socket().on("error", () => undefined);
}

/** As libpq does it: up to "require" the certificate is not looked at. */
async function tlsOf({ host, parameters }: SourceServer, mode: string): Promise<ConnectionOptions> {
  if (mode !== "verify-ca" && mode !== "verify-full") return { rejectUnauthorized: false };
  const file = parameters["sslrootcert"];
  const ca = file === undefined || file === "system" ? {} : { ca: await readFile(file, "utf8") };
  const name = mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {};
  const own = parameters["sslcert"] && parameters["sslkey"] ? await ownCertificate(parameters) : {};
  return { servername: host, ...ca, ...name, ...own };
}

async function ownCertificate(parameters: Readonly<Record<string, string>>): Promise<ConnectionOptions> {
  return {
    cert: await readFile(parameters["sslcert"] ?? "", "utf8"),
    key: await readFile(parameters["sslkey"] ?? "", "utf8"),
  };
}

function isWithoutTls(error: unknown): boolean {
  return error instanceof Error && error.message.includes("does not support SSL");
}

/** One way to fail, one sentence: what it was, and what to do. */
function unreachable(server: SourceServer, error: unknown): OpError {
  const { host, port, user, database } = server;
  const at = host.startsWith("/") ? `"${host}"` : `${host}:${port}`;
  const say = (message: string, hint?: string, code: ErrorCode = "source-unreachable"): OpError =>
    new OpError(code, { message, ...(hint === undefined ? {} : { hint }) });
  if (error instanceof DatabaseError) return refusedBy(say, { at, user, database }, error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const text = error instanceof Error ? error.message : String(error);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    const fly = /\.(internal|flycast)$/.test(host);
    return say(
      `the name "${host}" is not known`,
      fly
        ? "Names in .internal and .flycast are known inside Fly only: run fly proxy 15432:5432 -a APP, and import from localhost:15432."
        : "Check the name in the URI, and this machine's DNS.",
    );
  }
  if (code === "ECONNREFUSED" || code === "ENOENT")
    return say(
      `nothing listens at ${at}`,
      isLoopback(host)
        ? "localhost is the machine of the agent that does the import, not yours if that is another one."
        : "Check host and port in the URI.",
    );
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") return say(`there is no way to ${at}`, "Check the network.");
  if (/timeout|timed out/i.test(text) || code === "ETIMEDOUT")
    return say(`${at} did not answer within ${connectMs / 1000} s`, "A firewall, or a list of allowed addresses?");
  if (isWithoutTls(error))
    return say(`${at} does not offer TLS`, "The URI asks for it with sslmode; leave that out where that is safe.");
  if (/certificate|self.signed|altnames|unable to (get|verify)/i.test(text))
    return say(
      `the certificate of ${at} is not accepted: ${text}`,
      "Name its authority's file with sslrootcert in the URI, or use sslmode=require.",
    );
  if (/SASL|password must be a string/i.test(text))
    return say(`${at} asks for a password for user "${user}", and the URI has none`, "Put it into the URI.");
  return say(`no session with ${at}: ${text}`);
}

type Say = (message: string, hint?: string) => OpError;

function refusedBy(
  say: Say,
  { at, user, database }: { readonly at: string; readonly user: string; readonly database: string },
  error: DatabaseError,
): OpError {
  if (error.code === "28P01")
    return say(`${at} does not accept the password of user "${user}"`, "Check it in the URI.");
  if (error.code === "28000")
    return say(
      `${at} does not let user "${user}" in: ${error.message}`,
      "It may ask for TLS, or not know this address.",
    );
  if (error.code === "3D000") return say(`there is no database "${database}" at ${at}`, "Check its name in the URI.");
  if (error.code === "53300") return say(`${at} has no free connection`, "End some, or raise its limit.");
  if (/unsupported startup parameter/i.test(error.message))
    return say(
      `${at} is a connection pooler (PgBouncer)`,
      "An import needs the server itself: take the direct address and port.",
    );
  return say(`${at} refuses: ${error.message}`);
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host) || host.startsWith("/");
}

/** `host:port/database`, for people. */
export function sourceName({ host, port, database }: Omit<SourceServer, "password">): string {
  return `${host}:${port}/${database}`;
}

/** Without the password; `passfile` has it. */
export function conninfoOf({ host, port, user, database, parameters }: SourceServer): string {
  return formatConninfo({ host, port, user, dbname: database, connect_timeout: 15, ...parameters });
}

/** With the password, for a subscription that never connects: it stands in the catalog that only superusers read. */
export function conninfoWithPassword(server: SourceServer): string {
  const { host, port, user, password, database, parameters } = server;
  return formatConninfo({ host, port, user, dbname: database, password, connect_timeout: 15, ...parameters });
}

/** @param passfile without which the source lets nobody in */
export function conninfoWithPassfile(
  { host, port, user, database, parameters }: SourceServer,
  passfile: string,
): string {
  return formatConninfo({ host, port, user, dbname: database, passfile, connect_timeout: 15, ...parameters });
}

/** Environment of programs that go to the source. `directory` is the import's own, 0700. */
export async function writePassfile(directory: string, { password }: SourceServer): Promise<Record<string, string>> {
  const file = join(directory, "pgpass");
  const line = `*:*:*:*:${password.replaceAll(/[\\:]/g, String.raw`\$&`)}\n`;
  await writeFile(file, line, { mode: 0o600 });
  return { PGPASSFILE: file };
}
