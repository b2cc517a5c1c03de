/** Listens on a Unix socket that only its owner can open, in place of what a dead process has left there. */
import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";

import { OpError } from "../errors/op-error.ts";

/** @throws OpError agent-running when somebody answers on the socket */
export async function listenOnSocket(server: Server, socketPath: string): Promise<void> {
  if (await answers(socketPath)) {
    throw new OpError("agent-running", {
      message: `another agent serves "${socketPath}"`,
      hint: "One agent serves a home directory; stop the other with: matriarch agent stop",
    });
  }
  rmSync(socketPath, { force: true });
  // The socket comes into being within listen(): nobody may open it before its mode is set.
  const before = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(before);
  }
  await once(server, "listening");
  chmodSync(socketPath, 0o600);
}

/** Whether a living process accepts on the socket; a full queue counts as living. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (alive: boolean) => {
      socket.destroy();
      resolve(alive);
    };
    socket.setTimeout(2000, () => settle(true));
    socket.once("connect", () => settle(true));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      settle(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}
