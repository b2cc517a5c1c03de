/**
 * One client's way to a server: it waits for a target, is connected, and from then on bytes move both ways. Made and
 * steered by endpoint.ts. Until the server has said its first word the client notices nothing, and the session can
 * be sent to another server; after that it lives and dies with the one it has.
 */
import type { Socket } from "node:net";
import { formatFatal, type ErrorFields } from "../links/fatal.ts";
import type { TlsMaterial } from "../links/tls-files.ts";
import { refuse } from "./greeter.ts";
import { LsnGate } from "./lsn-gate.ts";
import { endsAtReadyForQuery, startupBytesMax } from "./packets.ts";
import { ReadBuffer } from "../links/read-buffer.ts";
import { connectServer } from "./server-socket.ts";
import { notYetThere } from "./refusals.ts";
import { ServerStart } from "./server-start.ts";
import type { SessionOptions } from "./session-options.ts";
import type { Target } from "./wire.ts";

const lingerMs = 60_000;
const cutLingerMs = 2000;
/** SQLSTATE of a server that is starting, stopping or not yet consistent. */
const cannotConnectNow = "57P03";

/** What a session tells its endpoint. */
export interface SessionOwner {
  /** it needs a target, now or later */
  wants(session: Session): void;
  /** the target does not take sessions; the session wants another */
  failed(session: Session, target: Target): void;
  /** the target has answered */
  answered(session: Session, target: Target): void;
  /** it has given up its way to the target, which it was told to take */
  released(target: Target): void;
  /** the server has named the key that cancels the session's queries */
  keyKnown(session: Session, key: string): void;
  left(session: Session): void;
  /** this host's certificate, to reach members of other hosts with */
  hostTls(): TlsMaterial | undefined;
}

export class Session {
  /** where it leads; undefined while it waits */
  target: Target | undefined;
  /** cancellation key; undefined until the server has told it */
  key: string | undefined;
  readonly options: SessionOptions;
  readonly #client: Socket;
  readonly #owner: SessionOwner;
  /** all that the client has sent, until the server's first word: sent again to another server if need be */
  #opening: Buffer | undefined;
  #server: Socket | undefined;
  /** it may be written to */
  #isConnected = false;
  /** reads along until the server's first ReadyForQuery */
  #start = new ServerStart();
  /** what the server has said before it was clear whether it takes the session */
  #withheld: Buffer[] = [];
  /** between the server's first ReadyForQuery and the client's */
  #gate: LsnGate | undefined;
  #last: Uint8Array = new Uint8Array(0);
  #lastLength = 0;
  #buffer: ReadBuffer;
  #over = false;

