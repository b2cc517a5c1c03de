/**
 * One member of another host as a Unix socket on this one: whoever connects to it is connected to that member's server
 * through the other host's relay. Made by relay.ts for each upstream. Only the servers' user and root come in.
 */
import { once } from "node:events";
import { chmod, chown, mkdir, rename, stat, unlink } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { hostPorts } from "../domain/host.ts";
import { formatFatal } from "../links/fatal.ts";
import type { Log } from "../links/log.ts";
import { dialRelay } from "../links/relay-dial.ts";
import type { TlsIdentity } from "../links/tls-files.ts";
import type { Connections } from "./connections.ts";
import { Pipe } from "./pipe.ts";
import type { RelaySelf, RelayUpstream } from "./wire.ts";

/**
 * Handshakes at a time. All at once they would share the processor, and on a busy machine none would be done in time;
 * in turn each is.
 */
const dialsMax = 16;

export interface OutgoingOptions {
  readonly identity: TlsIdentity;
  readonly connections: Connections;
  readonly log: Log;
}

export class Outgoing {
  readonly upstream: RelayUpstream;
  readonly #options: OutgoingOptions;
  readonly #server: Server;
  #dialing = 0;
  /** connections whose turn has not come */
  readonly #queue = new Set<Caller>();
  /** the socket file that is ours, by inode */
  #inode: number | undefined;

  constructor(upstream: RelayUpstream, options: OutgoingOptions) {
    this.upstream = upstream;
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client));
    this.#server.on("error", (error) => options.log.error("socket failed", { member: upstream.member, error }));
  }

  get #path(): string {
    return join(this.upstream.socketDirectory, `.s.PGSQL.${this.upstream.port}`);
  }

  /** The socket takes the place of an older relay's: there is no moment without one. */
  async listen(owner: RelaySelf["owner"]): Promise<void> {
    const { socketDirectory, port } = this.upstream;
    // What is above it must let the servers' user through.
    await mkdir(dirname(socketDirectory), { recursive: true, mode: 0o755 });
    await mkdir(socketDirectory, { recursive: true, mode: 0o700 });
    await chmod(socketDirectory, 0o700);
    // Node removes the path that it listened at when it stops: by then that must not be the next relay's socket.
    const draft = join(socketDirectory, `${port}.${process.pid}`);
    await unlink(draft).catch(() => undefined);
    this.#server.listen({ path: draft, backlog: 1024 });
    await once(this.#server, "listening");
    await chmod(draft, 0o600);
    if (owner && process.getuid?.() === 0) {
      await chown(draft, owner.uid, owner.gid);
      await chown(socketDirectory, owner.uid, owner.gid);
    }
    this.#inode = (await stat(draft)).ino;
    await rename(draft, this.#path);
  }

  /** The socket file is gone, or another's: then this must listen again. */
  async isInPlace(): Promise<boolean> {
    const found = await stat(this.#path).catch(() => undefined);
    return found !== undefined && found.ino === this.#inode;
  }

  /** Takes no new connections; those that are open go on. */
  async close(): Promise<void> {
    this.#server.close();
    if (await this.isInPlace()) await unlink(this.#path).catch(() => undefined);
  }

  #accept(client: Socket): void {
    const { connections } = this.#options;
    const { member, host } = this.upstream;
    client.on("error", () => client.destroy());
    const pipe = new Pipe(client, () => {
      this.#queue.delete(caller);
      connections.remove(pipe);
    });
    const caller: Caller = { client, pipe };
    connections.add(pipe, { direction: "out", member, host: host.name });
    this.#queue.add(caller);
    this.#dialNext();
  }

  #dialNext(): void {
    for (const caller of this.#queue) {
      if (this.#dialing >= dialsMax) return;
      this.#queue.delete(caller);
      this.#dial(caller);
    }
  }

  #dial({ client, pipe }: Caller): void {
    const { member, host } = this.upstream;
    let isDialing = true;
    let isReached = false;
    this.#dialing += 1;
    const settle = () => {
      if (isDialing) this.#dialing -= 1;
      isDialing = false;
      this.#dialNext();
    };
    const server = dialRelay({
      to: { host: host.name, address: host.address, port: hostPorts(host.basePort).relay },
      hello: { member, via: "socket" },
      tls: this.#options.identity.current(),
      onread: pipe.onread,
      opened: () => {
        pipe.open(nothing);
        settle();
      },
    });
    server.once("connect", () => (isReached = true));
    server.on("error", (error) => {
      if (pipe.isUnanswered) this.#tell(client, error.message);
      // What could not be reached for one is not tried for all others, one after the other.
      if (!isReached) this.#refuseQueue(error.message);
      server.destroy();
    });
    server.once("close", settle);
    pipe.server = server;
  }

  #refuseQueue(why: string): void {
    const refused = [...this.#queue];
    this.#queue.clear();
    for (const { client } of refused) this.#tell(client, why);
  }

  /** Whoever connects speaks Postgres' protocol, and its log is where people look. */
  #tell(client: Socket, why: string): void {
    const { member, host } = this.upstream;
    this.#options.log.error("no way to member", { member, host: host.name, why });
    if (client.writableEnded) return;
    const message = `member "${member}" on host "${host.name}" cannot be reached`;
    client.end(formatFatal({ code: cannotConnectNow, message, detail: why }));
    client.destroySoon();
  }
}

interface Caller {
  readonly client: Socket;
  readonly pipe: Pipe;
}

const nothing = new Uint8Array(0);
const cannotConnectNow = "57P03";
