/** What all endpoints of one thread share: limits, the count of connections, and the keys that cancel queries. */
import type { Socket } from "node:net";
import { availableParallelism } from "node:os";
import type { Log } from "../links/log.ts";
import type { ErrorFields } from "../links/fatal.ts";
import type { TlsMaterial } from "../links/tls-files.ts";
import { formatCancel } from "./packets.ts";
import { tooManyClients } from "./refusals.ts";
import { connectServer } from "./server-socket.ts";
import type { Tally } from "./tally.ts";
import type { RouterNews, Target } from "./wire.ts";

const cancelMs = 5000;
/** Connections beyond the limit that are still heard, so that they can be told so. */
const heardBeyondLimit = 500;

export interface Limits {
  readonly connections: number;
  /** how long a connection may wait for a server, and once more for its turn */
  readonly holdMs: number;
  /** connections of one endpoint in one thread that a server is being asked to take at the same time; others queue */
  readonly dials: number;
  /** how long a client may take until its start-up packet is there */
  readonly greetingMs: number;
  /** at most, with the main one */
  readonly threads: number;
}

export const defaultLimits: Limits = {
  connections: 10_000,
  holdMs: 30_000,
  dials: 64,
  greetingMs: 10_000,
  threads: Math.min(availableParallelism(), 4),
};

export interface SharedOptions {
  readonly limits: Limits;
  readonly log: Log;
  readonly tally: Tally;
  /** sends a cancel request for a key that another thread may know; returns when that is done */
  readonly cancelElsewhere: (key: string) => Promise<void>;
  /** called when a port could be had at last */
  readonly portOpened: () => void;
  /** called with what the agent is to hear */
  readonly clientWaits: (news: RouterNews) => void;
  /** called for each new connection */
  readonly admitted: () => void;
  /** called after each connection's end */
  readonly connectionClosed: () => void;
}

/** Who has given out a key, and how it is reached. */
export interface KeyOwner {
  readonly target: Target;
  readonly tls: () => TlsMaterial | undefined;
}

export class Shared {
  readonly limits: Limits;
  readonly log: Log;
  readonly tally: Tally;
  readonly keys = new Map<string, KeyOwner>();
  readonly portOpened: () => void;
  readonly clientWaits: (news: RouterNews) => void;
  readonly #admitted: () => void;
  readonly #connectionClosed: () => void;
  readonly #cancelElsewhere: (key: string) => Promise<void>;

  constructor(options: SharedOptions) {
    this.limits = options.limits;
    this.log = options.log;
    this.tally = options.tally;
    this.portOpened = options.portOpened;
    this.clientWaits = options.clientWaits;
    this.#admitted = options.admitted;
    this.#connectionClosed = options.connectionClosed;
    this.#cancelElsewhere = options.cancelElsewhere;
  }

  /** Counts a connection until it closes. @returns false when it was dropped unheard */
  admit(client: Socket): boolean {
    if (this.tally.connections >= this.limits.connections + heardBeyondLimit) {
      client.destroy();
      return false;
    }
    this.tally.addConnections(1);
    this.#admitted();
    client.once("close", () => {
      this.tally.addConnections(-1);
      this.#connectionClosed();
    });
    return true;
  }

  refusalWhenFull(): ErrorFields | undefined {
    return this.tally.connections > this.limits.connections ? tooManyClients : undefined;
  }

  /** Sends a client's cancel request on to the server that owns the key; like Postgres, says nothing either way. */
  async cancel(key: string, client: Socket): Promise<void> {
    client.on("error", () => client.destroy());
    try {
      if (this.keys.has(key)) await this.cancelHere(key);
      else await this.#cancelElsewhere(key);
    } finally {
      // The client waits for the end of the connection: then the signal has been sent.
      client.end();
      client.destroySoon();
    }
  }

  /** Returns when the server has taken the request, or cannot be asked, or nobody here knows the key. */
  cancelHere(key: string): Promise<void> {
    const owner = this.keys.get(key);
    if (!owner) return Promise.resolve();
    return new Promise((resolve) => {
      const server = connectServer(owner.target, {
        tls: owner.tls(),
        onread: { buffer: () => Buffer.alloc(16), callback: () => true },
        opened: (socket) => socket.write(formatCancel(key)),
      });
      const timer = setTimeout(() => server.destroy(), cancelMs);
      server.on("error", () => server.destroy());
      // Its end is all that it says.
      server.once("end", () => server.destroy());
      server.once("close", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
