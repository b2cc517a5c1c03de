/**
 * Listening on a port so that a newer process can listen beside an older one that drains (SO_REUSEPORT, where the
 * system has it). That option would also let two strangers share a port in silence, so a port is first tried without
 * it. Called by the router's endpoints and by the relay.
 */
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { OpError } from "../errors/op-error.ts";

const backlog = 4096;
export const canShare = process.platform === "linux" || process.platform === "freebsd";

/** @param share the port is held by another thread, or by an older process of this installation that will leave it */
export async function listen(server: Server, host: string, port: number, share: boolean): Promise<void> {
  try {
    if (canShare && !share) await tryAlone(host, port);
    server.listen({ host, port, backlog, reusePort: canShare });
    await once(server, "listening");
  } catch (error) {
    throw new OpError("port-in-use", {
      message: `could not listen on ${host}, port ${port}`,
      detail: error instanceof Error ? `${error.message}.` : "",
      hint: "End what uses the port, or choose another.",
      cause: error,
    });
  }
}

async function tryAlone(host: string, port: number): Promise<void> {
  const probe = createServer();
  probe.listen({ host, port });
  await once(probe, "listening");
  probe.close();
  await once(probe, "close");
}
