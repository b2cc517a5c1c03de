/**
 * A store that remembers on disk what was read of it last, for an agent that starts while the store is away: until the
 * store has been read once, reads answer from the file. What is old there does no harm: every change requires the
 * revisions it was decided on, and the guards of other hosts know the newer epoch. Used by the agent's entry.
 */
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import { OpError } from "../../errors/op-error.ts";
import type { Store, StoreEntry, StoreSnapshot } from "./port.ts";

/** What an agent needs to go on: its clusters, where the other hosts are, and whom to let in. No secret is among it. */
const kept = ["cluster/", "host/", "installation", "token/", "certificate/", "drain/"] as const;
const writeAfterMs = 500;
const askAgainAfterMs = 5000;

const fileSchema = z.object({
  revision: z.int().nonnegative(),
  entries: z.array(z.object({ key: z.string(), value: z.unknown(), revision: z.int() })),
});

export function rememberStore(store: Store, file: string): Store {
  const memory = new Memory(file);
  let awayAt = -Infinity;
  return {
    read: async (prefix, signal, atLeast) => {
      // Each question to a store that is away takes seconds: one after the other they would keep a starting agent from
      // its servers for longer than their guard waits for it. Who was told of a change knows that it is there.
      const wasAway = atLeast === undefined && performance.now() - awayAt < askAgainAfterMs;
      const known = wasAway ? memory.recall(prefix) : undefined;
      if (known) return known;
      try {
        const snapshot = await store.read(prefix, signal, atLeast);
        memory.learn(prefix, snapshot);
        return snapshot;
      } catch (error) {
        if (!isAway(error)) throw error;
        awayAt = performance.now();
        const old = memory.recall(prefix);
        if (old) return old;
        throw error;
      }
    },
    commit: async (txn, signal) => {
      const outcome = await store.commit(txn, signal);
      if (txn.readBack !== undefined && outcome.now) memory.learn(txn.readBack, outcome.now);
      return outcome;
    },
    watch: (prefix, changed, signal) => store.watch(prefix, changed, signal),
    close: async () => {
      await memory.write();
      await store.close();
    },
  };
}

class Memory {
  readonly #file: string;
  readonly #entries: Map<string, StoreEntry>;
  readonly #learned = new Set<string>();
  #revision: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  constructor(file: string) {
    this.#file = file;
    const found = readRemembered(file);
    this.#revision = found?.revision ?? 0;
    this.#entries = new Map(found?.entries.map((entry) => [entry.key, entry]));
  }

  learn(prefix: string, { revision, entries }: StoreSnapshot): void {
    if (!isKept(prefix)) return;
    const before = this.#below(prefix);
    for (const { key } of before) this.#entries.delete(key);
    for (const entry of entries) this.#entries.set(entry.key, entry);
    this.#learned.add(prefix);
    this.#revision = Math.max(this.#revision, revision);
    if (JSON.stringify(before) !== JSON.stringify(entries))
      this.#timer ??= setTimeout(() => this.write(), writeAfterMs);
  }

  /** Only what this process has not read itself: it knows better then. */
  recall(prefix: string): StoreSnapshot | undefined {
    if (!isKept(prefix) || this.#learned.has(prefix) || this.#revision === 0) return undefined;
    return { revision: this.#revision, entries: this.#below(prefix) };
  }

  /** Not flushed to the disk: a lost file costs nothing but a start without a store. */
  async write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#writing;
    const text = JSON.stringify({ revision: this.#revision, entries: [...this.#entries.values()] });
    const aside = `${this.#file}.new`;
    this.#writing = writeFile(aside, text, { mode: 0o600 })
      .then(() => rename(aside, this.#file))
      .catch(() => undefined);
    await this.#writing;
  }

  #below(prefix: string): readonly StoreEntry[] {
    return [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix)).toSorted(byKey);
  }
}

/** An etcd that is not the one it was says nothing of ours: ours is away. */
function isAway(error: unknown): boolean {
  return error instanceof OpError && (error.code === "store-unavailable" || error.code === "store-replaced");
}

function isKept(prefix: string): boolean {
  return kept.some((name) => prefix.startsWith(name));
}

/** A damaged file is no file. */
function readRemembered(file: string): z.infer<typeof fileSchema> | undefined {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return undefined;
  }
}

function byKey(a: StoreEntry, b: StoreEntry): number {
  return a.key < b.key ? -1 : 1;
}
