/**
 * One etcd server as the client sees it: the connection that is open to it, checked once before anything is asked over
 * it, and whether it is under suspicion. A suspect is asked last; in the background it is looked at until it is well
 * again. Used by client.ts. Nothing here asks for a change.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log/log.ts";
import { failureKind, NotSent, reasonOf } from "./failure.ts";
import type { IdentityCheck } from "./identity.ts";
import { type EtcdCredentials, EtcdSession } from "./session.ts";

export interface KeyRange {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly rangeEnd: Uint8Array<ArrayBuffer>;
}

export interface EndpointContext {
  readonly credentials: EtcdCredentials;
  readonly identity: IdentityCheck;
  /** what this user may read */
  readonly range: KeyRange;
  readonly log: Log;
}

/** To connect, log in (bcrypt: 0.1 s on the server) and be answered by a server that has a leader. */
const openMs = 1000;
const aliveMs = 600;
const recheckMs = { first: 100, most: 4000 };

export class EtcdEndpoint {
  readonly url: string;
  readonly #context: EndpointContext;
  readonly #end = new AbortController();
  #session: EtcdSession | undefined;
  #opening: Promise<EtcdSession> | undefined;
  #recovering = false;
  #trouble: string | undefined;

  constructor(url: string, context: EndpointContext) {
    this.url = url;
    this.#context = context;
  }

  /** why it is under suspicion */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** monotonic; undefined without a connection */
  get heardAt(): number | undefined {
    return this.#session?.isOpen === true ? this.#session.connection.heardAt : undefined;
  }

  /**
   * A connection whose server has shown that it is the store's etcd, and in touch with a leader.
   * @throws NotSent, OpError store-refused, store-replaced, or what the server answered; nothing was asked of it then
   */
  async session(signal: AbortSignal): Promise<EtcdSession> {
    if (this.#session?.isOpen === true) return this.#session;
    this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
    return orGiveUp(this.#opening, signal);
  }

  /** Something was wrong here: others are asked first until this one has been seen to be well. */
  suspect(error: unknown): void {
    if (this.#end.signal.aborted) return;
    this.#trouble = reasonOf(error);
    if (!this.#recovering) void this.#recover();
  }

  /** Rejects and ends the connection when the server does not answer at all; what waits over it fails with it. */
  async assertAlive(session: EtcdSession): Promise<void> {
    try {
      const ask = { ...this.#context.range, countOnly: true, serializable: true };
      await session.kv.range(ask, { timeoutMs: aliveMs });
    } catch (error) {
      // It answered, though not what it was asked: alive.
      if (failureKind(error) !== "unknown") return;
      this.breakOff(session);
      throw error;
    }
  }

  /** The next call opens a new connection and logs in anew. */
  breakOff(session: EtcdSession): void {
    session.end();
    if (this.#session === session) this.#session = undefined;
  }

  close(): void {
    this.#end.abort();
    this.#session?.end();
    this.#session = undefined;
  }

  async #open(): Promise<EtcdSession> {
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(openMs)]);
    const session = await EtcdSession.open(this.url, this.#context.credentials, signal);
    try {
      await this.#check(session, signal);
    } catch (error) {
      session.end();
      throw error;
    }
    this.#session = session;
    return session;
  }

  async #check(session: EtcdSession, signal: AbortSignal): Promise<void> {
    const before = this.#context.identity.revision;
    try {
      const { header } = await session.kv.range({ ...this.#context.range, countOnly: true }, { signal });
      this.#context.identity.accept(this.url, header, before);
    } catch (error) {
      if (failureKind(error) === "stale-token") this.breakOff(session);
      throw error;
    }
  }

  async #recover(): Promise<void> {
    this.#recovering = true;
    let told = false;
    for (let waitMs = recheckMs.first; !this.#end.signal.aborted; waitMs = Math.min(2 * waitMs, recheckMs.most)) {
      try {
        const session = await this.session(this.#end.signal);
        await this.assertAlive(session);
        await this.#check(session, AbortSignal.any([this.#end.signal, AbortSignal.timeout(openMs)]));
        if (told) this.#context.log.info("etcd endpoint is well again", { endpoint: this.url });
        this.#trouble = undefined;
        break;
      } catch (error) {
        this.#trouble = reasonOf(error);
        if (!told) this.#context.log.warn("etcd endpoint is in trouble", { endpoint: this.url, reason: this.#trouble });
        told = true;
        await sleep(waitMs, undefined, { signal: this.#end.signal }).catch(() => undefined);
      }
    }
    this.#recovering = false;
  }
}

function orGiveUp<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(new NotSent("no connection in time"));
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  return Promise.race([promise, late]).finally(() => signal.removeEventListener("abort", giveUp));
}
