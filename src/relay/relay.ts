/**
 * All of a relay: the port that other hosts ask at, a socket for each upstream, and the connections. Called by main.ts
 * with requests that are already checked for shape. What it was told last holds until it is told again.
 */
import { OpError } from "../errors/op-error.ts";
import type { Log } from "../links/log.ts";
import type { PeerIdentity } from "../links/peer-identity.ts";
import { TlsIdentity, type TlsFiles } from "../links/tls-files.ts";
import { Connections } from "./connections.ts";
import { Incoming } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import type { RelayMember, RelayRequest, RelaySelf, RelayStatus, RelayUpstream } from "./wire.ts";

type Configure = RelayRequest & { readonly kind: "configure" };

export interface RelayOptions {
  readonly version: string;
  readonly log: Log;
  /** called when draining is over */
  readonly drained: () => void;
}

export class Relay {
  readonly #options: RelayOptions;
  readonly #startedAt = Date.now();
  readonly #connections = new Connections(() => this.#endWhenEmpty());
  readonly #members = new Map<string, RelayMember>();
  readonly #outgoing = new Map<string, Outgoing>();
  #hosts: RelaySelf["hosts"];
  #incoming: { readonly self: RelaySelf; readonly identity: TlsIdentity; readonly port: Incoming } | undefined;
  #draining = false;
  /** requests that change something are carried out one after the other */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  async handle(request: RelayRequest): Promise<RelayStatus | undefined> {
    switch (request.kind) {
      case "configure":
        await this.#inTurn(() => this.#configure(request));
        return undefined;
      case "status":
        return this.#status();
      case "cut":
        this.#cut("host lost", (route) => route.host === request.host);
        return undefined;
      case "drain":
        await this.#inTurn(() => this.#drain(request.withinMs));
        return undefined;
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #configure(request: Configure): Promise<void> {
    if (this.#draining) throw new OpError("relay-unreachable", { message: "the relay is draining" });
    this.#members.clear();
    for (const member of request.members) this.#members.set(member.member, member);
    this.#hosts = request.self.hosts;
    this.#cut("host gone", ({ host }) => this.#hosts?.some(({ name }) => name === host) === false);
    this.#cut("member gone", ({ direction, member }) => direction === "in" && !this.#members.has(member));
    const identity = this.#identityOf(request.self.tls);
    const problems: unknown[] = [];
    const note = (problem: unknown) => problems.push(problem);
    await this.#setUpstreams(request, identity, note);
    await this.#openPort(request, identity).catch(note);
    // What can be done is done; the first that cannot is the answer.
    if (problems.length > 0) throw problems[0];
  }

  #identityOf(files: TlsFiles): TlsIdentity {
    const known = this.#incoming?.identity;
    if (known && sameFiles(known.files, files)) return known;
    return new TlsIdentity(files, (error) =>
      this.#options.log.error("certificate cannot be read, the last one stays", { error }),
    );
  }

  async #openPort({ self, sharePort }: Configure, identity: TlsIdentity): Promise<void> {
    const open = this.#incoming;
    if (open && sameSelf(open.self, self)) return;
    this.#incoming = undefined;
    open?.port.close();
    const { log } = this.#options;
    const find = (member: string) => this.#members.get(member);
    const isKnown = ({ name, keyFingerprint }: PeerIdentity) =>
      this.#hosts?.some((host) => host.name === name && host.keyFingerprint === keyFingerprint) !== false;
    const port = new Incoming({ identity, connections: this.#connections, log, isKnown, find });
    await port.listen(self.address, self.port, sharePort === true);
    this.#incoming = { self, identity, port };
    log.info("listening", { address: self.address, port: self.port });
  }

  /** Exactly these: new ones are opened, those not named are closed, changed ones move. */
  async #setUpstreams(request: Configure, identity: TlsIdentity, note: (problem: unknown) => void): Promise<void> {
    const wanted = new Map(request.upstreams.map((upstream) => [keyOf(upstream), upstream]));
    for (const [key, outgoing] of this.#outgoing) {
      const identityStays = identity === this.#incoming?.identity;
      if (wanted.has(key) && identityStays && (await outgoing.isInPlace())) continue;
      this.#outgoing.delete(key);
      await outgoing.close();
    }
    const gone = ({ direction, member, host }: { direction: string; member: string; host: string }) =>
      direction === "out" && !request.upstreams.some((up) => up.member === member && up.host.name === host);
    this.#cut("upstream gone", gone);
    for (const [key, upstream] of wanted) {
      if (!this.#outgoing.has(key)) await this.#openUpstream(key, upstream, request, identity).catch(note);
    }
  }

  async #openUpstream(key: string, upstream: RelayUpstream, { self }: Configure, identity: TlsIdentity): Promise<void> {
    const outgoing = new Outgoing(upstream, { identity, connections: this.#connections, log: this.#options.log });
    await outgoing.listen(self.owner);
    this.#outgoing.set(key, outgoing);
  }

  #cut(why: string, which: Parameters<Connections["cut"]>[0]): void {
    const count = this.#connections.cut(which);
    if (count > 0) this.#options.log.info("connections cut", { why, count });
  }

  #status(): RelayStatus {
    const { version } = this.#options;
    return { pid: process.pid, version, startedAt: this.#startedAt, connections: this.#connections.size };
  }

  /** From now on another relay has the port and the sockets. */
  async #drain(withinMs: number): Promise<void> {
    this.#draining = true;
    this.#options.log.info("draining", { within_ms: withinMs });
    this.#incoming?.port.close();
    for (const outgoing of this.#outgoing.values()) await outgoing.close();
    setTimeout(() => this.#options.drained(), withinMs);
    // After the answer to this request has left.
    setImmediate(() => this.#endWhenEmpty());
  }

  #endWhenEmpty(): void {
    if (this.#draining && this.#connections.size === 0) this.#options.drained();
  }
}

function keyOf({ member, host, socketDirectory, port }: RelayUpstream): string {
  return [member, host.name, host.address, host.basePort, socketDirectory, port].join("\0");
}

function sameFiles(a: TlsFiles, b: TlsFiles): boolean {
  return a.caFile === b.caFile && a.certFile === b.certFile && a.keyFile === b.keyFile;
}

function sameSelf(a: RelaySelf, b: RelaySelf): boolean {
  return a.address === b.address && a.port === b.port && sameFiles(a.tls, b.tls);
}
