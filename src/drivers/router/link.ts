/** One connection to a router's control socket. Called by process.ts. Every request has a deadline. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { errorCatalog, type ErrorCode } from "../../errors/catalog.ts";
import { OpError } from "../../errors/op-error.ts";
import type { RouterAnswer, RouterRequest, RouterStatus } from "../../router/wire.ts";

const requestMs = 5000;

/** A request without its id. */
export type RouterWish = RouterRequest extends infer R ? (R extends RouterRequest ? Omit<R, "id"> : never) : never;

export class RouterLink {
  readonly pid: number;
  readonly version: string;
  readonly #socket: Socket;
  readonly #pending: Pending;

  private constructor(socket: Socket, pending: Pending, status: RouterStatus) {
    this.#socket = socket;
    this.#pending = pending;
    this.pid = status.pid;
    this.version = status.version;
  }

  /** @returns undefined when nobody listens there */
  static async open(path: string): Promise<RouterLink | undefined> {
    const socket = connect(path);
    const pending: Pending = new Map();
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(requestMs) });
    } catch {
      socket.destroy();
      return undefined;
    }
    listenFor(socket, pending);
    const status = await request(socket, pending, { kind: "status" }, requestMs).catch(() => undefined);
    if (status) return new RouterLink(socket, pending, status);
    socket.destroy();
    return undefined;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  /** At once when it is closed already. */
  onClose(listener: () => void): void {
    if (this.#socket.closed) listener();
    else this.#socket.once("close", listener);
  }

  /** @throws OpError: what the router refused with, or `router-unreachable` */
  request(wish: RouterWish, withinMs = requestMs): Promise<RouterStatus | undefined> {
    return request(this.#socket, this.#pending, wish, withinMs);
  }

  close(): void {
    this.#socket.destroy();
  }
}

type Pending = Map<number, (answer: RouterAnswer | undefined) => void>;

function listenFor(socket: Socket, pending: Pending): void {
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    for (const settle of pending.values()) settle(undefined);
  });
  const lines = createInterface({ input: socket });
  lines.on("error", () => socket.destroy());
  lines.on("line", (line) => {
    const answer = parseAnswer(line);
    if (!answer) socket.destroy();
    else pending.get(answer.id)?.(answer);
  });
}

let lastId = 0;

async function request(
  socket: Socket,
  pending: Pending,
  wish: RouterWish,
  withinMs: number,
): Promise<RouterStatus | undefined> {
  const id = ++lastId;
  const answer = await new Promise<RouterAnswer | undefined>((resolve) => {
    if (socket.destroyed) {
      resolve(undefined);
      return;
    }
    const timer = setTimeout(resolve, withinMs, undefined);
    pending.set(id, (given) => {
      clearTimeout(timer);
      resolve(given);
    });
    socket.write(`${JSON.stringify({ id, ...wish })}\n`);
  });
  pending.delete(id);
  if (!answer) throw new OpError("router-unreachable", { message: "the router does not answer" });
  if (!answer.ok) throw new OpError(knownCode(answer.code), { message: answer.message });
  return answer.status;
}

/** The router is our own program of a version that may differ: its answers are checked for shape, not in depth. */
function parseAnswer(line: string): RouterAnswer | undefined {
  try {
    const value: RouterAnswer = JSON.parse(line);
    return typeof value.id === "number" && typeof value.ok === "boolean" ? value : undefined;
  } catch {
    return undefined;
  }
}

function knownCode(code: string): ErrorCode {
  const codes: readonly string[] = Object.keys(errorCatalog);
  return isErrorCode(code, codes) ? code : "internal";
}

function isErrorCode(code: string, codes: readonly string[]): code is ErrorCode {
  return codes.includes(code);
}
