/**
 * One endpoint: a port that clients connect to, and the last word on where it leads. Made and told by router.ts. It
 * decides for each session which target it gets, how long it may wait for one, and when it has to go; it never decides
 * that a member is primary.
 */
import { createServer, type Server, type Socket } from "node:net";
import { Certificate } from "./certificate.ts";
import { greet, refuse, type Greeting } from "./greeter.ts";
import type { ErrorFields } from "../links/fatal.ts";
import { TlsIdentity, type TlsMaterial } from "../links/tls-files.ts";
import { Listeners } from "./listeners.ts";
import * as refusals from "./refusals.ts";
import { keepAliveMs } from "./server-socket.ts";
import { takeOptions } from "./session-options.ts";
import { Session, type SessionOwner } from "./session.ts";
import { mayKeep, nearestOf, targetsFor } from "./target-choice.ts";
import type { Shared } from "./shared.ts";
import type { EndpointConfig, Route, RouterStatus, Target } from "./wire.ts";

/** Between two tries to reach a target that refused. */
const retryMs = 100;
/** A host that is gone takes a second to say nothing: while there are other targets, it is left alone for so long. */
const farRetryMs = 2000;
/** Between two words to the agent that somebody waits for a cluster that is asleep. */
const callMs = 1000;

export class Endpoint implements SessionOwner {
  #config: EndpointConfig;
  readonly #name: string;
  readonly #shared: Shared;
  #certificate: Certificate;
  /** this host's, for members of other hosts */
  #identity: TlsIdentity | undefined;
  readonly #listeners: Listeners;
  #route: Route;
  readonly #sessions = new Set<Session>();
  /** sessions that no server has answered yet, with the timer that ends their wait */
  readonly #pending = new Map<Session, NodeJS.Timeout>();
  /** those of them that have no target */
  readonly #waiting = new Set<Session>();
  /** those of them that a server is being asked to take: so many at a time, or it would be asked by all at once */
  readonly #dialing = new Set<Session>();
  /** those whose turn has not come yet */
  readonly #queued = new Set<Session>();
  /** targets that did not take a session, and until when they are not asked again */
  readonly #suspects = new Map<Target, number>();
  #retry: NodeJS.Timeout | undefined;
  #call: NodeJS.Timeout | undefined;
  #arrivals = 0;
  #counts = { accepted: 0, refused: 0, timedOut: 0 };

