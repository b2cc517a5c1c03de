/**
 * Who wants to know of changes. Called by every store of this folder. Listeners are called after the commit has returned
 * to the event loop, never from within it.
 */

interface Watcher {
  readonly prefix: string;
  readonly changed: (revision: number) => void;
  readonly signal: AbortSignal;
}

export class Watchers {
  readonly #watchers = new Set<Watcher>();

  add(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    const watcher: Watcher = { prefix, changed, signal };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => this.#watchers.delete(watcher), { once: true });
  }

  /** One call for each watcher whose prefix was touched, in the order of commits. */
  notify(keys: readonly string[], revision: number): void {
    const touched = (watcher: Watcher) => keys.some((key) => key.startsWith(watcher.prefix));
    this.#tell([...this.#watchers].filter(touched), revision);
  }

  /** Something may have changed that was not seen: one call for each. */
  notifyAll(revision: number): void {
    this.#tell([...this.#watchers], revision);
  }

  clear(): void {
    this.#watchers.clear();
  }

  #tell(watchers: readonly Watcher[], revision: number): void {
    for (const watcher of watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.changed(revision);
      });
    }
  }
}
