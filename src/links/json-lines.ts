/**
 * One object a line of JSON over a TLS connection, with a limit in both directions: a line longer than that, or what is
 * no JSON, ends the connection, and what a peer that reads too slowly does not take is dropped. Used by host-server.ts
 * and host-link.ts.
 */
import { StringDecoder } from "node:string_decoder";
import type { Duplex } from "node:stream";

const lineBytesMax = 256 * 1024;
const queuedBytesMax = 256 * 1024;

export class JsonLines {
  readonly #stream: Duplex;

  /** @param hear gets each object; when it throws, the connection ends with that error */
  constructor(stream: Duplex, hear: (said: unknown) => void) {
    this.#stream = stream;
    const decoder = new StringDecoder("utf8");
    let rest = "";
    stream.on("data", (chunk: Buffer) => {
      const lines = `${rest}${decoder.write(chunk)}`.split("\n");
      rest = lines.pop() ?? "";
      try {
        if (rest.length > lineBytesMax) throw new RangeError("line too long");
        for (const line of lines) if (!stream.destroyed) hear(JSON.parse(line));
      } catch (error) {
        stream.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** @returns false when it was dropped */
  send(what: unknown): boolean {
    if (this.#stream.destroyed || this.#stream.writableLength > queuedBytesMax) return false;
    this.#stream.write(`${JSON.stringify(what)}\n`);
    return true;
  }
}