  private constructor(config: EndpointConfig, certificate: Certificate, shared: Shared) {
    this.#config = config;
    this.#name = `${config.cluster}/${config.kind}`;
    this.#certificate = certificate;
    this.#shared = shared;
    this.#route = { cluster: config.cluster, kind: config.kind, epoch: 0, state: "hold", targets: [], cut: false };
    this.#identity = this.#identityOf(config);
    this.#listeners = new Listeners({
      port: config.listenPort,
      make: () => this.#createServer(),
      opened: () => shared.portOpened(),
    });
  }

  /** @throws when the certificate cannot be read */
  static async create(config: EndpointConfig, shared: Shared): Promise<Endpoint> {
    return new Endpoint(config, await Certificate.load(config.tls, shared.log), shared);
  }

  get config(): EndpointConfig {
    return this.#config;
  }

  get epoch(): number {
    return this.#route.epoch;
  }

  get route(): Route {
    return this.#route;
  }

  /** Where its port has been had: there may be sessions, in this thread and in others. */
  get openAt(): readonly string[] {
    return this.#listeners.hosts;
  }

  #createServer(): Server {
    const server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, pauseOnConnect: true },
      (client) => void this.#accept(client),
    );
    // One that cannot listen says so to whoever asked it to.
    return server.on("error", () => undefined);
  }

  /** Opens the port where it is not open. @throws OpError `port-in-use`; then it is tried again by itself */
  async listen(sharePort: boolean): Promise<void> {
    await this.#listeners.listen(this.#config.listenHosts ?? [this.#config.listenHost], sharePort);
  }

  /** The same port, perhaps at other addresses and with other certificates. */
  async use(config: EndpointConfig): Promise<void> {
    const { certFile, keyFile } = this.#certificate.files;
    if (config.tls.certFile !== certFile || config.tls.keyFile !== keyFile) {
      this.#certificate = await Certificate.load(config.tls, this.#shared.log);
    }
    this.#identity = this.#identityOf(config);
    this.#config = config;
  }

  #identityOf({ hostTls }: EndpointConfig): TlsIdentity | undefined {
    const known = this.#identity?.files;
    if (!hostTls) return undefined;
    if (known?.caFile === hostTls.caFile && known.certFile === hostTls.certFile && known.keyFile === hostTls.keyFile) {
      return this.#identity;
    }
    return new TlsIdentity(hostTls, (error) =>
      this.#shared.log.error("certificate cannot be read, the last one stays", { file: hostTls.certFile, error }),
    );
  }

  /** The epoch has been checked by the router. */
  apply(route: Route): void {
    this.#route = route;
    this.#suspects.clear();
    // Whoever told this may be another agent than the one that was told who waits.
    clearTimeout(this.#call);
    this.#call = undefined;
    if (route.cut) this.#cutOthers(route);
    this.#release();
  }

  stopListeningBetweenArrivals(): Promise<void> {
    return this.#listeners.leaveBetweenArrivals(() => this.#arrivals);
  }

  /** Ends everything at once. */
  close(): void {
    this.#listeners.leave();
    clearTimeout(this.#retry);
    clearTimeout(this.#call);
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
    const asked = takeOptions(bytes, this.#config.kind === "read");
    const refusal = refusals.internalRole(parameters) ?? this.#shared.refusalWhenFull();
    if (refusal) return this.#refuse(client, refusal);
    if (asked.problem) return this.#refuse(client, asked.problem);
    this.#counts.accepted += 1;
    const session = new Session(client, asked.bytes, asked.options, this);
    this.#sessions.add(session);
    this.#giveTime(session);
    this.wants(session);
  }

  #refuse(client: Socket, refusal: ErrorFields): void {
    this.#counts.refused += 1;
    refuse(client, refusal);
  }

  #giveTime(session: Session): void {
    clearTimeout(this.#pending.get(session));
    this.#pending.set(
      session,
      setTimeout(() => this.#timeOut(session), this.#shared.limits.holdMs),
    );
  }

  wants(session: Session): void {
    if (!this.#sessions.has(session)) return;
    this.#waiting.add(session);
    this.#dialing.delete(session);
    switch (this.#route.state) {
      case "hold":
        return this.#callAgent();
      case "closed":
        this.#counts.refused += 1;
        return session.refuse(refusals.closed(this.config, this.#route));
      case "open":
        return this.#place(session);
    }
  }

  /** Only a client that has said who it is wakes a sleeping cluster: not a port scan, a TLS handshake or a cancel. */
  #callAgent(): void {
    if (this.#route.isAsleep !== true || this.#call !== undefined || this.#waiting.size === 0) return;
    this.#shared.clientWaits({ kind: "client-waits", cluster: this.config.cluster, endpoint: this.config.kind });
    this.#call = setTimeout(() => {
      this.#call = undefined;
      this.#callAgent();
    }, callMs);
  }

  #place(session: Session): void {
    // Where nobody holds its own limit it waits for the next word of the agent.
    if (targetsFor(this.#route, session.options).length === 0) return;
    if (this.#isBusy) return void this.#queued.add(session);
    const target = this.#choose(session);
    if (!target) return this.#retryLater();
    this.#waiting.delete(session);
    this.#dialing.add(session);
    // It has waited for others until now, not for the server.
    if (this.#queued.delete(session)) this.#giveTime(session);
    this.#shared.tally.addSessions(this.#name, target.member, 1);
    session.connectTo(target);
  }

  get #isBusy(): boolean {
    return this.#dialing.size >= this.#shared.limits.dials;
  }

  /** Undefined when none took one lately. */
  #choose(session: Session): Target | undefined {
    const usable = this.#usable(targetsFor(this.#route, session.options));
    return nearestOf(usable, ({ member }) => this.#shared.tally.sessions(this.#name, member));
  }

  #usable(targets: readonly Target[]): readonly Target[] {
    const now = performance.now();
    return targets.filter((target) => now >= (this.#suspects.get(target) ?? 0));
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
    this.#suspects.set(target, performance.now() + (target.relay ? farRetryMs : retryMs));
    this.#retryLater();
    this.wants(session);
  }

  answered(session: Session, target: Target): void {
    this.#settled(session);
    this.#suspects.delete(target);
    this.#release();
  }

  keyKnown(session: Session, key: string): void {
    const { target } = session;
    if (target) this.#shared.keys.set(key, { target, tls: () => this.hostTls() });
  }

  hostTls(): TlsMaterial | undefined {
    return this.#identity?.current();
  }

  left(session: Session): void {
    if (session.key !== undefined) this.#shared.keys.delete(session.key);
    this.#settled(session);
    this.#waiting.delete(session);
    this.#sessions.delete(session);
    if (this.#waiting.size > 0) this.#retryLater();
  }

  /** It waits for no server any more. */
  #settled(session: Session): void {
    clearTimeout(this.#pending.get(session));
    this.#pending.delete(session);
    this.#dialing.delete(session);
    this.#queued.delete(session);
  }

  /** Lets one waiting session try again soon: when a server answers it, all others follow. */
  #retryLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      const first = [...this.#waiting].find(({ options }) => targetsFor(this.#route, options).length > 0);
      if (first && this.#usable(targetsFor(this.#route, first.options)).length === 0) this.#suspects.clear();
      if (first) this.wants(first);
    }, retryMs);
  }

  #release(): void {
    if (this.#waiting.size === 0) return;
    const released = [...this.#waiting];
    for (const session of released) {
      if (this.#route.state === "open" && this.#isBusy && this.#queued.has(session)) return;
      this.wants(session);
    }
  }

  #timeOut(session: Session): void {
    this.#counts.timedOut += 1;
    const { holdMs } = this.#shared.limits;
    const isOpen = this.#route.state === "open";
    const isCrowded = isOpen && this.#queued.has(session);
    const { maxLagMs } = session.options;
    if (isOpen && maxLagMs !== undefined && targetsFor(this.#route, session.options).length === 0)
      return session.refuse(refusals.tooOld(this.config, maxLagMs));
    session.refuse(
      isCrowded
        ? refusals.crowded(this.config, holdMs, this.#waiting.size - 1)
        : refusals.timedOut(this.config, this.#route, holdMs),
    );
  }

  #cutOthers(route: Route): void {
    let cut = 0;
    const all = [...this.#sessions];
    for (const session of all) {
      const { target } = session;
      if (!target || mayKeep(route, target, session.options)) continue;
      if (session.isPending) session.reassign();
      else session.cut(refusals.moved(this.config));
      cut += 1;
    }
    if (cut > 0)
      this.#shared.log.info("sessions cut", { cluster: route.cluster, kind: route.kind, epoch: route.epoch, cut });
  }
}
