/**
 * The guards of the other hosts: the port on which they are heard, and a link to each. Called by guard.ts. What it says
 * gets lost when it cannot be said at once; the next heartbeat says it again.
 */
import { hostPorts, type HostAddress } from "../domain/host.ts";
import { Addresses } from "../links/addresses.ts";
import { HostLink } from "../links/host-link.ts";
import { HostServer } from "../links/host-server.ts";
import type { Log } from "../links/log.ts";
import type { TlsIdentity } from "../links/tls-files.ts";
import { parseMessage } from "./requests.ts";
import type { GuardMessage } from "./wire.ts";

/** Where nothing else has been said for so long a link is asked whether it stands: the next heartbeat must not wait. */
const idleMs = 1000;
/** A host that was heard before that is not said to be heard any more. */
const heardKeptMs = 3000;
const listenAgainMs = 250;
/** The same trouble with the same address is told once in so long. */
const toldAgainMs = 60_000;

export interface PeersOptions {
  readonly host: string;
  readonly identity: TlsIdentity;
  readonly log: Log;
  readonly now: () => number;
  readonly hear: (from: string, message: GuardMessage) => GuardMessage | undefined;
  readonly reached: (host: string) => void;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #addresses = new Addresses();
  readonly #heard = new Map<string, number>();
  readonly #links = new Map<string, { readonly link: HostLink; saidAt: number }>();
  #hosts = new Map<string, HostAddress>();
  #server: HostServer | undefined;
  #listensAt = "";
  #listenTimer: NodeJS.Timeout | undefined;
  readonly #told = new Map<string, number>();
  #isClosed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** All hosts, this one included. */
  configure(hosts: readonly HostAddress[]): void {
    this.#hosts = new Map(hosts.map((host) => [host.name, host]));
    const own = this.#hosts.get(this.#options.host);
    if (own) this.#listen(own.address, hostPorts(own.basePort).guard);
    for (const [name, { link }] of this.#links) {
      if (this.#hosts.has(name)) continue;
      link.close();
      this.#links.delete(name);
      this.#heard.delete(name);
    }
    for (const name of this.#hosts.keys())
      if (name !== this.#options.host && !this.#links.has(name)) this.#links.set(name, this.#link(name));
  }

  send(host: string, message: GuardMessage): void {
    const peer = this.#links.get(host);
    if (!peer) return;
    peer.saidAt = this.#options.now();
    peer.link.send(message);
  }

  /** Each heartbeat, after the heartbeats: keeps links warm that nothing was said on. */
  beat(): void {
    const now = this.#options.now();
    for (const [host, { saidAt }] of this.#links)
      if (now - saidAt >= idleMs) this.send(host, { kind: "heartbeats", heartbeats: [] });
  }

  heard(): Readonly<Record<string, number>> {
    const now = this.#options.now();
    return Object.fromEntries([...this.#heard].filter(([, at]) => now - at < heardKeptMs));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#listenTimer);
    this.#server?.close();
    for (const { link } of this.#links.values()) link.close();
  }

  #hear(from: string, said: unknown): GuardMessage | undefined {
    const message = parseMessage(said);
    this.#heard.set(from, this.#options.now());
    return this.#options.hear(from, message);
  }

  #link(host: string): { readonly link: HostLink; saidAt: number } {
    const { identity, log } = this.#options;
    const link = new HostLink({
      host,
      identity,
      where: () => this.#where(host),
      // Nothing of the host's at all would do as well: it is asked at once whether it hears.
      opened: () => {
        this.send(host, { kind: "heartbeats", heartbeats: [] });
        this.#options.reached(host);
      },
      hear: (said) => this.#hear(host, said),
      turned: (isUp, error) =>
        isUp ? log.info("host is heard", { host }) : log.info("host is not heard", { host, error }),
    });
    return { link, saidAt: -Infinity };
  }

  #where(host: string): { readonly address: string; readonly port: number } | undefined {
    const known = this.#hosts.get(host);
    const address = known && this.#addresses.current(known.address);
    return known && address !== undefined ? { address, port: hostPorts(known.basePort).guard } : undefined;
  }

  #listen(address: string, port: number): void {
    const where = `${address} ${port}`;
    if (where === this.#listensAt) return;
    this.#listensAt = where;
    this.#server?.close();
    this.#tryToListen(address, port);
  }

  /** The port may still be held by the guard before. */
  #tryToListen(address: string, port: number): void {
    clearTimeout(this.#listenTimer);
    const { identity, log } = this.#options;
    const server = new HostServer({
      identity,
      isKnown: (host) => host !== this.#options.host && this.#hosts.has(host),
      hear: (host, said) => this.#hear(host, said),
      trouble: (error, from) => this.#tell("caller refused", from, error),
    });
    this.#server = server;
    server.listen(address, port).then(
      () => log.info("listening", { address, port }),
      (error: unknown) => {
        this.#tell("port cannot be had", `${address} ${port}`, error);
        if (this.#isClosed || this.#server !== server) return;
        this.#listenTimer = setTimeout(() => this.#tryToListen(address, port), listenAgainMs);
      },
    );
  }

  #tell(message: string, where: string, error: unknown): void {
    const key = `${message} ${where} ${error instanceof Error ? error.message : ""}`;
    const now = this.#options.now();
    if (now - (this.#told.get(key) ?? -Infinity) < toldAgainMs) return;
    if (this.#told.size > 1000) this.#told.clear();
    this.#told.set(key, now);
    this.#options.log.error(message, { where, error });
  }
}
