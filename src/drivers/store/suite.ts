/**
 * What every store must do, run by the tests of each implementation. Never imported by product code.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { OpError } from "../../errors/op-error.ts";
import type { CommitOutcome, Store, StoreSnapshot, StoreTxn } from "./port.ts";

type Open = (t: { after(end: () => unknown): void }) => Store | Promise<Store>;

/** @param openStore a new, empty store; it ends with the test */
export function storeSuite(name: string, openStore: Open): void {
  const open = async (t: Parameters<Open>[0]) => {
    const store = await openStore(t);
    return new FromZero(store, (await store.read("")).revision);
  };
  describe(`store: ${name}`, () => {
    test("an empty store has revision 0 and no entries", async (t) => {
      assert.deepEqual(await (await open(t)).read(""), { revision: 0, entries: [] });
    });

    test("entries come back below their prefix, sorted, each with the revision of its last write", async (t) => {
      const store = await open(t);
      await put(store, { "a/2": 1, "a/10": { deep: [1, null, "x"] } });
      await put(store, { ab: "not below a/" });
      await put(store, { "a/2": 2 });
      assert.deepEqual(await store.read("a/"), {
        revision: 3,
        entries: [
          { key: "a/10", value: { deep: [1, null, "x"] }, revision: 1 },
          { key: "a/2", value: 2, revision: 3 },
        ],
      });
    });

    test("a transaction is refused whole when one requirement fails, and names each that did", async (t) => {
      const store = await open(t);
      await put(store, { a: 1, b: 1 });
      await put(store, { b: 2 });
      const outcome = await store.commit({
        require: [
          { key: "a", revision: 1 },
          { key: "b", revision: 1 },
          { key: "c", revision: 7 },
        ],
        put: [{ key: "a", value: "never" }],
        remove: ["b"],
      });
      assert.deepEqual(outcome, { committed: false, revision: 2, changed: ["b", "c"] });
      assert.deepEqual(
        (await store.read("")).entries.map((entry) => entry.value),
        [1, 2],
      );
    });

    test("revision 0 requires that the key does not exist, also after a removal", async (t) => {
      const store = await open(t);
      const create = { require: [{ key: "a", revision: 0 }], put: [{ key: "a", value: 1 }] };
      assert.equal((await store.commit(create)).committed, true);
      assert.equal((await store.commit(create)).committed, false);
      await store.commit({ require: [], remove: ["a"] });
      assert.equal((await store.commit(create)).committed, true);
    });

    test("the revision stays when nothing was written", async (t) => {
      const store = await open(t);
      await put(store, { a: 1 });
      assert.deepEqual(await store.commit({ require: [{ key: "a", revision: 1 }] }), { committed: true, revision: 1 });
      assert.deepEqual(await store.commit({ require: [], remove: ["none"] }), { committed: true, revision: 1 });
    });

    test("what is read back is the state after the write, or that which refused it, below the prefix alone", async (t) => {
      const store = await open(t);
      await put(store, { "a/1": 1, "b/1": 1 });
      const written = await store.commit({
        require: [{ key: "a/1", revision: 1 }],
        put: [{ key: "a/2", value: 2 }],
        remove: ["a/1"],
        readBack: "a/",
      });
      const entries = [{ key: "a/2", value: 2, revision: 2 }];
      assert.deepEqual(written, { committed: true, revision: 2, now: { revision: 2, entries } });
      const refused = await store.commit({ require: [{ key: "a/2", revision: 1 }], remove: ["a/2"], readBack: "a/" });
      assert.deepEqual(refused, { committed: false, revision: 2, changed: ["a/2"], now: { revision: 2, entries } });
      const nothing = await store.commit({ require: [], readBack: "c" });
      assert.deepEqual(nothing, { committed: true, revision: 2, now: { revision: 2, entries: [] } });
    });

    test("a snapshot that is to have a revision has it", async (t) => {
      const store = await open(t);
      for (let value = 1; value <= 20; value += 1) {
        await put(store, { a: value });
        const { revision, entries } = await store.read("a", undefined, value);
        assert.ok(revision >= value);
        assert.deepEqual(entries, [{ key: "a", value, revision: value }]);
      }
    });

    test("of many transactions at once that require the same revision, one is committed", async (t) => {
      const store = await open(t);
      await put(store, { a: 0 });
      const tries = Array.from({ length: 20 }, (_, value) =>
        store.commit({ require: [{ key: "a", revision: 1 }], put: [{ key: "a", value }] }),
      );
      assert.equal((await Promise.all(tries)).filter((outcome) => outcome.committed).length, 1);
    });

    test("a value that was read is a copy: changing it changes nothing", async (t) => {
      const store = await open(t);
      const value = { list: [1] };
      await put(store, { a: value });
      value.list.push(2);
      assert.deepEqual((await store.read("a")).entries[0]?.value, { list: [1] });
    });

    test("a watcher hears of each commit that touched its prefix, in order, and of no other", async (t) => {
      const store = await open(t);
      const heard: number[] = [];
      store.watch("a/", (revision) => heard.push(revision), new AbortController().signal);
      await put(store, { "a/1": 1 });
      await put(store, { "b/1": 1 });
      await store.commit({ require: [{ key: "a/1", revision: 9 }], put: [{ key: "a/1", value: 2 }] });
      await store.commit({ require: [], remove: ["a/1", "b/1"] });
      await store.commit({ require: [], remove: ["a/1"] });
      await settled(store);
      assert.deepEqual(heard, [1, 3]);
    });

    test("a watcher that aborts hears nothing more, not even of a commit just made", async (t) => {
      const store = await open(t);
      const heard: number[] = [];
      const stop = new AbortController();
      store.watch("", (revision) => heard.push(revision), stop.signal);
      const commit = put(store, { a: 1 });
      stop.abort();
      await commit;
      await put(store, { a: 2 });
      await settled(store);
      assert.deepEqual(heard, []);
    });

    test("a watcher reads what it was called for, and may write", async (t) => {
      const store = await open(t);
      const seen = new Promise<unknown>((resolve) => {
        store.watch("a", () => resolve(put(store, { b: 1 }).then(() => store.read(""))), new AbortController().signal);
      });
      await put(store, { a: 1 });
      assert.deepEqual(await seen, {
        revision: 2,
        entries: [
          { key: "a", value: 1, revision: 1 },
          { key: "b", value: 1, revision: 2 },
        ],
      });
    });

    test("a request that is already too late, or comes after the end, is refused and writes nothing", async (t) => {
      const store = await open(t);
      const late = AbortSignal.abort();
      await assert.rejects(store.read("", late), isUnavailable);
      await assert.rejects(store.commit({ require: [], put: [{ key: "a", value: 1 }] }, late), isUnavailable);
      assert.equal((await store.read("")).revision, 0);
      await store.close();
      await assert.rejects(store.read(""), isUnavailable);
      await store.close();
    });

    test("an unsound transaction is a defect of the caller", async (t) => {
      const store = await open(t);
      await assert.rejects(put(store, { "": 1 }), { code: "ERR_ASSERTION" });
      await assert.rejects(put(store, { "with space": 1 }), { code: "ERR_ASSERTION" });
      await assert.rejects(put(store, { a: undefined }), { code: "ERR_ASSERTION" });
      await assert.rejects(store.commit({ require: [], put: [{ key: "a", value: 1 }], remove: ["a"] }), {
        code: "ERR_ASSERTION",
      });
    });

    test("any series of transactions behaves like a plain map", async (t) => {
      await fc.assert(
        fc.asyncProperty(fc.array(transaction, { maxLength: 20 }), async (transactions) => {
          const store = await open(t);
          const model = new Model();
          for (const { require, put: puts, remove } of transactions) {
            const txn = {
              require: require.map(({ key, stale }) => ({ key, revision: model.revisionOf(key) + stale })),
              put: Object.entries(puts).map(([key, value]) => ({ key, value })),
              remove: remove.filter((key) => !(key in puts)),
            };
            assert.deepEqual(await store.commit(txn), model.commit(txn));
          }
          assert.deepEqual(await store.read(""), model.read());
          await store.close();
        }),
        { numRuns: 60 },
      );
    });
  });
}

