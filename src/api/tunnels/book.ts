/**
 * Whose tunnels have been written down: the audit has an entry for a tunnel, and not for each of its connections. Made by
 * server.ts, asked by the tunnels' routes. Forgets after a while, and never holds more than a bounded number.
 */

/** A tunnel that stays open for a day stands in the audit of that day more than once. */
const noteEveryMs = 3_600_000;
const entriesMax = 1000;

export interface Carrying {
  readonly by: string;
  readonly cluster: string;
  readonly role: string;
}

export class TunnelBook {
  readonly #notedAt = new Map<string, number>();

  /** @returns whether it has to be written down */
  note({ by, cluster, role }: Carrying, now: number): boolean {
    const key = JSON.stringify([by, cluster, role]);
    const before = this.#notedAt.get(key);
    if (before !== undefined && now - before < noteEveryMs) return false;
    this.#notedAt.delete(key);
    this.#notedAt.set(key, now);
    const [oldest] = this.#notedAt.keys();
    if (this.#notedAt.size > entriesMax && oldest !== undefined) this.#notedAt.delete(oldest);
    return true;
  }
}
