/**
 * The store as a map in memory: for tests and for the simulator, and the shortest statement of what a store does.
 * Never used by an installation: it forgets everything at its end.
 */
import { OpError } from "../../errors/op-error.ts";
import type { CommitOutcome, Store, StoreSnapshot, StoreTxn } from "./port.ts";
import { assertSound, encodeValue } from "./transaction.ts";
import { Watchers } from "./watchers.ts";

interface Kept {
  readonly text: string;
  readonly revision: number;
}

export class MemoryStore implements Store {
  readonly #entries = new Map<string, Kept>();
  readonly #watchers = new Watchers();
  #revision = 0;
  #closed = false;

  async read(prefix: string, signal?: AbortSignal): Promise<StoreSnapshot> {
    this.#assertUsable(signal);
    return this.#snapshot(prefix);
  }

  #snapshot(prefix: string): StoreSnapshot {
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    return {
      revision: this.#revision,
      entries: keys.map((key) => this.#entry(key)).filter((entry) => entry !== undefined),
    };
  }

  async commit(txn: StoreTxn, signal?: AbortSignal): Promise<CommitOutcome> {
    assertSound(txn);
    this.#assertUsable(signal);
    const changed = txn.require.filter(({ key, revision }) => (this.#entries.get(key)?.revision ?? 0) !== revision);
    if (changed.length === 0) this.#apply(txn);
    const now = txn.readBack === undefined ? {} : { now: this.#snapshot(txn.readBack) };
    const revision = this.#revision;
    if (changed.length === 0) return { committed: true, revision, ...now };
    return { committed: false, revision, changed: changed.map(({ key }) => key), ...now };
  }

  #apply(txn: StoreTxn): void {
    const removed = (txn.remove ?? []).filter((key) => this.#entries.has(key));
    const puts = (txn.put ?? []).map(({ key, value }) => ({ key, text: encodeValue(key, value) }));
    if (puts.length + removed.length > 0) this.#revision += 1;
    for (const { key, text } of puts) this.#entries.set(key, { text, revision: this.#revision });
    for (const key of removed) this.#entries.delete(key);
    this.#watchers.notify([...puts.map(({ key }) => key), ...removed], this.#revision);
  }

  watch(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void {
    this.#watchers.add(prefix, changed, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watchers.clear();
  }

  #entry(key: string): StoreSnapshot["entries"][number] | undefined {
    const kept = this.#entries.get(key);
    return kept && { key, value: JSON.parse(kept.text), revision: kept.revision };
  }

  #assertUsable(signal: AbortSignal | undefined): void {
    if (this.#closed) throw new OpError("store-unavailable", { message: "the store is closed" });
    if (signal?.aborted) {
      throw new OpError("store-unavailable", { message: "the store was not asked: too late", cause: signal.reason });
    }
  }
}
