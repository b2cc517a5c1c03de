/**
 * A standing connection to one other host, made for messages that are worthless when late: while something is awaited
 * and nothing heard, another connection is tried beside it every quarter of a second, and a silent one is dropped. So
 * words flow again soon after a cut has healed, or past a lost packet, and not when TCP's own patience has ended. Called
 * by the guard. Nothing is kept for later: what cannot be sent now is not sent.
 */
import { connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { JsonLines } from "./json-lines.ts";
import { notHost } from "./peer-identity.ts";
import type { TlsIdentity, TlsMaterial } from "./tls-files.ts";

/** On top of what an answer usually takes. */
const suspectMs = 250;
const downMs = 600;
/** Until then a late answer is still heard, when no other connection stands: a machine may be busy. */
const dropMs = 3000;
/** The other side of the earth, on a bad day; more than that is a silence. */
const usualMsMax = 500;
const attemptMs = 1500;
const attemptsMax = 6;
/** The other machine has taken the connection, and its process is slow or frozen: more of them would make it slower. */
const handshakeMs = 3000;
const handshakesMax = 3;

export interface HostLinkOptions {
  /** as its certificate must name it */
  readonly host: string;
  /** IP address and port now; undefined while it is not known */
  readonly where: () => { readonly address: string; readonly port: number } | undefined;
  readonly identity: TlsIdentity;
  /** a new connection stands: now is the time to say something */
  readonly opened: () => void;
  /** Each message that was sent gets an answer of one line. When it throws the connection ends. */
  readonly hear: (said: unknown) => void;
  /** heard again after a silence, or not any more; with the last error */
  readonly turned: (isUp: boolean, error: unknown) => void;
}

interface Line {
  readonly socket: TLSSocket;
  readonly lines: JsonLines;
  /** when what is not answered yet was sent, oldest first */
  readonly awaited: number[];
  heardAt: number;
}

export class HostLink {
  readonly #options: HostLinkOptions;
  #current: Line | undefined;
  readonly #attempts = new Set<TLSSocket>();
  readonly #handshakes = new Set<TLSSocket>();
  readonly #retired = new Set<TLSSocket>();
  #triedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #usualMs = 0;
  #isUp = false;
  #lastError: unknown;
  #isClosed = false;

  constructor(options: HostLinkOptions) {
    this.#options = options;
    this.#look();
  }

  /** @returns false when there is no connection now, or it takes nothing */
  send(what: object): boolean {
    const line = this.#current;
    if (!line?.lines.send(what)) return false;
    line.awaited.push(performance.now());
    this.#lookIn(suspectMs + this.#usualMs);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#current?.socket.destroy();
    for (const socket of [...this.#attempts, ...this.#handshakes, ...this.#retired]) socket.destroy();
  }

  /** Tries another connection when there is none, or the one there is keeps silent; comes again until all is well. */
  #look(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isClosed) return;
    const now = performance.now();
    const silentMs = this.#silentMs(now);
    if (silentMs > downMs + this.#usualMs) this.#turn(false);
    if (silentMs > dropMs) this.#drop();
    const suspectIn = this.#current ? suspectMs + this.#usualMs - silentMs : 0;
    const mayTryIn = this.#triedAt + suspectMs - now;
    if (suspectIn <= 0 && mayTryIn <= 0) this.#attempt(now);
    if (!this.#current || this.#current.awaited.length > 0) this.#lookIn(Math.max(suspectIn, mayTryIn, 50));
  }

  #lookIn(ms: number): void {
    this.#timer ??= setTimeout(() => this.#look(), Math.ceil(ms));
  }

  /** 0 while nothing is awaited. */
  #silentMs(now: number): number {
    const oldest = this.#current?.awaited[0];
    return oldest === undefined ? 0 : now - Math.max(oldest, this.#current?.heardAt ?? 0);
  }

  #drop(): void {
    const line = this.#current;
    this.#current = undefined;
    line?.socket.destroy();
    this.#turn(false);
  }

  #attempt(now: number): void {
    this.#triedAt = now;
    const where = this.#options.where();
    if (!where || this.#attempts.size >= attemptsMax || this.#handshakes.size >= handshakesMax) return;
    const { host, identity } = this.#options;
    const socket = connect({
      host: where.address,
      port: where.port,
      secureContext: contextOf(identity.current()),
      checkServerIdentity: (_name, certificate) => notHost(host, certificate),
    });
    socket.setNoDelay(true);
    this.#attempts.add(socket);
    let timer = setTimeout(() => socket.destroy(new Error("no answer in time")), attemptMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(new Error("no handshake in time")), handshakeMs);
      this.#attempts.delete(socket);
      this.#handshakes.add(socket);
    });
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      this.#use(socket);
    });
    socket.once("error", (error) => {
      this.#lastError = error;
      socket.destroy();
    });
    socket.once("close", () => {
      clearTimeout(timer);
      for (const sockets of [this.#attempts, this.#handshakes, this.#retired]) sockets.delete(socket);
      this.#ended(socket);
    });
  }

  #ended(socket: TLSSocket): void {
    if (this.#isClosed) return;
    if (this.#current?.socket === socket) this.#drop();
    if (!this.#current) this.#look();
  }

  /** The newest is used; what the one before still has to say is heard for a moment. */
  #use(socket: TLSSocket): void {
    this.#handshakes.delete(socket);
    this.#retire();
    for (const other of [...this.#attempts, ...this.#handshakes]) other.destroy();
    const line: Line = {
      socket,
      lines: new JsonLines(socket, (said) => this.#hear(line, said)),
      awaited: [],
      heardAt: 0,
    };
    this.#current = line;
    this.#options.opened();
  }

  #retire(): void {
    const socket = this.#current?.socket;
    if (!socket) return;
    this.#current = undefined;
    this.#retired.add(socket);
    setTimeout(() => socket.destroy(), downMs);
  }

  #hear(line: Line, said: unknown): void {
    const now = performance.now();
    const sentAt = line.awaited.shift();
    if (sentAt !== undefined) this.#usualMs = 0.75 * this.#usualMs + 0.25 * Math.min(now - sentAt, usualMsMax);
    line.heardAt = now;
    if (line === this.#current) this.#turn(true);
    this.#options.hear(said);
  }

  #turn(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.#options.turned(isUp, this.#lastError);
  }
}

const contexts = new WeakMap<TlsMaterial, SecureContext>();

function contextOf(tls: TlsMaterial): SecureContext {
  const known = contexts.get(tls);
  if (known) return known;
  const made = createSecureContext({ ...tls, minVersion: "TLSv1.3" });
  contexts.set(tls, made);
  return made;
}
