/**
 * The store of an installation: a small ordered map with revisions and all-or-nothing transactions, as etcd has them.
 * It orders epochs and rules; it is not asked for time. Implementations: embedded.ts (SQLite, one machine), memory.ts
 * (fake); all pass suite.ts.
 */

export interface StoreEntry {
  readonly key: string;
  /** JSON value, already parsed; not yet checked */
  readonly value: unknown;
  /** store revision of the last write of this key */
  readonly revision: number;
}

export interface StoreSnapshot {
  /** revision of the whole store; everything up to it is in `entries` */
  readonly revision: number;
  readonly entries: readonly StoreEntry[];
}

export interface StoreTxn {
  /** revision 0: the key must not exist */
  readonly require: readonly { readonly key: string; readonly revision: number }[];
  readonly put?: readonly { readonly key: string; readonly value: unknown }[];
  readonly remove?: readonly string[];
  /** everything below it is read in the same moment, after the write if there is one: the outcome's `now` */
  readonly readBack?: string;
}

export type CommitOutcome =
  | { readonly committed: true; readonly revision: number; readonly now?: StoreSnapshot }
  | {
      readonly committed: false;
      readonly revision: number;
      readonly changed: readonly string[];
      readonly now?: StoreSnapshot;
    };

export interface Store {
  /**
   * Everything below `prefix`, linearizable.
   * @param atLeast what a watcher was told: a snapshot that has this revision will do, and may come sooner
   * @throws OpError store-unavailable
   */
  read(prefix: string, signal?: AbortSignal, atLeast?: number): Promise<StoreSnapshot>;
  /** @throws OpError store-unavailable (not written), store-outcome-unknown (may have been written) */
  commit(txn: StoreTxn, signal?: AbortSignal): Promise<CommitOutcome>;
  /** Calls `changed` after each commit that touched `prefix`, with the new store revision, until `signal` aborts. */
  watch(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void;
  close(): Promise<void>;
}
