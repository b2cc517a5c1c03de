/**
 * The few messages of the Postgres protocol that the router reads or writes itself: the packets that open a
 * connection, and the error that ends one. Pure; a packet that makes no sense is a value, never an exception.
 * Source: Postgres manual, "Message Flow" and "Message Formats".
 */

import type { ErrorFields } from "../links/fatal.ts";

/** Postgres refuses longer start-up packets as well (MAX_STARTUP_PACKET_LENGTH). */
export const startupBytesMax = 10_000;

const sslRequestCode = 80877103;
const gssRequestCode = 80877104;
const cancelRequestCode = 80877102;
const protocolMajor = 3;

export type OpeningPacket =
  | { readonly kind: "incomplete" }
  | { readonly kind: "ssl-request"; readonly length: number }
  | { readonly kind: "gss-request"; readonly length: number }
  /** `key`: process id and secret as sent, compared as one */
  | { readonly kind: "cancel"; readonly key: string }
  | { readonly kind: "startup"; readonly parameters: ReadonlyMap<string, string> }
  /** `error` is what Postgres would answer; undefined where it hangs up without a word */
  | { readonly kind: "bad"; readonly error: ErrorFields | undefined };

/** The packet at the start of `bytes`, which may hold more than it. */
export function parseOpening(bytes: Buffer): OpeningPacket {
  if (bytes.length < 4) return { kind: "incomplete" };
  const length = bytes.readUInt32BE(0);
  if (length < 8 || length > startupBytesMax) return { kind: "bad", error: undefined };
  if (bytes.length < length) return { kind: "incomplete" };
  const code = bytes.readUInt32BE(4);
  if (code === sslRequestCode && length === 8) return { kind: "ssl-request", length };
  if (code === gssRequestCode && length === 8) return { kind: "gss-request", length };
  if (code === cancelRequestCode) return parseCancel(bytes.subarray(8, length));
  if (code >>> 16 !== protocolMajor) return { kind: "bad", error: unsupportedProtocol(code) };
  return parseParameters(bytes.subarray(8, length));
}

/** 4 bytes of process id, then a secret of 4 bytes, or of up to 256 from protocol 3.2 on. */
function parseCancel(body: Buffer): OpeningPacket {
  if (body.length < 8 || body.length > 4 + 256) return { kind: "bad", error: undefined };
  return { kind: "cancel", key: keyOf(body) };
}

/** A cancellation key as a key of a map. */
export function keyOf(bytes: Buffer): string {
  return bytes.toString("latin1");
}

export function formatCancel(key: string): Buffer {
  const body = Buffer.from(key, "latin1");
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(cancelRequestCode, 4);
  return Buffer.concat([head, body]);
}

/** Pairs of zero-terminated strings, ended by an empty name. */
function parseParameters(body: Buffer): OpeningPacket {
  const parts = body.toString("latin1").split("\0");
  const end = parts.indexOf("");
  // A value may be empty, a name may not: the end is an empty string at an even place, followed by the last byte.
  const names = evenEnd(parts, end);
  if (names === undefined) return { kind: "bad", error: badLayout };
  const parameters = new Map<string, string>();
  for (let at = 0; at < names; at += 2) {
    parameters.set(parts[at] ?? "", Buffer.from(parts[at + 1] ?? "", "latin1").toString("utf8"));
  }
  if (!parameters.get("user")) return { kind: "bad", error: noUser };
  return { kind: "startup", parameters };
}

function evenEnd(parts: readonly string[], from: number): number | undefined {
  for (let at = from; at >= 0 && at < parts.length; at = parts.indexOf("", at + 1)) {
    if (at % 2 === 0) return at === parts.length - 2 ? at : undefined;
  }
  return undefined;
}

const badLayout: ErrorFields = {
  code: "08P01",
  message: "invalid startup packet layout: expected terminator as last byte",
};

const noUser: ErrorFields = { code: "28000", message: "no PostgreSQL user name specified in startup packet" };

function unsupportedProtocol(code: number): ErrorFields {
  return {
    code: "0A000",
    message: `unsupported frontend protocol ${code >>> 16}.${code & 0xffff}: server supports 3.0 to 3.2`,
  };
}

/**
 * Whether these bytes, the last that a server sent, end with ReadyForQuery: then the client is between two messages
 * and can be told something. A data row could end with the same six bytes; the client then reads our error as part
 * of a row, and the connection ends all the same.
 */
export function endsAtReadyForQuery(bytes: Uint8Array, length: number): boolean {
  if (length < 6) return false;
  const status = bytes[length - 1];
  const idle = status === 0x49 || status === 0x54 || status === 0x45;
  return idle && bytes[length - 2] === 5 && bytes[length - 3] === 0 && bytes[length - 6] === 0x5a;
}