const key = fc.constantFrom("a", "a/b", "a/c", "b", "~");
const transaction = fc.record({
  require: fc.array(fc.record({ key, stale: fc.constantFrom(0, 0, 0, 1) }), { maxLength: 2 }),
  put: fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3, noNullPrototype: true }),
  remove: fc.uniqueArray(key, { maxLength: 2 }),
});

/** The simplest thing that could be a store. */
class Model {
  #entries: Record<string, { text: string; revision: number }> = {};
  #revision = 0;

  revisionOf(wanted: string): number {
    return this.#entries[wanted]?.revision ?? 0;
  }

  commit(txn: Parameters<Store["commit"]>[0]): CommitOutcome {
    const changed = txn.require.filter((require) => this.revisionOf(require.key) !== require.revision);
    if (changed.length > 0) return { committed: false, revision: this.#revision, changed: changed.map((c) => c.key) };
    const removed = (txn.remove ?? []).filter((gone) => gone in this.#entries);
    if ((txn.put ?? []).length + removed.length > 0) this.#revision += 1;
    for (const written of txn.put ?? []) {
      this.#entries[written.key] = { text: JSON.stringify(written.value), revision: this.#revision };
    }
    for (const gone of removed) delete this.#entries[gone];
    return { committed: true, revision: this.#revision };
  }

  read(): unknown {
    const entries = Object.entries(this.#entries).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      revision: this.#revision,
      entries: entries.map(([entry, { text, revision }]) => ({ key: entry, value: JSON.parse(text), revision })),
    };
  }
}

function put(store: Store, values: Record<string, unknown>): Promise<CommitOutcome> {
  return store.commit({ require: [], put: Object.entries(values).map(([entry, value]) => ({ key: entry, value })) });
}

/** Watchers are called in the order of commits: what was to be heard before this one has been heard. */
async function settled(store: Store): Promise<void> {
  const stop = new AbortController();
  const heard = new Promise((resolve) => store.watch("settled", resolve, stop.signal));
  await put(store, { settled: true });
  await heard;
  stop.abort();
}

/** Revisions counted from that of the empty store: etcd begins with 1, and goes on for all its users. */
class FromZero implements Store {
  readonly #store: Store;
  readonly #base: number;

  constructor(store: Store, base: number) {
    this.#store = store;
    this.#base = base;
  }

  async read(prefix: string, signal?: AbortSignal, atLeast?: number): Promise<StoreSnapshot> {
    return this.#counted(await this.#store.read(prefix, signal, atLeast && atLeast + this.#base));
  }

  async commit(txn: StoreTxn, signal?: AbortSignal): Promise<CommitOutcome> {
    const require = txn.require.map(({ key, revision }) => ({ key, revision: revision && revision + this.#base }));
    const outcome = await this.#store.commit({ ...txn, require }, signal);
    const now = outcome.now && { now: this.#counted(outcome.now) };
    return { ...outcome, revision: outcome.revision - this.#base, ...now };
  }

  #counted({ revision, entries }: StoreSnapshot): StoreSnapshot {
    const counted = entries.map((entry) => ({ ...entry, revision: entry.revision - this.#base }));
    return { revision: revision - this.#base, entries: counted };
  }

  watch(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void {
    this.#store.watch(prefix, (revision) => changed(revision - this.#base), signal);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof OpError && error.code === "store-unavailable";
}
