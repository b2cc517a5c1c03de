/**
 * A session at PgBouncer's admin console, over its Unix socket: no password, the kernel says who comes. Called by
 * process.ts. Commands are plain words, one after the other; each has a deadline.
 */
import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import { Client } from "pg";
import { OpError } from "../../errors/op-error.ts";
import type { KeptLink } from "../process/control-link.ts";
import { portIn } from "./configuration.ts";

const commandMs = 5000;

export type Row = Readonly<Record<string, string | null>>;

/** All of them are the same to us: one that runs is used as it is. */
export const anyVersion = "pgbouncer";

export class Console implements KeptLink {
  readonly pid: number;
  readonly version = anyVersion;
  /** where it listens for clients */
  readonly port: number;
  readonly #client: Client;
  readonly #socket: Socket;
  /** what was asked last */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(client: Client, socket: Socket, { pid, port }: { readonly pid: number; readonly port: number }) {
    this.#client = client;
    this.#socket = socket;
    this.pid = pid;
    this.port = port;
  }

  /** @returns undefined when none runs there, or it does not answer */
  static async open(directory: string, admin: string): Promise<Console | undefined> {
    const port = await readFile(`${directory}/settings`, "utf8").then(portIn, () => undefined);
    const pid = Number(await readFile(`${directory}/pid`, "utf8").catch(() => ""));
    if (port === undefined || !Number.isInteger(pid) || pid <= 1) return undefined;
    const socket = new Socket();
    const client = new Client({
      host: directory,
      port,
      user: admin,
      database: "pgbouncer",
      password: "",
      ssl: false,
      connectionTimeoutMillis: commandMs,
      stream: () => socket,
    });
    client.on("error", () => socket.destroy());
    try {
      await client.connect();
      return new Console(client, socket, { pid, port });
    } catch {
      socket.destroy();
      return undefined;
    }
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  onClose(listener: () => void): void {
    if (this.#socket.closed) listener();
    else this.#socket.once("close", listener);
  }

  async answers(withinMs: number): Promise<boolean> {
    return this.rows("SHOW VERSION", withinMs).then(
      () => true,
      () => false,
    );
  }

  /** @throws OpError pooler-unreachable, and what PgBouncer refuses with */
  async rows(command: string, withinMs = commandMs): Promise<readonly Row[]> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new OpError("pooler-unreachable", { message: "the pooler does not answer" })),
      withinMs,
    );
    try {
      const answer = this.#turn.then(() => this.#client.query<Row>(command));
      this.#turn = answer.catch(() => undefined);
      const { rows } = await Promise.race([answer, late]);
      return rows;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
