/**
 * The addresses that an endpoint listens at, on one port. Made by endpoint.ts. One that cannot be had does not keep the
 * others from being served, and is tried again by itself.
 */
import type { Server } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { listen } from "../links/listen.ts";

/** Between two tries to open a port that somebody else has. */
const listenAgainMs = 1000;

export interface ListenersOptions {
  readonly port: number;
  /** a server that does not listen yet */
  readonly make: () => Server;
  /** called when an address could be had at last */
  readonly opened: () => void;
}

export class Listeners {
  readonly #options: ListenersOptions;
  #wanted: readonly string[] = [];
  /** by address */
  readonly #open = new Map<string, Server[]>();
  #listenAgain: NodeJS.Timeout | undefined;
  #left = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Addresses that are listened at. */
  get hosts(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** Exactly these addresses. @throws OpError `port-in-use` for the first that cannot be had */
  async listen(hosts: readonly string[], sharePort: boolean): Promise<void> {
    this.#wanted = hosts;
    for (const [host, servers] of this.#open) if (!hosts.includes(host)) this.#closeAt(host, servers);
    clearTimeout(this.#listenAgain);
    const problems: unknown[] = [];
    for (const host of hosts) await this.#openAt(host, sharePort).catch((problem: unknown) => problems.push(problem));
    if (problems.length === 0) return;
    if (!this.#left) this.#listenAgain = setTimeout(() => void this.#listenLater(), listenAgainMs);
    throw problems[0];
  }

  /**
   * Closes the port between two arrivals: what is still in the kernel's queue when a listening socket closes is reset.
   * A turn of the event loop without an arrival means that the queue was empty a moment ago.
   */
  async leaveBetweenArrivals(arrivals: () => number): Promise<void> {
    await nextTurn();
    for (let turn = 0; turn < 1000; turn += 1) {
      const before = arrivals();
      await nextTurn();
      if (arrivals() === before) break;
    }
    this.leave();
  }

  leave(): void {
    this.#left = true;
    clearTimeout(this.#listenAgain);
    for (const [host, servers] of this.#open) this.#closeAt(host, servers);
  }

  async #openAt(host: string, sharePort: boolean): Promise<void> {
    if (this.#open.has(host)) return;
    const { port, make } = this.#options;
    const server = make();
    await listen(server, host, port, sharePort);
    const servers = [server];
    // Somebody else's try can have been quicker.
    if (this.#open.has(host)) return this.#closeAll(servers);
    this.#open.set(host, servers);
    if (host === "127.0.0.1") {
      // "localhost" may be either. Not every system has it, and nobody was promised it.
      const sixth = make();
      await listen(sixth, "::1", port, sharePort).then(
        () => servers.push(sixth),
        () => undefined,
      );
    }
    if (this.#left || !this.#wanted.includes(host)) this.#closeAt(host, servers);
  }

  #closeAt(host: string, servers: readonly Server[]): void {
    this.#open.delete(host);
    this.#closeAll(servers);
  }

  #closeAll(servers: readonly Server[]): void {
    for (const server of servers) server.close();
  }

  async #listenLater(): Promise<void> {
    const before = this.#open.size;
    await this.listen(this.#wanted, false).catch(() => undefined);
    if (this.#open.size > before) this.#options.opened();
  }
}
