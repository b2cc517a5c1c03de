/**
 * Proof that a host's ports can be reached by others: the host that joins listens on them for a moment and says a word,
 * the others connect and look for it. Called by `host join` on one side, by the agents' API on the other. A refused or
 * foreign answer is told with its port; nothing is changed by either side.
 */
import { once } from "node:events";
import { connect, createServer, isIP, type Server, type Socket } from "node:net";

import { version } from "../../config/version.ts";
import type { ReachAnswer, ReachRequest } from "../../contract/host.ts";
import { hostPorts } from "../../domain/host.ts";
import { OpError } from "../../errors/op-error.ts";

const reachMs = 3000;
export const connectionRefused = "the connection was refused";

export function portsOf(basePort: number): readonly number[] {
  return Object.values(hostPorts(basePort));
}

/**
 * Listens on all ports of a host that does not run yet.
 * @throws OpError port-in-use, bad-value when the address is not this machine's
 */
export async function listenForReach(address: string, basePort: number, word: string): Promise<AsyncDisposable> {
  const servers: Server[] = [];
  const callers = new Set<Socket>();
  const close = async (): Promise<void> => {
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    // Whoever has called has had its word by now, or has gone without a farewell.
    for (const caller of callers) caller.destroy();
    await Promise.all(closed);
  };
  try {
    for (const port of portsOf(basePort)) {
      const server = createServer((socket) => {
        callers.add(socket);
        socket.once("close", () => callers.delete(socket));
        socket.on("error", () => socket.destroy());
        socket.resume();
        socket.end(word);
      });
      server.listen({ host: address, port, exclusive: true });
      await once(server, "listening");
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw cannotListen(address, portsOf(basePort)[servers.length] ?? basePort, error);
  }
  return { [Symbol.asyncDispose]: close };
}

/** Looks for the word on every port. */
export async function probe({ address, ports, nonce }: ReachRequest): Promise<ReachAnswer> {
  const reasons = await Promise.all(ports.map((port) => probePort(address, port, nonce)));
  const unreachable = ports.flatMap((port, at) => {
    const reason = reasons[at];
    return reason === undefined ? [] : [{ port, reason }];
  });
  return { version, unreachable };
}

/** @param word undefined: whoever accepts will do. @returns why not */
export function probePort(address: string, port: number, word: string | undefined): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    let said = "";
    const end = (reason: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(reason);
    };
    const timer = setTimeout(() => end(`no answer within ${reachMs / 1000} s`), reachMs);
    socket.setEncoding("utf8");
    socket.once("connect", () => word === undefined && end(undefined));
    socket.on("data", (chunk: string) => {
      said += chunk;
      if (said === word) end(undefined);
      else if (word !== undefined && !word.startsWith(said)) end("something else answers there");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => end(wordsFor(error)));
    socket.once("close", () => end("the connection was closed"));
  });
}

/** `[::1]:7400` for addresses with colons. */
export function atPort(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

function wordsFor(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case "ECONNREFUSED":
      return connectionRefused;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "there is no way there";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return "the name is not known";
    default:
      return error.message;
  }
}

function cannotListen(address: string, port: number, cause: unknown): OpError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE") {
    return new OpError("port-in-use", {
      message: `port ${port} of ${address} is in use`,
      detail:
        "A host needs six ports in a row: for its agent, guard and relay, two for etcd, and one to say how it is.",
      hint: "Give another first one with --base-port, or end what listens there.",
      cause,
    });
  }
  return new OpError("bad-value", {
    message: `this machine cannot listen on ${atPort(address, port)}`,
    detail:
      code === "EADDRNOTAVAIL" || code === "ENOTFOUND"
        ? `${address} is not an address of this machine.`
        : String(cause),
    hint: "Name the address by which the other hosts reach this one: --address",
    cause,
  });
}
