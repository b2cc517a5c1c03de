/**
 * One endpoint: a port that clients connect to, and the last word on where it leads. Made and told by router.ts. It
 * decides for each session which target it gets, how long it may wait for one, and when it has to go; it never decides
 * that a member is primary.
 */
import { createServer, type Server, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Certificate } from "./certificate.ts";
import { greet, refuse, type Greeting } from "./greeter.ts";
import { listen } from "../links/listen.ts";
import * as refusals from "./refusals.ts";
import { keepAliveMs, Session, type SessionOwner } from "./session.ts";
import type { Shared } from "./shared.ts";
import type { EndpointConfig, Route, RouterStatus, Target } from "./wire.ts";

/** Between two tries to reach a target that refused. */
const retryMs = 100;
/** Between two tries to open a port that somebody else has. */
const listenAgainMs = 1000;

export class Endpoint implements SessionOwner {
  readonly config: EndpointConfig;
  readonly #name: string;
  readonly #shared: Shared;
  #certificate: Certificate;
  readonly #server: Server;
  /** listens on ::1 beside 127.0.0.1: "localhost" may be either */
  readonly #sixth: Server | undefined;
  #route: Route;
  readonly #sessions = new Set<Session>();
  /** sessions that no server has answered yet, with the timer that ends their wait */
  readonly #pending = new Map<Session, NodeJS.Timeout>();
  /** those of them that have no target */
  readonly #waiting = new Set<Session>();
  /** targets that did not take a session a moment ago */
  readonly #suspects = new Set<Target>();
  #retry: NodeJS.Timeout | undefined;
  #isOpen = false;
  #left = false;
  #listenAgain: NodeJS.Timeout | undefined;
  #arrivals = 0;
  #counts = { accepted: 0, refused: 0, timedOut: 0 };

  private constructor(config: EndpointConfig, certificate: Certificate, shared: Shared) {
    this.config = config;
    this.#name = `${config.cluster}/${config.kind}`;
    this.#certificate = certificate;
    this.#shared = shared;
    this.#route = { cluster: config.cluster, kind: config.kind, epoch: 0, state: "hold", targets: [], cut: false };
    this.#server = this.#createServer();
    this.#sixth = config.listenHost === "127.0.0.1" ? this.#createServer() : undefined;
  }

  /** @throws when the certificate cannot be read */
  static async create(config: EndpointConfig, shared: Shared): Promise<Endpoint> {
    return new Endpoint(config, await Certificate.load(config.tls, shared.log), shared);
  }

  get epoch(): number {
    return this.#route.epoch;
  }

  get route(): Route {
    return this.#route;
  }

