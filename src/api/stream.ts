/**
 * Server-sent events: one JSON document each, named `data`, with pings between so that a reader notices a silent end.
 * Called by the routes that can be watched. Never keeps more for a slow reader than a bounded queue.
 */
import { createHash } from "node:crypto";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";

import { describeFailure } from "./errors.ts";

export const pingEveryMs = 5000;
const queueMax = 2000;

export interface Outlet<T> {
  /** Queues one document. */
  send(document: T): void;
  /** Ends the stream after what is queued. */
  end(): void;
  /** Ends the stream with a failure that the reader is told. */
  fail(error: unknown): void;
}

export interface StreamOptions {
  /** only the newest document matters to a slow reader */
  readonly keep: "all" | "newest";
}

/** How a reader that was cut off goes on: the last id that it has, in `Last-Event-ID`. */
export interface Resuming<T> {
  readonly idOf: (document: T) => string;
  /** the first document is passed over when the reader has it already */
  readonly skip?: string | undefined;
}

/** The id of a document that is told as it stands: two that say the same have the same. */
export function contentId(document: unknown): string {
  return createHash("sha256").update(JSON.stringify(document)).digest("base64url").slice(0, 16);
}

type Item<T> =
  | { readonly event: "data"; readonly document: T }
  | { readonly event: "error"; readonly document: unknown };

/** Streams what `subscribe` sends until it ends, fails, or the reader goes away (then `signal` aborts). */
export function stream<T>(
  c: Context,
  { idOf, skip, ...options }: StreamOptions & Resuming<T>,
  subscribe: (outlet: Outlet<T>, signal: AbortSignal) => void | Promise<void>,
): Response {
  return streamSSE(c, async (sse) => {
    const gone = new AbortController();
    const queue = new Queue<T>(options);
    let passOver = skip;
    sse.onAbort(() => {
      gone.abort();
      queue.end();
    });
    try {
      void Promise.resolve(subscribe(queue, gone.signal)).catch((error: unknown) => queue.fail(error));
      for (;;) {
        const item = await queue.next(pingEveryMs);
        if (item === "end" || sse.aborted) break;
        if (item === "idle") await sse.writeSSE({ event: "ping", data: "" });
        else if (item.event === "error") await sse.writeSSE({ event: "error", data: JSON.stringify(item.document) });
        else {
          const id = idOf(item.document);
          if (id !== passOver) await sse.writeSSE({ id, event: "data", data: JSON.stringify(item.document) });
          passOver = undefined;
        }
      }
    } catch (error) {
      if (!sse.aborted) throw error;
    } finally {
      gone.abort();
    }
  });
}

class Queue<T> implements Outlet<T> {
  readonly #options: StreamOptions;
  #items: Item<T>[] = [];
  #ended = false;
  #wake: () => void = () => {};

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  send(document: T): void {
    if (this.#ended) return;
    if (this.#options.keep === "newest") this.#items = [];
    if (this.#items.length >= queueMax) return this.fail(new Error("the reader is too slow"));
    this.#items.push({ event: "data", document });
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    this.#items.push({ event: "error", document: describeFailure(error).body });
    this.end();
  }

  /** The next item; "idle" when there was none within `withinMs`. */
  async next(withinMs: number): Promise<Item<T> | "idle" | "end"> {
    if (this.#items.length === 0 && !this.#ended) await this.#sleep(withinMs);
    return this.#items.shift() ?? (this.#ended ? "end" : "idle");
  }

  #sleep(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
