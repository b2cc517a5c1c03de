/**
 * A connection to a member's server: on this machine by loopback TCP, on another host through its relay. Called by
 * session.ts for clients and by shared.ts for cancel requests. It cannot be had when the socket closes without a word.
 */
import { connect, Socket, type OnReadOpts } from "node:net";
import { dialRelay } from "../links/relay-dial.ts";
import type { TlsMaterial } from "../links/tls-files.ts";
import type { Target } from "./wire.ts";

const connectMs = 2000;
export const keepAliveMs = 10_000;

export interface ServerSocketOptions {
  /** this host's, for members of other hosts */
  readonly tls: TlsMaterial | undefined;
  readonly onread: OnReadOpts & { buffer: () => Uint8Array };
  /** From now on it may be written to. */
  readonly opened: (socket: Socket) => void;
}

export function connectServer(target: Target, options: ServerSocketOptions): Socket {
  const { member, relay } = target;
  if (!relay) return connectHere(target, options);
  const { tls, onread, opened } = options;
  if (tls) return dialRelay({ to: relay, hello: { member, via: "tcp" }, tls, onread, opened });
  return new Socket().destroy(new Error(`no certificate to reach host "${relay.host}" with`));
}

function connectHere({ host, port }: Target, { onread, opened }: ServerSocketOptions): Socket {
  const server = connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    allowHalfOpen: true,
    onread,
  });
  const timer = setTimeout(() => server.destroy(), connectMs);
  server.once("connect", () => {
    clearTimeout(timer);
    opened(server);
  });
  server.once("close", () => clearTimeout(timer));
  return server;
}
