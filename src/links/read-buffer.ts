/**
 * The memory that a connection's server is read into and its client is written from. One buffer serves every read for as
 * long as the kernel takes each write at once; a write that it could not take keeps its buffer, and reading goes on
 * in a new one. So a steady connection allocates nothing, and a slow client holds two or three buffers at most, because
 * reading stops when the client's socket says that it is full. Called by the router's
 * sessions and the relay's pipes.
 */
import type { Socket } from "node:net";

const smallBytes = 8192;
const largeBytes = 32_768;
/** Under TLS every write is in flight for a moment: so much is copied out instead of giving the buffer away. */
const copiedBytesMax = 4096;

export class ReadBuffer {
  readonly #client: Socket;
  readonly #copies: boolean;
  #current: Buffer = Buffer.allocUnsafeSlow(smallBytes);

  constructor(client: Socket) {
    this.#client = client;
    this.#copies = "encrypted" in client;
  }

  /** Asked by the socket before its first read and after each. */
  next(): Buffer {
    return this.#current;
  }

  /** Writes what was read to the client. @returns false when the client has to take it in first */
  passOn(bytes: Uint8Array, length: number): boolean {
    const chunk = bytes.subarray(0, length);
    if (this.#copies && length <= copiedBytesMax) return this.#client.write(Buffer.from(chunk));
    const ready = this.#client.write(chunk);
    const isFull = length === bytes.length;
    if (this.#client.writableLength > 0 || (isFull && length < largeBytes)) {
      this.#current = Buffer.allocUnsafeSlow(isFull ? largeBytes : smallBytes);
    }
    return ready;
  }
}
