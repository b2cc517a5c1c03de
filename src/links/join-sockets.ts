/**
 * Two sockets as one connection: each hears what the other says, no faster than it listens; an end of one side is passed
 * on, and what breaks on one side ends the other. Called for tunnels, by the API and by the command line. Keeps no more in
 * memory than the sockets' own buffers.
 */
import type { Duplex } from "node:stream";

/** What was read must still reach the other side; one that does not take it has so long. */
const lingerMs = 60_000;

/** @param sockets open, with `allowHalfOpen` where one side may go on alone */
export function joinSockets(a: Duplex, b: Duplex): void {
  passOn(a, b);
  passOn(b, a);
}

function passOn(from: Duplex, to: Duplex): void {
  from.on("error", () => from.destroy());
  from.pipe(to);
  from.once("close", () => settle(to));
  if (from.destroyed) settle(to);
}

/** Sends what it has been given, then ends. */
function settle(socket: Duplex): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.once("finish", () => socket.destroy());
  if (socket.writableFinished) socket.destroy();
  else socket.end();
  // Nobody listens to what it says from now on.
  socket.resume();
}
