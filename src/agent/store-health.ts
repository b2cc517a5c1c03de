/**
 * Whether the store of several hosts answers: asked once a second for one small record, whatever the number of clusters.
 * Called by the agent's entry; its word is for people and for the decisions that must not begin without a store.
 */
import type { Store } from "../drivers/store/port.ts";

const askEveryMs = 1000;
const askedKey = "installation";

export interface StoreChange {
  readonly reachable: boolean;
  /** how long it was away, when it is back */
  readonly awayMs: number | undefined;
  readonly error: unknown;
}

export class StoreHealth {
  readonly #store: Store;
  readonly #changed: (change: StoreChange) => void;
  readonly #ended = new AbortController();
  #reachable = true;
  #since = performance.now();
  #awaySince: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: Store, changed: (change: StoreChange) => void) {
    this.#store = store;
    this.#changed = changed;
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  /** wall clock; undefined while it answers */
  get awaySince(): number | undefined {
    return this.#awaySince;
  }

  start(): void {
    void this.#ask();
  }

  close(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    try {
      await this.#store.read(askedKey, this.#ended.signal);
      this.#learn(true, undefined);
    } catch (error) {
      this.#learn(false, error);
    }
    if (!this.#ended.signal.aborted) this.#timer = setTimeout(() => void this.#ask(), askEveryMs);
  }

  #learn(reachable: boolean, error: unknown): void {
    if (reachable === this.#reachable || this.#ended.signal.aborted) return;
    const now = performance.now();
    const awayMs = reachable ? now - this.#since : undefined;
    this.#reachable = reachable;
    this.#since = now;
    this.#awaySince = reachable ? undefined : Date.now();
    this.#changed({ reachable, awayMs, error });
  }
}
