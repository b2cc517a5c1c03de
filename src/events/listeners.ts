/** Who wants to be told of what is written, until their signal aborts. Called by the logs of this folder. */

export class Listeners<T> {
  readonly #listeners = new Set<(item: T) => void>();

  add(listener: (item: T) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const own = (item: T): void => listener(item);
    this.#listeners.add(own);
    signal.addEventListener("abort", () => this.#listeners.delete(own), { once: true });
  }

  /** After the caller has returned to the event loop: a listener cannot disturb who writes. */
  notify(item: T): void {
    for (const listener of this.#listeners) {
      queueMicrotask(() => {
        if (this.#listeners.has(listener)) listener(item);
      });
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
