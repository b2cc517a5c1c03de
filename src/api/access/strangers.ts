/**
 * Connections on which nobody has yet shown who they are. There may be so many of them; with one more the oldest goes,
 * so that those who only connect can never keep out those who are known. Called by the TLS listener.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** The part of a socket that TLS leaves as it is. */
type Ends = Pick<Socket, "remoteAddress" | "remotePort">;

export class Strangers {
  readonly #max: number;
  /** by the address and port of the other end, oldest first: TLS makes another object of a socket */
  readonly #sockets = new Map<string, Duplex>();

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#sockets.size;
  }

  add(socket: Duplex & Partial<Ends>): void {
    const key = keyOf(socket);
    this.#sockets.set(key, socket);
    socket.once("close", () => this.#sockets.delete(key));
    if (this.#sockets.size <= this.#max) return;
    const [oldest] = this.#sockets;
    if (oldest === undefined) return;
    this.#sockets.delete(oldest[0]);
    oldest[1].destroy();
  }

  /** The listener closes. */
  end(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  /** It has shown a certificate or a token that is good. */
  know(socket: Ends): void {
    this.#sockets.delete(keyOf(socket));
  }
}

function keyOf({ remoteAddress, remotePort }: Partial<Ends>): string {
  return `${remoteAddress} ${remotePort}`;
}
