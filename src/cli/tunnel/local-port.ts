/**
 * The near end of a tunnel: a port of this machine alone. Each connection to it gets one of its own through an agent;
 * while none answers it waits for a while, and then its client is told why. Made by tunnel.ts.
 */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

import { OpError } from "../../errors/op-error.ts";
import { formatFatal } from "../../links/fatal.ts";
import { joinSockets } from "../../links/join-sockets.ts";

export interface LocalPortOptions {
  /** 0: any that is free */
  readonly port: number;
  /** a connection through an agent */
  readonly dial: () => Promise<Duplex>;
  /** a connection was refused, for this reason */
  readonly trouble: (error: OpError) => void;
}

/** An agent that is replaced is away for a second or two; another host is found in less. */
const waitMs = 10_000;
const retryMs = 250;
const keepAliveMs = 5000;
/** "localhost" may be either; IPv6 is not everywhere. */
const [ipv4, ipv6] = ["127.0.0.1", "::1"];
const tries = 20;

export class LocalPort {
  readonly port: number;
  readonly #servers: readonly Server[];
  readonly #open: Set<Socket>;
  readonly #counts: { connections: number };

  private constructor(servers: readonly Server[], open: Set<Socket>, counts: { connections: number }) {
    this.#servers = servers;
    this.#open = open;
    this.#counts = counts;
    const address = servers[0]?.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  /** @throws OpError port-in-use, bad-value */
  static async open(options: LocalPortOptions): Promise<LocalPort> {
    const open = new Set<Socket>();
    const counts = { connections: 0 };
    const make = (): Server =>
      createServer(
        {
          allowHalfOpen: true,
          pauseOnConnect: true,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: keepAliveMs,
        },
        (client) => {
          counts.connections += 1;
          open.add(client.on("close", () => open.delete(client)).on("error", () => client.destroy()));
          void carry(client, options);
        },
      );
    return new LocalPort(await listenOnBoth(make, options.port), open, counts);
  }

  /** all that there were */
  get connections(): number {
    return this.#counts.connections;
  }

  /** Ends everything at once. */
  close(): void {
    for (const server of this.#servers) server.close();
    for (const client of this.#open) client.destroy();
  }
}

async function carry(client: Socket, { dial, trouble }: LocalPortOptions): Promise<void> {
  try {
    const far = await dialInTime(client, dial);
    if (far === undefined) return;
    if (client.destroyed) return void far.destroy();
    far.allowHalfOpen = true;
    joinSockets(client, far);
  } catch (error) {
    const failure =
      error instanceof OpError ? error : new OpError("internal", { message: String(error), cause: error });
    trouble(failure);
    client.end(formatFatal({ code: "08006", message: failure.message, ...detailOf(failure) }));
    client.resume();
    setTimeout(() => client.destroy(), 2000).unref();
  }
}

/** @returns undefined when the client has gone meanwhile */
async function dialInTime(client: Socket, dial: LocalPortOptions["dial"]): Promise<Duplex | undefined> {
  for (const until = Date.now() + waitMs; !client.destroyed; await sleep(retryMs)) {
    try {
      return await dial();
    } catch (error) {
      if (!mayComeBack(error) || Date.now() > until) throw error;
    }
  }
  return undefined;
}

function mayComeBack(error: unknown): boolean {
  return error instanceof OpError && (error.code === "agent-unreachable" || error.code === "router-unreachable");
}

function detailOf({ detail, hint }: OpError): { readonly detail?: string; readonly hint?: string } {
  return { ...(detail === undefined ? {} : { detail }), ...(hint === undefined ? {} : { hint }) };
}

/** The same port at both addresses of this machine; where there is no IPv6 at one. */
async function listenOnBoth(make: () => Server, wanted: number): Promise<readonly Server[]> {
  for (let turn = 1; ; turn += 1) {
    const first = await listen(make(), ipv4, wanted);
    const address = first.address();
    const port = typeof address === "object" && address !== null ? address.port : wanted;
    try {
      return [first, await listen(make(), ipv6, port)];
    } catch (error) {
      if (!(error instanceof OpError && error.code === "port-in-use")) return [first];
      first.close();
      // One that was free at one address only.
      if (wanted !== 0 || turn === tries) throw error;
    }
  }
}

async function listen(server: Server, host: string, port: number): Promise<Server> {
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    return server;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    throw new OpError(code === "EADDRINUSE" ? "port-in-use" : "bad-value", {
      message:
        code === "EADDRINUSE" ? `port ${port} of this machine is taken` : `port ${port} of this machine cannot be used`,
      detail: `The system says: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: "Give another one, or none: then any that is free is taken.",
      cause,
    });
  }
}
