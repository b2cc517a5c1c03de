/**
 * The first seconds of a client's connection: encryption, if it asks for it, and the packet that says what it wants.
 * Called by endpoint.ts for every accepted connection. Nothing a client sends here may cost more than its own
 * connection: packets are bounded, and so is the time.
 */
import { once } from "node:events";
import type { Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";
import { formatFatal, type ErrorFields } from "../links/fatal.ts";
import { parseOpening, startupBytesMax, type OpeningPacket } from "./packets.ts";

const tlsHandshakeRecord = 0x16;
/** ALPN name that Postgres 17 and later use, and ask for where TLS starts without an SSLRequest. */
const alpnName = "postgresql";

export type Greeting =
  | {
      readonly kind: "startup";
      readonly client: Socket;
      readonly parameters: ReadonlyMap<string, string>;
      /** the packet as sent, with whatever the client sent after it */
      readonly bytes: Buffer;
    }
  | { readonly kind: "cancel"; readonly client: Socket; readonly key: string };

/**
 * @returns undefined when the connection is over: closed by the client, out of time, or refused
 * @param raw paused, with an error listener
 */
export async function greet(
  raw: Socket,
  context: () => SecureContext,
  withinMs: number,
): Promise<Greeting | undefined> {
  const timer = setTimeout(() => raw.destroy(), withinMs);
  try {
    return await converse(raw, context);
  } finally {
    clearTimeout(timer);
  }
}

async function converse(raw: Socket, context: () => SecureContext): Promise<Greeting | undefined> {
  let client = raw;
  let askedGss = false;
  // At most one GSSENCRequest and one SSLRequest, then the packet itself.
  for (let round = 0; round < 3; round += 1) {
    const bytes = await readOpening(client);
    if (bytes === undefined) return undefined;
    if (client === raw && round === 0 && bytes[0] === tlsHandshakeRecord) {
      raw.unshift(bytes);
      const secured = await secure(raw, context());
      if (secured?.alpnProtocol !== alpnName) return hangUp(secured ?? raw);
      client = secured;
      continue;
    }
    const packet = parseOpening(bytes);
    switch (packet.kind) {
      case "ssl-request": {
        if (client !== raw || bytes.length > packet.length) return refuse(client, unexpectedData);
        raw.write("S");
        const secured = await secure(raw, context());
        if (!secured) return hangUp(raw);
        client = secured;
        continue;
      }
      case "gss-request":
        if (askedGss || bytes.length > packet.length) return refuse(client, unexpectedData);
        askedGss = true;
        client.write("N");
        continue;
      default:
        return conclude(client, packet, bytes);
    }
  }
  return refuse(client, unexpectedData);
}

function conclude(client: Socket, packet: OpeningPacket, bytes: Buffer): Greeting | undefined {
  if (packet.kind === "startup") return { kind: "startup", client, parameters: packet.parameters, bytes };
  if (packet.kind === "cancel") return { kind: "cancel", client, key: packet.key };
  return packet.kind === "bad" && packet.error ? refuse(client, packet.error) : hangUp(client);
}

// A man in the middle could have put plain bytes before the encryption (CVE-2021-23214).
const unexpectedData: ErrorFields = {
  code: "08P01",
  message: "received unencrypted data after SSL request",
  detail: "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
};

/** Bytes that hold one whole opening packet, or are known to hold none; undefined when the client went away. */
async function readOpening(client: Socket): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk: unknown = client.read();
    if (chunk instanceof Buffer) chunks.push(chunk);
    const bytes = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    const undecided = bytes[0] !== tlsHandshakeRecord && parseOpening(bytes).kind === "incomplete";
    if (bytes.length > 0 && (!undecided || bytes.length > startupBytesMax)) return bytes;
    if (client.destroyed || client.readableEnded) return undefined;
    if (!(await readableOrOver(client))) return undefined;
  }
}

/** @returns false when nothing more will come */
function readableOrOver(client: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (more: boolean) => () => {
      client.off("readable", onReadable);
      client.off("end", onOver);
      client.off("close", onOver);
      resolve(more);
    };
    const onReadable = settle(true);
    const onOver = settle(false);
    client.once("readable", onReadable);
    client.once("end", onOver);
    client.once("close", onOver);
  });
}

async function secure(raw: Socket, secureContext: SecureContext): Promise<TLSSocket | undefined> {
  const client = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: [alpnName] });
  const failed = new AbortController();
  client.on("error", () => client.destroy());
  client.once("close", () => failed.abort());
  try {
    await once(client, "secure", { signal: failed.signal });
    return client;
  } catch {
    return undefined;
  }
}

/** Ends the connection with an error that the client can read; a client that does not is dropped soon. */
export function refuse(client: Socket, error: ErrorFields): undefined {
  client.end(formatFatal(error));
  client.resume();
  const timer = setTimeout(() => client.destroy(), 2000);
  client.once("close", () => clearTimeout(timer));
}

function hangUp(client: Socket): undefined {
  client.destroy();
}
