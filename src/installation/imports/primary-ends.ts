/**
 * Hears of the ends of a cluster's primary while an import runs: what the server ended of is what ended the import too,
 * and the import's own programs only see a connection that broke.
 */
import type { Parts } from "../parts.ts";

export class PrimaryEnds implements Disposable {
  readonly #over = new AbortController();
  #lastWords: string | undefined;

  /** From the import's start: the server may be back before the import's error is known. */
  constructor(parts: Parts, cluster: string) {
    parts.runtime.onChange((name) => {
      if (name === cluster) this.#lastWords ??= lastWordsOf(parts, cluster);
    }, this.#over.signal);
  }

  /** of the first end, for later ones follow from it; undefined when the primary did not end */
  get lastWords(): string | undefined {
    return this.#lastWords;
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}

function lastWordsOf({ runtime }: Parts, cluster: string): string | undefined {
  for (const { server } of runtime.clusters.get(cluster)?.members.values() ?? [])
    if (server.kind === "stopped" && server.wasPrimary && server.lastWords !== undefined) return server.lastWords;
  return undefined;
}
