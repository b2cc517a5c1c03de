/**
 * One session with a server over its Unix socket, as the internal superuser. Used by the observer and by the actions
 * of this driver. Every query has a deadline; a session that misses one is destroyed, for its backend may be stuck.
 * Never cancels a query: a cancelled wait for synchronous replication would look like success.
 */
import { Socket } from "node:net";
import { DatabaseError, Client, type ClientConfig } from "pg";
import { OpError } from "../../../errors/op-error.ts";
import { unresponsive, within } from "./deadline.ts";

export interface SessionTarget {
  readonly socketDirectory: string;
  readonly port: number;
}

export interface SessionOptions {
  readonly withinMs: number;
  readonly user?: string;
  /** left out: postgres */
  readonly database?: string;
  readonly applicationName?: string;
  /** `true` for the streaming replication protocol, physical */
  readonly replication?: boolean;
  /** settings of the session */
  readonly settings?: Readonly<Record<string, string>>;
}

export type Row = Readonly<Record<string, string | null>>;

/** Every value as the server's text: the callers know their types, and nothing is converted for nothing. */
const textOnly = { getTypeParser: () => (value: string) => value };

const superuser = "matriarch";
const applicationName = "matriarch agent";

/** Commits of the driver's own never wait for voters, unless the caller says so: such a wait has no end of its own. */
export const ownSettings: Readonly<Record<string, string>> = {
  search_path: "pg_catalog",
  synchronous_commit: "local",
  lc_messages: "C",
  // Whatever users set for their own sessions.
  statement_timeout: "0",
  lock_timeout: "0",
  idle_session_timeout: "0",
  default_transaction_read_only: "off",
  default_transaction_isolation: "read committed",
  standard_conforming_strings: "on",
};

export class Session {
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #ended: Promise<void>;
  #open = true;
  /** texts of warnings since the last `takeWarnings` */
  #warnings: string[] = [];

  /** @throws OpError server-unresponsive, or the server's own DatabaseError when it refuses */
  static async open(target: SessionTarget, options: SessionOptions): Promise<Session> {
    const session = new Session(target, options);
    try {
      const connected = session.#client.connect();
      await within(connected, options.withinMs, () => {
        throw unresponsive(`server on port ${target.port} accepted no session within ${options.withinMs} ms`);
      });
      return session;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  private constructor(target: SessionTarget, options: SessionOptions) {
    const socket = new Socket();
    this.#socket = socket;
    this.#client = new Client({ ...clientConfig(target, options), stream: () => socket });
    this.#client.on("notice", (notice) => {
      if (notice.severity === "WARNING") this.#warnings.push(notice.message ?? "");
    });
    this.#client.on("error", () => this.destroy());
    this.#ended = new Promise((resolve) => {
      socket.once("close", () => {
        this.#open = false;
        resolve();
      });
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Resolves once the connection is closed, from whichever side. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** For the replication protocol's own messages. */
  get client(): Client {
    return this.#client;
  }

  /** Rows of the (last) statement. `name` keeps the plan for the next time. */
  async query(
    text: string,
    values: readonly string[],
    options: { readonly withinMs: number; readonly name?: string },
  ): Promise<readonly Row[]> {
    const named = options.name === undefined ? {} : { name: options.name };
    const running = this.#client.query<Row>({ text, values: [...values], types: textOnly, ...named });
    const result = await within(running, options.withinMs, () => {
      this.destroy();
      throw unresponsive(`server did not answer within ${Math.round(options.withinMs)} ms`);
    });
    return result.rows;
  }

  takeWarnings(): readonly string[] {
    const taken = this.#warnings;
    this.#warnings = [];
    return taken;
  }

  /** Reads no more for now: the server has to wait. */
  hold(): void {
    this.#socket.pause();
  }

  release(): void {
    this.#socket.resume();
  }

  /** Closes the socket at once. A backend that waits for voters goes on waiting; it has nobody left to tell. */
  destroy(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  /** Ends the session in order. */
  async close(): Promise<void> {
    if (!this.#open) return;
    await within(
      this.#client.end().catch(() => undefined),
      1000,
      () => undefined,
    );
    this.destroy();
  }
}

function clientConfig(target: SessionTarget, options: SessionOptions): ClientConfig & { replication?: string } {
  const settings = options.replication ? (options.settings ?? {}) : { ...ownSettings, ...options.settings };
  return {
    host: target.socketDirectory,
    port: target.port,
    user: options.user ?? superuser,
    database: options.database ?? "postgres",
    password: "",
    ssl: false,
    application_name: options.applicationName ?? applicationName,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\ ]/g, "\\$&")}`)
      .join(" "),
    ...(options.replication ? { replication: "true" } : {}),
  };
}

/** SQLSTATE of a server's refusal. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** What the operating system said of a connection that was not made. */
export function socketError(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A session for one use. */
export async function withSession<T>(
  target: SessionTarget,
  options: SessionOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open(target, options);
  try {
    return await use(session);
  } catch (error) {
    throw error instanceof OpError || error instanceof DatabaseError
      ? error
      : unresponsive("server ended the session", error);
  } finally {
    void session.close();
  }
}

/** True when the postmaster still makes processes: it answers a request for TLS, which needs one and nothing else. */
export function answersConnections(target: SessionTarget, withinMs: number): Promise<boolean> {
  const socket = new Socket();
  const answered = new Promise<boolean>((resolve) => {
    socket.once("data", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
  socket.connect(`${target.socketDirectory}/.s.PGSQL.${target.port}`, () => {
    // SSLRequest. Postgres logs nothing when the client goes away after the answer.
    socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
  });
  return within(answered, withinMs, () => false).finally(() => socket.destroy());
}
