/**
 * Ends connections that come and ask for nothing. Called for both listeners: Node's own limits begin with the first byte of
 * a request.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";

const firstByteMs = 10_000;

export interface Silence {
  /** told of each new connection, once it can be read */
  readonly event: "connection" | "secureConnection";
  /** with a request begun, and until its answer: 0 for ever */
  readonly restMs: number;
}

export function endSilent(server: Server, { event, restMs }: Silence): void {
  server.on(event, (socket: Socket) => socket.setTimeout(firstByteMs));
  server.on("request", ({ socket }) => socket.setTimeout(restMs));
}
