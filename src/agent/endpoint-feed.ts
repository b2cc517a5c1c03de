/**
 * Tells the router where a cluster's endpoints lead, and its pooler when to hold: whenever that is different from what was
 * told last. Made by the cluster's loop.
 */
import type { Route } from "../router/wire.ts";

export interface FeedParts {
  /** as they should be now */
  routes(): readonly Route[];
  told(routes: readonly Route[]): void;
  /** resolves once the router has taken them; false: it has not */
  take(routes: readonly Route[]): Promise<boolean>;
  taken(routes: readonly Route[], isTaken: boolean): Promise<void>;
  /** Transactions through the pooler come to their end, and no other begins; resolves when there is none, in bounded time. */
  holdPool(): Promise<void>;
  releasePool(): Promise<void>;
}

export class EndpointFeed {
  readonly #parts: FeedParts;
  #text = "";
  #last: Promise<void> = Promise.resolve();

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** Resolves once what is told last is in force. */
  tell(): Promise<void> {
    const routes = this.#parts.routes();
    const text = JSON.stringify(routes);
    if (text === this.#text) return this.#last;
    this.#text = text;
    this.#last = this.#say(routes);
    return this.#last;
  }

  async #say(routes: readonly Route[]): Promise<void> {
    const primary = routes.find(({ kind }) => kind === "primary");
    // Before the primary stops: afterwards there is nobody to end a transaction with.
    const holding = primary && isPlannedHold(primary) ? this.#parts.holdPool() : undefined;
    this.#parts.told(routes);
    const isTaken = await this.#parts.take(routes);
    await this.#parts.taken(routes, isTaken);
    if (primary?.state === "open" || primary?.state === "closed") await this.#parts.releasePool();
    await holding;
  }
}

/** The primary is still there, and takes no new sessions: it is about to stop in order. */
function isPlannedHold({ state, targets }: Route): boolean {
  return state === "hold" && targets.length > 0;
}
