/**
 * Two sockets as one connection: what one says the other hears, no faster than it listens, and when one ends so does the
 * other. Called by incoming.ts and outgoing.ts, whose `server` side is read into memory that is used again and again
 * (the way that the bulk of the bytes goes: WAL and copies come from a server).
 */
import type { Socket } from "node:net";
import { ReadBuffer } from "../links/read-buffer.ts";

/** What was read must still reach the other side; one that does not take it has so long. */
const lingerMs = 5000;

export class Pipe {
  readonly #client: Socket;
  #server: Socket | undefined;
  #isOpen = false;
  /** the server has said something */
  #hasSpoken = false;
  #over = false;
  readonly #buffer: ReadBuffer;
  readonly #ended: () => void;

  /** @param client accepted, paused, with an error listener */
  constructor(client: Socket, ended: () => void) {
    this.#client = client;
    this.#ended = ended;
    this.#buffer = new ReadBuffer(client);
    client.once("close", () => this.#finish());
  }

  /** Nothing has come from the server: the client can still be told that there is none. */
  get isUnanswered(): boolean {
    return !this.#hasSpoken;
  }

  /** How the server's socket is to be read. */
  get onread() {
    return {
      buffer: () => this.#buffer.next(),
      callback: (length: number, bytes: Uint8Array) => {
        this.#hasSpoken = true;
        return this.#buffer.passOn(bytes, length);
      },
    };
  }

  /** The server's socket, which may still be connecting: it ends with the client. */
  set server(server: Socket) {
    this.#server = server;
    if (this.#over) server.destroy();
    server.once("close", () => this.#finish());
  }

  /** From now on bytes move. @param first what the client has said already */
  open(first: Uint8Array): void {
    const server = this.#server;
    if (!server || this.#over) return;
    const client = this.#client;
    this.#isOpen = true;
    if (first.length > 0) server.write(first);
    client.on("data", (chunk) => {
      if (!this.#over && !server.write(chunk)) client.pause();
    });
    client.on("drain", () => server.resume());
    server.on("drain", () => client.resume());
    client.once("end", () => server.end());
    // A server that ends a connection does not listen any more.
    server.once("end", () => this.#finish());
    client.resume();
  }

  /** Ends both at once. */
  cut(): void {
    this.#client.destroy();
    this.#server?.destroy();
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    settle(this.#client);
    if (this.#server && this.#isOpen) settle(this.#server);
    else this.#server?.destroy();
    this.#ended();
  }
}

/** Sends what it has been given, then ends. */
function settle(socket: Socket): void {
  socket.destroySoon();
  if (socket.destroyed) return;
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once("close", () => clearTimeout(timer));
}
