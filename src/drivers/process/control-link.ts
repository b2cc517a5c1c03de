/**
 * One connection to the control socket of a process of this host: requests with an id, answers, and what the process
 * says unasked, each a line of JSON. Called by kept-process.ts and by the drivers of those processes. Every request
 * has a deadline.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { errorCatalog, type ErrorCode } from "../../errors/catalog.ts";
import { OpError } from "../../errors/op-error.ts";
import type { ProgramName } from "./program.ts";

const requestMs = 5000;

/** Every such process answers `{kind: "status"}` with at least this. */
export interface ControlStatus {
  readonly pid: number;
  readonly version: string;
}

/** A connection to a process, as it is watched and kept by; ControlLink is one. */
export interface KeptLink {
  readonly pid: number;
  readonly version: string;
  readonly isClosed: boolean;
  /** at once when it is closed already */
  onClose(listener: () => void): void;
  answers(withinMs: number): Promise<boolean>;
  close(): void;
}

type ControlAnswer<Status> =
  | { readonly id: number; readonly ok: true; readonly status?: Status }
  | { readonly id: number; readonly ok: false; readonly code?: string; readonly message: string };

/** A request as it is on the wire, without its id. */
export type WithoutId<Request> = Request extends unknown ? Omit<Request, "id"> : never;

export interface ControlOptions extends ProgramName {
  readonly path: string;
  /** lines that answer no request; not checked in any way */
  readonly unasked?: (said: unknown) => void;
}

export class ControlLink<Wish extends { readonly kind: string }, Status extends ControlStatus> implements KeptLink {
  readonly pid: number;
  readonly version: string;
  readonly #channel: Channel<Status>;

  private constructor(channel: Channel<Status>, status: Status) {
    this.#channel = channel;
    this.pid = status.pid;
    this.version = status.version;
  }

  /** @returns undefined when nobody listens there, or does not answer */
  static async open<Wish extends { readonly kind: string }, Status extends ControlStatus>(
    options: ControlOptions,
  ): Promise<ControlLink<Wish, Status> | undefined> {
    const socket = connect(options.path);
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(requestMs) });
    } catch {
      socket.destroy();
      return undefined;
    }
    const channel = new Channel<Status>(socket, options);
    const status = await channel.request({ kind: "status" }, requestMs).catch(() => undefined);
    if (status) return new ControlLink(channel, status);
    socket.destroy();
    return undefined;
  }

  get isClosed(): boolean {
    return this.#channel.socket.destroyed;
  }

  /** At once when it is closed already. */
  onClose(listener: () => void): void {
    if (this.#channel.socket.closed) listener();
    else this.#channel.socket.once("close", listener);
  }

  /** @throws OpError: what the process refused with, or that it is unreachable */
  request(wish: Wish, withinMs = requestMs): Promise<Status | undefined> {
    return this.#channel.request(wish, withinMs);
  }

  async answers(withinMs: number): Promise<boolean> {
    try {
      await this.#channel.request({ kind: "status" }, withinMs);
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#channel.socket.destroy();
  }
}

let lastId = 0;

class Channel<Status> {
  readonly socket: Socket;
  readonly #options: ControlOptions;
  readonly #pending = new Map<number, (answer: ControlAnswer<Status> | undefined) => void>();

  constructor(socket: Socket, options: ControlOptions) {
    this.socket = socket;
    this.#options = options;
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      for (const settle of this.#pending.values()) settle(undefined);
    });
    const lines = createInterface({ input: socket });
    lines.on("error", () => socket.destroy());
    lines.on("line", (line) => this.#hear(line));
  }

  async request(wish: { readonly kind: string }, withinMs: number): Promise<Status | undefined> {
    const { name, unreachable } = this.#options;
    const id = ++lastId;
    const answer = await new Promise<ControlAnswer<Status> | undefined>((resolve) => {
      if (this.socket.destroyed) {
        resolve(undefined);
        return;
      }
      const timer = setTimeout(resolve, withinMs, undefined);
      this.#pending.set(id, (given) => {
        clearTimeout(timer);
        resolve(given);
      });
      this.socket.write(`${JSON.stringify({ id, ...wish })}\n`);
    });
    this.#pending.delete(id);
    if (!answer) throw new OpError(unreachable, { message: `the ${name} does not answer` });
    if (!answer.ok) throw new OpError(knownCode(answer.code), { message: answer.message });
    return answer.status;
  }

  /** The process is our own program of a version that may differ: its answers are checked for shape, not in depth. */
  #hear(line: string): void {
    const said = parseObject(line);
    if (!said) this.socket.destroy();
    else if (isAnswer<Status>(said)) this.#pending.get(said.id)?.(said);
    else if (this.#options.unasked && !("id" in said)) this.#options.unasked(said);
    else this.socket.destroy();
  }
}

function parseObject(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAnswer<Status>(value: object): value is ControlAnswer<Status> {
  return "id" in value && typeof value.id === "number" && "ok" in value && typeof value.ok === "boolean";
}

function knownCode(code: string | undefined): ErrorCode {
  const codes: readonly string[] = Object.keys(errorCatalog);
  return isErrorCode(code, codes) ? code : "internal";
}

function isErrorCode(code: string | undefined, codes: readonly string[]): code is ErrorCode {
  return code !== undefined && codes.includes(code);
}
