/**
 * A connection to one etcd server over which calls are made: logged in, with etcd's services as functions. Made by
 * endpoint.ts and by whoever cares for one server. The password is read from its file for each login and kept nowhere.
 */
import { readFile, stat } from "node:fs/promises";
import { type CallOptions, type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { OpError } from "../errors/op-error.ts";
import { EtcdConnection, type TlsOptions } from "./connection.ts";
import { failureKind, reasonOf } from "./failure.ts";
import { Auth, Cluster, Maintenance } from "./protocol/admin_pb.ts";
import { KV } from "./protocol/kv_pb.ts";
import { Watch } from "./protocol/watch_pb.ts";

export interface EtcdCredentials {
  /** read anew for each connection; undefined for http:// and for the system's own authorities */
  readonly tls?: () => TlsOptions;
  readonly user?: string;
  readonly passwordFile?: string;
}

export class EtcdSession {
  readonly url: string;
  readonly connection: EtcdConnection;
  readonly kv: Client<typeof KV>;
  readonly watch: Client<typeof Watch>;
  readonly cluster: Client<typeof Cluster>;
  readonly maintenance: Client<typeof Maintenance>;
  #token: string | undefined;

  /** @throws NotSent, OpError store-refused, or what the login answered */
  static async open(url: string, credentials: EtcdCredentials, signal: AbortSignal): Promise<EtcdSession> {
    const session = new EtcdSession(url, await EtcdConnection.open(url, credentials.tls?.(), signal));
    try {
      await session.#logIn(credentials, signal);
      return session;
    } catch (error) {
      session.end();
      throw error;
    }
  }

  private constructor(url: string, connection: EtcdConnection) {
    this.url = url;
    this.connection = connection;
    const transport = createGrpcTransport({
      baseUrl: url,
      sessionManager: connection,
      interceptors: [this.#addToken()],
      acceptCompression: [],
    });
    this.kv = createClient(KV, transport);
    this.watch = createClient(Watch, transport);
    this.cluster = createClient(Cluster, transport);
    this.maintenance = createClient(Maintenance, transport);
    this.#authenticate = (name, password, options) =>
      createClient(Auth, transport).authenticate({ name, password }, options);
  }

  readonly #authenticate: (name: string, password: string, options: CallOptions) => Promise<{ token: string }>;

  get isOpen(): boolean {
    return this.connection.isOpen;
  }

  end(): void {
    this.connection.end();
  }

  #addToken(): Interceptor {
    return (next) => (request) => {
      if (this.#token !== undefined) request.header.set("token", this.#token);
      return next(request);
    };
  }

  async #logIn({ user, passwordFile }: EtcdCredentials, signal: AbortSignal): Promise<void> {
    if (user === undefined) return;
    const password = passwordFile === undefined ? "" : await readPassword(passwordFile);
    try {
      this.#token = (await this.#authenticate(user, password, { signal })).token;
    } catch (error) {
      if (failureKind(error) !== "refused") throw error;
      throw new OpError("store-refused", {
        message: `etcd does not let user "${user}" in`,
        detail: `${this.url} answered: ${reasonOf(error)}.`,
        hint: "Check the user and the password file of the store in host.json.",
        cause: error,
      });
    }
  }
}

async function readPassword(file: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) throw new Error(`others than its owner may read it (mode ${(mode & 0o777).toString(8)})`);
    return (await readFile(file, "utf8")).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new OpError("store-refused", {
      message: `the password of the store cannot be read from "${file}"`,
      detail: `${reasonOf(cause)}.`,
      hint: `Make it readable by the agent's user alone: chmod 600 ${file}`,
      cause,
    });
  }
}