  constructor(client: Socket, opening: Buffer, options: SessionOptions, owner: SessionOwner) {
    this.#client = client;
    this.#opening = opening;
    this.options = options;
    this.#owner = owner;
    this.#buffer = new ReadBuffer(client);
    client.on("data", (chunk: Buffer) => this.#fromClient(chunk));
    client.on("end", () => this.#clientEnded());
    client.on("drain", () => this.#server?.resume());
    client.on("error", () => this.end());
    client.on("close", () => this.end());
    if (client.destroyed) queueMicrotask(() => this.end());
  }

  /** Waiting for a target, or for a server's first word: it can still go elsewhere. */
  get isPending(): boolean {
    return this.#opening !== undefined;
  }

  connectTo(target: Target): void {
    this.target = target;
    this.#start = new ServerStart();
    this.#withheld = [];
    const buffer = new ReadBuffer(this.#client);
    this.#buffer = buffer;
    this.#isConnected = false;
    const server: Socket = connectServer(target, {
      tls: this.#owner.hostTls(),
      onread: {
        buffer: () => buffer.next(),
        callback: (length, bytes) => this.#fromServer(server, length, bytes),
      },
      opened: (socket) => this.#connected(socket),
    });
    this.#server = server;
    server.on("drain", () => this.#client.resume());
    server.on("error", () => server.destroy());
    server.once("end", () => this.#serverGone(server));
    server.once("close", () => this.#serverGone(server));
  }

  #connected(server: Socket): void {
    if (server !== this.#server) return;
    this.#isConnected = true;
    if (this.#opening) server.write(this.#opening);
    this.#client.resume();
  }

  /** Gives its server up and wants another; only while pending. */
  reassign(): void {
    this.#dropServer();
    this.#owner.wants(this);
  }

  /** Ends a waiting session with an error. */
  refuse(error: ErrorFields): void {
    if (this.#over) return;
    this.#leave();
    refuse(this.#client, error);
  }

  /** Ends it at once. The client is told why if it is known to be between two messages. */
  cut(error: ErrorFields): void {
    if (this.#over) return;
    const between = this.#gate
      ? true
      : this.#start.done
        ? endsAtReadyForQuery(this.#last, this.#lastLength)
        : this.#start.atBoundary && this.#start.answered;
    this.#leave();
    if (!between) {
      this.#client.destroy();
      return;
    }
    this.#client.end(formatFatal(error));
    this.#client.resume();
    this.#destroyClientAfter(cutLingerMs);
  }

  /** The client is gone, or has to go. */
  end(): void {
    this.#leave();
    this.#client.destroy();
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#gate?.close();
    this.#dropServer();
    this.#opening = undefined;
    this.#owner.left(this);
  }

  #dropServer(): void {
    const { target } = this;
    this.target = undefined;
    if (target) this.#owner.released(target);
    const server = this.#server;
    this.#server = undefined;
    server?.destroy();
  }

  #fromClient(chunk: Buffer): void {
    if (this.#over) return;
    if (this.#opening) {
      this.#opening = Buffer.concat([this.#opening, chunk]);
      if (this.#opening.length > 2 * startupBytesMax) this.#client.pause();
      if (!this.#isConnected) return;
    }
    if (this.#server && !this.#server.write(chunk)) this.#client.pause();
  }

  #clientEnded(): void {
    if (this.#opening || !this.#server) this.end();
    else this.#server.end();
  }

  /** @returns false to stop reading until the client has taken what it was sent */
  #fromServer(server: Socket, length: number, bytes: Uint8Array): boolean {
    if (server !== this.#server) return false;
    this.#last = bytes;
    this.#lastLength = length;
    if (this.#gate) {
      this.#gate.feed(Buffer.from(bytes.subarray(0, length)));
      return true;
    }
    if (!this.#start.done) return this.#fromStartingServer(server, Buffer.from(bytes.subarray(0, length)));
    return this.#buffer.passOn(bytes, length);
  }

  #fromStartingServer(server: Socket, chunk: Buffer): boolean {
    this.#start.feed(chunk);
    this.#withheld.push(chunk);
    if (!this.#start.answered && !this.#start.done) return true;
    if (this.#opening) {
      if (this.#start.refusedWith === cannotConnectNow) {
        this.#serverGone(server);
        return false;
      }
      this.#opening = undefined;
      this.#client.resume();
      if (this.target) this.#owner.answered(this, this.target);
    }
    if (this.key === undefined && this.#start.key !== undefined) {
      this.key = this.#start.key;
      this.#owner.keyKnown(this, this.key);
    }
    const { afterLsn } = this.options;
    if (afterLsn !== undefined && this.#start.isReady) {
      this.#waitForLog(server, afterLsn);
      return true;
    }
    return this.#sendWithheld();
  }

  #sendWithheld(): boolean {
    const bytes = Buffer.concat(this.#withheld);
    this.#withheld = [];
    return this.#client.write(bytes);
  }

  /** The client does not hear of its ReadyForQuery, and is not heard, before the server has come so far. */
  #waitForLog(server: Socket, lsn: string): void {
    const { target, options } = this;
    this.#client.pause();
    this.#gate = new LsnGate(
      server,
      { lsn, withinMs: options.waitMs },
      {
        opened: () => {
          this.#gate = undefined;
          this.#sendWithheld();
          this.#client.resume();
        },
        failed: (reason) => this.cut(notYetThere(target?.member ?? "", options, reason)),
      },
    );
  }

  /** The server has ended the connection, or was never there. */
  #serverGone(server: Socket): void {
    if (server !== this.#server || this.#over) return;
    const target = this.target;
    if (this.#opening && target) {
      this.#dropServer();
      this.#owner.failed(this, target);
      return;
    }
    this.#leave();
    this.#client.destroySoon();
    this.#client.resume();
    this.#destroyClientAfter(lingerMs);
  }

  #destroyClientAfter(ms: number): void {
    const timer = setTimeout(() => this.#client.destroy(), ms);
    this.#client.once("close", () => clearTimeout(timer));
  }
}
