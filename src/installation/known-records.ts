/**
 * Records of the store that must be recognized without waiting for it: kept in memory, and read again when they change,
 * so that people can come in while the store is away. Used by tokens.ts and certificates.ts. Writes nothing.
 */
import type { Store } from "../drivers/store/port.ts";

/** Where a watch says nothing, what another host has revoked is still found out. */
const readEveryMs = 30_000;
const readWithinMs = 5000;

export interface KnownParts<T> {
  readonly store: Store;
  /** of their keys, for the watch */
  readonly prefix: string;
  readonly read: (signal: AbortSignal) => Promise<readonly T[]>;
  /** told when the store could not be read; what was read last stays */
  readonly trouble: (error: unknown) => void;
}

export class KnownRecords<T extends { readonly id: string }> {
  readonly #parts: KnownParts<T>;
  #known: ReadonlyMap<string, T> = new Map();
  #reading: Promise<void> | undefined;
  #readAgain = false;

  constructor(parts: KnownParts<T>) {
    this.#parts = parts;
  }

  /** Begins to read and to watch; returns when they were read, or could not be. */
  async start(signal: AbortSignal): Promise<void> {
    const read = () => void this.#refresh();
    this.#parts.store.watch(this.#parts.prefix, read, signal);
    const timer = setInterval(read, readEveryMs).unref();
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    await this.#refresh();
  }

  get(id: string): T | undefined {
    return this.#known.get(id);
  }

  /** What this host has just written counts here at once. */
  add(record: T): void {
    this.#known = new Map(this.#known).set(record.id, record);
  }

  remove(id: string): void {
    this.#known = new Map([...this.#known].filter(([known]) => known !== id));
  }

  /** One reading at a time; a change during one makes another. */
  #refresh(): Promise<void> {
    this.#readAgain = true;
    this.#reading ??= this.#readUntilQuiet().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #readUntilQuiet(): Promise<void> {
    while (this.#readAgain) {
      this.#readAgain = false;
      try {
        const records = await this.#parts.read(AbortSignal.timeout(readWithinMs));
        this.#known = new Map(records.map((record) => [record.id, record]));
      } catch (error) {
        this.#parts.trouble(error);
      }
    }
  }
}