  /** Its port has been had: there may be sessions, in this thread and in others. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  #createServer(): Server {
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, pauseOnConnect: true },
      (client) => void this.#accept(client),
    );
    // One that cannot listen says so to whoever asked it to.
    return server.on("error", () => undefined);
  }

  /** Opens the port, if it is not open. @throws OpError `port-in-use`; then it is tried again by itself */
  async listen(sharePort: boolean): Promise<void> {
    if (this.#isOpen) return;
    clearTimeout(this.#listenAgain);
    const { listenHost, listenPort } = this.config;
    try {
      await listen(this.#server, listenHost, listenPort, sharePort);
    } catch (error) {
      this.#listenAgain = setTimeout(() => void this.#listenLater(), listenAgainMs);
      throw error;
    }
    this.#isOpen = true;
    if (this.#left) this.#server.close();
    // Not every system has it, and nobody was promised it.
    else if (this.#sixth) await listen(this.#sixth, "::1", listenPort, sharePort).catch(() => undefined);
  }

  async #listenLater(): Promise<void> {
    try {
      await this.listen(false);
      this.#shared.portOpened();
    } catch {
      // The next try is under way.
    }
  }

  async useCertificate(files: EndpointConfig["tls"]): Promise<void> {
    const { certFile, keyFile } = this.#certificate.files;
    if (files.certFile === certFile && files.keyFile === keyFile) return;
    this.#certificate = await Certificate.load(files, this.#shared.log);
  }

  /** The epoch has been checked by the router. */
  apply(route: Route): void {
    this.#route = route;
    this.#suspects.clear();
    if (route.cut) this.#cutOthers(route);
    this.#release();
  }

  /**
   * Closes the port between two arrivals: what is still in the kernel's queue when a listening socket closes is reset.
   * A turn of the event loop without an arrival means that the queue was empty a moment ago.
   */
  async stopListeningBetweenArrivals(): Promise<void> {
    await nextTurn();
    for (let turn = 0; turn < 1000; turn += 1) {
      const before = this.#arrivals;
      await nextTurn();
      if (this.#arrivals === before) break;
    }
    this.#leavePort();
  }

  #leavePort(): void {
    this.#left = true;
    clearTimeout(this.#listenAgain);
    this.#server.close();
    this.#sixth?.close();
  }

  /** Ends everything at once. */
  close(): void {
    this.#leavePort();
    clearTimeout(this.#retry);
    const ending = [...this.#sessions];
    for (const session of ending) session.cut(refusals.removed(this.config));
  }

  status(): RouterStatus["endpoints"][number] {
    return {
      cluster: this.config.cluster,
      kind: this.config.kind,
      listenPort: this.config.listenPort,
      state: this.#route.state,
      epoch: this.#route.epoch,
      sessions: this.#sessions.size - this.#waiting.size,
      waiting: this.#waiting.size,
      sessionsByMember: Object.fromEntries(this.#load()),
      ...this.#counts,
    };
  }

  async #accept(raw: Socket): Promise<void> {
    this.#arrivals += 1;
    raw.on("error", () => raw.destroy());
    if (!this.#shared.admit(raw)) return;
    try {
      const greeting = await greet(raw, () => this.#certificate.context(), this.#shared.limits.greetingMs);
      if (greeting?.kind === "cancel") await this.#shared.cancel(greeting.key, greeting.client);
      if (greeting?.kind === "startup") this.#begin(greeting);
    } catch (error) {
      this.#shared.log.error("connection failed", { error });
      raw.destroy();
    }
  }

  #begin({ client, parameters, bytes }: Greeting & { kind: "startup" }): void {
    const refusal = refusals.internalRole(parameters) ?? this.#shared.refusalWhenFull();
    if (refusal) {
      this.#counts.refused += 1;
      return refuse(client, refusal);
    }
    this.#counts.accepted += 1;
    const session = new Session(client, bytes, this);
    this.#sessions.add(session);
    this.#pending.set(
      session,
      setTimeout(() => this.#timeOut(session), this.#shared.limits.holdMs),
    );
    this.wants(session);
  }

  wants(session: Session): void {
    if (!this.#sessions.has(session)) return;
    this.#waiting.add(session);
    switch (this.#route.state) {
      case "hold":
        return;
      case "closed":
        this.#counts.refused += 1;
        return session.refuse(refusals.closed(this.config, this.#route));
      case "open":
        return this.#place(session);
    }
  }

  #place(session: Session): void {
    const target = this.#choose();
    if (!target) return this.#retryLater();
    this.#waiting.delete(session);
    this.#shared.tally.addSessions(this.#name, target.member, 1);
    session.connectTo(target);
  }

  /** The target with the fewest sessions; undefined when none took one lately. */
  #choose(): Target | undefined {
    const usable = this.#route.targets.filter((target) => !this.#suspects.has(target));
    if (usable.length <= 1) return usable[0];
    const sessions = (target: Target) => this.#shared.tally.sessions(this.#name, target.member);
    return usable.reduce((best, target) => (sessions(target) < sessions(best) ? target : best));
  }

  #load(): Map<string, number> {
    const load = new Map<string, number>();
    for (const { target } of this.#sessions) if (target) load.set(target.member, (load.get(target.member) ?? 0) + 1);
    return load;
  }

  released(target: Target): void {
    this.#shared.tally.addSessions(this.#name, target.member, -1);
  }

  failed(session: Session, target: Target): void {
    this.#suspects.add(target);
    this.#retryLater();
    this.wants(session);
  }

  answered(session: Session, target: Target): void {
    clearTimeout(this.#pending.get(session));
    this.#pending.delete(session);
    this.#suspects.delete(target);
    this.#release();
  }

  keyKnown(session: Session, key: string): void {
    if (session.target) this.#shared.keys.set(key, session.target);
  }

  left(session: Session): void {
    if (session.key !== undefined) this.#shared.keys.delete(session.key);
    clearTimeout(this.#pending.get(session));
    this.#pending.delete(session);
    this.#waiting.delete(session);
    this.#sessions.delete(session);
    if (this.#waiting.size > 0) this.#retryLater();
  }

  /** Lets one waiting session try again soon: when a server answers it, all others follow. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#suspects.clear();
      const [first] = this.#waiting;
      if (first) this.wants(first);
    }, retryMs);
  }

  #release(): void {
    if (this.#waiting.size === 0) return;
    const released = [...this.#waiting];
    for (const session of released) this.wants(session);
  }

  #timeOut(session: Session): void {
    this.#counts.timedOut += 1;
    session.refuse(refusals.timedOut(this.config, this.#route, this.#shared.limits.holdMs));
  }

  #cutOthers(route: Route): void {
    let cut = 0;
    const all = [...this.#sessions];
    for (const session of all) {
      const { target } = session;
      if (!target || route.targets.some((other) => sameTarget(other, target))) continue;
      if (session.isPending) session.reassign();
      else session.cut(refusals.moved(this.config));
      cut += 1;
    }
    if (cut > 0)
      this.#shared.log.info("sessions cut", { cluster: route.cluster, kind: route.kind, epoch: route.epoch, cut });
  }
}

function sameTarget(a: Target, b: Target): boolean {
  return a.member === b.member && a.host === b.host && a.port === b.port;
}
