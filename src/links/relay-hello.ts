/**
 * The first line in each direction on a TLS connection to a relay: whom the caller wants, and whether it gets it. The
 * caller may send what is meant for the server right behind its line; the relay's line comes before all that the server
 * says. Pure; used by relay and router.
 */
import { object, oneOf, text } from "./checked.ts";

/** Longer lines are no hello and no reply. */
export const lineBytesMax = 2048;

export interface RelayHello {
  readonly member: string;
  /** socket: as the installation itself (replication, copies). tcp: as a client, which Postgres then asks for its password */
  readonly via: "socket" | "tcp";
}

export type RelayReply = { readonly ok: true } | { readonly ok: false; readonly message: string };

/** @throws TypeError or SyntaxError for what is not one */
export function parseHello(line: string): RelayHello {
  const value = object(JSON.parse(line), "hello");
  return { member: text(value["member"], "member"), via: oneOf(value["via"], ["socket", "tcp"], "via") };
}

/** @throws TypeError or SyntaxError for what is not one */
export function parseReply(line: string): RelayReply {
  const value = object(JSON.parse(line), "reply");
  return value["ok"] === true ? { ok: true } : { ok: false, message: text(value["message"], "message") };
}

export function formatLine(what: RelayHello | RelayReply): string {
  return `${JSON.stringify(what)}\n`;
}

/** Bytes up to the first end of line, and what came behind it. */
export class FirstLine {
  #bytes: Buffer = Buffer.alloc(0);

  /** @returns undefined when it is not complete. @throws RangeError when it gets too long */
  take(chunk: Uint8Array): { readonly line: string; readonly rest: Buffer } | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const end = this.#bytes.indexOf(10);
    if (end > lineBytesMax || (end === -1 && this.#bytes.length > lineBytesMax)) throw new RangeError("line too long");
    if (end === -1) return undefined;
    return { line: this.#bytes.toString("utf8", 0, end), rest: this.#bytes.subarray(end + 1) };
  }
}
