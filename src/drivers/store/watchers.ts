/**
 * Who wants to know of changes, for stores that live in this process. Called by embedded.ts and memory.ts. Listeners
 * are called after the commit has returned to the event loop, never from within it.
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
    for (const watcher of this.#watchers) {
      if (!keys.some((key) => key.startsWith(watcher.prefix))) continue;
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher.changed(revision);
      });
    }
  }

  clear(): void {
    this.#watchers.clear();
  }
}
