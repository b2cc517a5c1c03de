/**
 * Questions and answers between the main thread of a router and one other. Either side asks; every question has a
 * deadline. Called by threads.ts and worker.ts.
 */
import type { LogFields } from "../links/log.ts";
import type { RouterNews, RouterRequest, RouterStatus } from "./wire.ts";

export type Question =
  | { readonly kind: "request"; readonly request: RouterRequest }
  /** sends a cancel request to the server that has given out this key */
  | { readonly kind: "cancel"; readonly key: string };

export type News =
  | { readonly kind: "log"; readonly level: "info" | "error"; readonly message: string; readonly fields: LogFields }
  /** it takes questions */
  | { readonly kind: "ready" }
  /** for the agent */
  | { readonly kind: "for-agent"; readonly news: RouterNews }
  /** draining is over in this thread */
  | { readonly kind: "drained" };

type Letter =
  | { readonly kind: "question"; readonly id: number; readonly question: Question }
  | { readonly kind: "answer"; readonly id: number; readonly status: RouterStatus | undefined; readonly error?: string }
  | { readonly kind: "news"; readonly news: News };

/** A Worker, or the port to the thread that made it. */
export interface Post {
  postMessage(letter: Letter): void;
  on(event: "message", listener: (letter: Letter) => void): unknown;
}

export interface Reader {
  answer(question: Question): Promise<RouterStatus | undefined>;
  hear(news: News): void;
}

interface Asked {
  readonly resolve: (status: RouterStatus | undefined) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Mailbox {
  readonly #post: Post;
  readonly #asked = new Map<number, Asked>();
  #lastId = 0;

  constructor(post: Post, reader: Reader) {
    this.#post = post;
    post.on("message", (letter) => {
      if (letter.kind === "answer") this.#settle(letter.id, letter.status, letter.error);
      else if (letter.kind === "news") reader.hear(letter.news);
      else void this.#reply(letter.id, reader.answer(letter.question));
    });
  }

  /** @throws when the other side refuses, or says nothing in time */
  ask(question: Question, withinMs: number): Promise<RouterStatus | undefined> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<RouterStatus | undefined>();
    const timer = setTimeout(() => this.#settle(id, undefined, `no answer within ${withinMs} ms`), withinMs);
    this.#asked.set(id, { resolve, reject, timer });
    this.#post.postMessage({ kind: "question", id, question });
    return promise;
  }

  tell(news: News): void {
    this.#post.postMessage({ kind: "news", news });
  }

  /** The other side has ended, and with it all that it was asked to do. */
  close(): void {
    for (const id of this.#asked.keys()) this.#settle(id, undefined, undefined);
  }

  async #reply(id: number, answer: Promise<RouterStatus | undefined>): Promise<void> {
    try {
      this.#post.postMessage({ kind: "answer", id, status: await answer });
    } catch (error) {
      this.#post.postMessage({ kind: "answer", id, status: undefined, error: String(error) });
    }
  }

  #settle(id: number, status: RouterStatus | undefined, error: string | undefined): void {
    const asked = this.#asked.get(id);
    if (!asked) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    if (error === undefined) asked.resolve(status);
    else asked.reject(new Error(error));
  }
}
