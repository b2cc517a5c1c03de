/**
 * A connection to a member of another host: mutual TLS to that host's relay, which leads on to the member's server.
 * Called by the relay for this host's servers, and by the router for clients. A host that is gone is given up within
 * a second. The relay at the other end is known by authority, name and OU, whatever its address.
 */
import type { OnReadOpts } from "node:net";
import { connect, createSecureContext, type ConnectionOptions, type SecureContext, type TLSSocket } from "node:tls";
import { notHost } from "./peer-identity.ts";
import { FirstLine, formatLine, parseReply, type RelayHello } from "./relay-hello.ts";
import type { TlsMaterial } from "./tls-files.ts";

/** Until the other machine has taken the connection: that needs no process of it. */
const connectMs = 1000;
/**
 * Until its relay has said whether the member can be had: long, because many at once take their time on a busy machine,
 * and a relay that stands still is ended by its own agent within seconds.
 */
const replyMs = 10_000;
/** The kernel asks an idle peer after this, then each second, and gives up after ten questions. */
export const relayKeepAliveMs = 1000;

export interface RelayPeer {
  /** host's name, as its certificate says */
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

export interface RelayDial {
  readonly to: RelayPeer;
  readonly hello: RelayHello;
  readonly tls: TlsMaterial;
  /** memory that the server's bytes are read into, and who takes them; false: reading stops until `resume` */
  readonly onread: OnReadOpts & { buffer: () => Uint8Array };
  /** From now on the server, if there is one, gets what is written; before that nothing may be. */
  readonly opened: (socket: TLSSocket) => void;
}

/** @returns a socket that errs and closes when the member cannot be had; the error says why */
export function dialRelay({ to, hello, tls, onread, opened }: RelayDial): TLSSocket {
  const reply = new FirstLine();
  let isAnswered = false;
  // Node's documentation has these two here, its types do not.
  const options: ConnectionOptions & { readonly allowHalfOpen: boolean; readonly onread: OnReadOpts } = {
    host: to.address,
    port: to.port,
    secureContext: contextOf(tls),
    checkServerIdentity: (_name, certificate) => notHost(to.host, certificate),
    allowHalfOpen: true,
    onread: {
      buffer: onread.buffer,
      callback: (length, bytes) => {
        if (isAnswered) return onread.callback(length, bytes);
        const rest = readReply(socket, reply, bytes.subarray(0, length));
        if (rest === undefined) return !socket.destroyed;
        isAnswered = true;
        clearTimeout(timer);
        return rest.length === 0 || onread.callback(rest.length, rest);
      },
    },
  };
  const socket = connect(options);
  let timer = after(connectMs, () => socket.connecting && giveUp(socket, to, "it cannot be reached"));
  socket.once("connect", () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, relayKeepAliveMs);
    clearTimeout(timer);
    timer = after(replyMs, () => !isAnswered && giveUp(socket, to, "its relay does not answer"));
  });
  socket.once("secureConnect", () => {
    socket.write(formatLine(hello));
    opened(socket);
  });
  socket.once("close", () => clearTimeout(timer));
  return socket;
}

/** @returns what follows the reply, once it is there and good; a bad one ends the socket */
function readReply(socket: TLSSocket, first: FirstLine, bytes: Uint8Array): Buffer | undefined {
  try {
    const found = first.take(bytes);
    if (!found) return undefined;
    const reply = parseReply(found.line);
    if (reply.ok) return found.rest;
    socket.destroy(new Error(reply.message));
  } catch {
    socket.destroy(new Error("what answers there is not a relay"));
  }
  return undefined;
}

/** What has arrived while this process was busy counts as in time: it is heard before the verdict. */
function after(ms: number, verdict: () => unknown): NodeJS.Timeout {
  return setTimeout(() => setImmediate(verdict), ms);
}

function giveUp(socket: TLSSocket, to: RelayPeer, why: string): void {
  socket.destroy(new Error(`host "${to.host}" (${to.address}, port ${to.port}): ${why}`));
}

const contexts = new WeakMap<TlsMaterial, SecureContext>();

function contextOf(tls: TlsMaterial): SecureContext {
  const known = contexts.get(tls);
  if (known) return known;
  const made = createSecureContext({ ...tls, minVersion: "TLSv1.3" });
  contexts.set(tls, made);
  return made;
}
