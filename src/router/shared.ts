/** What all endpoints of a router share: limits, the count of connections, and the keys that cancel queries. */
import { connect, type Socket } from "node:net";
import type { Log } from "./log.ts";
import { formatCancel, type ErrorFields } from "./packets.ts";
import { tooManyClients } from "./refusals.ts";
import type { Target } from "./wire.ts";

const cancelMs = 5000;
/** Connections beyond the limit that are still heard, so that they can be told so. */
const heardBeyondLimit = 500;

export interface Limits {
  readonly connections: number;
  /** how long a connection may wait for a server */
  readonly holdMs: number;
  /** how long a client may take until its start-up packet is there */
  readonly greetingMs: number;
}

export const defaultLimits: Limits = { connections: 10_000, holdMs: 30_000, greetingMs: 10_000 };

export class Shared {
  readonly limits: Limits;
  readonly log: Log;
  readonly keys = new Map<string, Target>();
  /** called after each connection's end */
  connectionClosed: () => void = () => undefined;
  #connections = 0;

  constructor(limits: Limits, log: Log) {
    this.limits = limits;
    this.log = log;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Counts a connection until it closes. @returns false when it was dropped unheard */
  admit(client: Socket): boolean {
    if (this.#connections >= this.limits.connections + heardBeyondLimit) {
      client.destroy();
      return false;
    }
    this.#connections += 1;
    client.once("close", () => {
      this.#connections -= 1;
      this.connectionClosed();
    });
    return true;
  }

  refusalWhenFull(): ErrorFields | undefined {
    return this.#connections > this.limits.connections ? tooManyClients : undefined;
  }

  /** Sends a cancel request on to the server that owns the key; like Postgres, says nothing either way. */
  cancel(key: string, client: Socket): void {
    const target = this.keys.get(key);
    client.on("error", () => client.destroy());
    if (!target) {
      client.destroy();
      return;
    }
    const server = connect({ host: target.host, port: target.port });
    const timer = setTimeout(() => server.destroy(), cancelMs);
    server.on("error", () => server.destroy());
    server.once("connect", () => server.write(formatCancel(key)));
    server.resume();
    // The client waits for the end of the connection: then the signal has been sent.
    server.once("close", () => {
      clearTimeout(timer);
      client.end();
      client.destroySoon();
    });
  }
}
