/**
 * The store of an installation of several hosts: etcd, 3.4 or newer. Revisions are etcd's own. Opened by the agent and
 * by `host init` and `host join`. Nothing is written that was not asked for: no lease, no lock, no housekeeping.
 */
import { readFileSync } from "node:fs";
import { OpError } from "../../../errors/op-error.ts";
import { EtcdClient } from "../../../etcd/client.ts";
import type { EtcdIdentity } from "../../../etcd/identity.ts";
import {
  Compare_CompareResult,
  Compare_CompareTarget,
  type KeyValue,
  type TxnResponse,
} from "../../../etcd/protocol/kv_pb.ts";
import type { EtcdCredentials } from "../../../etcd/session.ts";
import { TlsIdentity } from "../../../links/tls-files.ts";
import type { Log } from "../../../log/log.ts";
import type { CommitOutcome, Store, StoreEntry, StoreSnapshot, StoreTxn } from "../port.ts";
import { assertSound, encodeValue } from "../transaction.ts";
import { bytesOf, rangeOf, textOf } from "./keys.ts";
import { PrefixWatch } from "./watch.ts";

export interface EtcdStoreOptions {
  /** the nearest first */
  readonly endpoints: readonly string[];
  /** printable ASCII, not empty: everything of the installation is below it */
  readonly prefix: string;
  /** certificate and key are renewed by others: a new connection takes those of the moment */
  readonly tls: { readonly caFile: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  readonly user?: string;
  readonly passwordFile?: string;
  /** `identity` of an earlier life: an etcd that is another one, or behind it, is refused */
  readonly known?: EtcdIdentity;
  readonly log: Log;
}

/** @throws OpError store-refused when the files of `tls` cannot be used. Whether etcd answers is seen at the first call. */
export function openEtcdStore(options: EtcdStoreOptions): EtcdStore {
  return new EtcdStore(options);
}

export class EtcdStore implements Store {
  readonly #prefix: string;
  readonly #client: EtcdClient;
  readonly #watch: PrefixWatch;

  constructor(options: EtcdStoreOptions) {
    const { endpoints, prefix, known, log } = options;
    this.#prefix = prefix;
    this.#client = new EtcdClient({
      endpoints,
      credentials: credentialsOf(options),
      range: rangeOf(prefix),
      ...(known === undefined ? {} : { known }),
      log,
    });
    this.#watch = new PrefixWatch(this.#client, prefix, log);
  }

  /** Of the etcd behind it, once it has answered: to be given as `known` next time. */
  get identity(): EtcdIdentity | undefined {
    return this.#client.identity.known;
  }

  /** A person has made the store anew: what it was before is no reason to refuse it. */
  forgetIdentity(): void {
    this.#client.identity.forget();
  }

  /** Servers of the installation's own etcd joined or left. The nearest first. */
  setEndpoints(endpoints: readonly string[]): void {
    this.#client.setEndpoints(endpoints);
  }

  async read(prefix: string, signal?: AbortSignal, atLeast?: number): Promise<StoreSnapshot> {
    const before = this.#client.identity.revision;
    const range = rangeOf(this.#prefix + prefix);
    return this.#client.read(async (session, options) => {
      if (atLeast !== undefined) {
        // What this server has, without asking its leader.
        const own = await session.kv.range({ ...range, serializable: true }, options);
        if (Number(own.header?.revision ?? 0n) >= Math.max(atLeast, before))
          return this.#toSnapshot(this.#client.accept(session, own.header, before), own.kvs);
      }
      const { header, kvs } = await session.kv.range(range, options);
      return this.#toSnapshot(this.#client.accept(session, header, before), kvs);
    }, signal);
  }

  async commit(txn: StoreTxn, signal?: AbortSignal): Promise<CommitOutcome> {
    assertSound(txn);
    const request = toRequest(this.#prefix, txn);
    const before = this.#client.identity.revision;
    // One that writes nothing may be repeated like any other question.
    const writes = (txn.put?.length ?? 0) + (txn.remove?.length ?? 0) > 0;
    const call = writes ? "write" : "read";
    const { session, answer } = await this.#client[call](
      async (session, options) => ({ session, answer: await session.kv.txn(request, options) }),
      signal,
    );
    const revision = this.#client.accept(session, answer.header, before);
    const last = answer.responses.at(-1)?.response;
    const read = txn.readBack !== undefined && last?.case === "responseRange" ? last.value.kvs : undefined;
    return { ...toOutcome(txn, answer, revision), ...(read && { now: this.#toSnapshot(revision, read) }) };
  }

  watch(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void {
    this.#watch.add(prefix, changed, signal);
  }

  async close(): Promise<void> {
    this.#watch.close();
    this.#client.close();
  }

  #toSnapshot(revision: number, kvs: readonly KeyValue[]): StoreSnapshot {
    return { revision, entries: kvs.map((kv) => this.#toEntry(kv)) };
  }

  #toEntry({ key, value, modRevision }: KeyValue): StoreEntry {
    const name = textOf(key).slice(this.#prefix.length);
    try {
      return { key: name, value: JSON.parse(textOf(value)), revision: Number(modRevision) };
    } catch (cause) {
      throw new OpError("store-damaged", {
        message: `the store's record "${name}" is no JSON`,
        detail: `Its key in etcd is "${textOf(key)}".`,
        hint: "Something else wrote it. Look at it with: etcdctl get",
        cause,
      });
    }
  }
}

/** etcd compares, then either writes it all or says which of the required keys are as they are. */
function toRequest(prefix: string, { require, put = [], remove = [], readBack }: StoreTxn) {
  const keyOf = (key: string) => bytesOf(prefix + key);
  const { EQUAL: result } = Compare_CompareResult;
  const { MOD: target } = Compare_CompareTarget;
  const puts = put.map(({ key, value }) => ({
    request: { case: "requestPut", value: { key: keyOf(key), value: bytesOf(encodeValue(key, value)) } } as const,
  }));
  const removals = remove.map((key) => ({
    request: { case: "requestDeleteRange", value: { key: keyOf(key) } } as const,
  }));
  const reads = (readBack === undefined ? [] : [rangeOf(prefix + readBack)]).map((value) => ({
    request: { case: "requestRange", value } as const,
  }));
  return {
    compare: require.map(({ key, revision }) => ({
      result,
      target,
      key: keyOf(key),
      targetUnion: { case: "modRevision", value: BigInt(revision) } as const,
    })),
    success: [...puts, ...removals, ...reads],
    failure: [
      ...require.map(({ key }) => ({
        request: { case: "requestRange", value: { key: keyOf(key), keysOnly: true } } as const,
      })),
      ...reads,
    ],
  };
}

function toOutcome({ require }: StoreTxn, answer: TxnResponse, revision: number): CommitOutcome {
  if (answer.succeeded) return { committed: true, revision };
  const changed = require.filter(({ revision: required }, index) => {
    const response = answer.responses[index]?.response;
    const found = response?.case === "responseRange" ? response.value.kvs[0]?.modRevision : undefined;
    return Number(found ?? 0n) !== required;
  });
  return { committed: false, revision, changed: changed.map(({ key }) => key) };
}

export function credentialsOf({
  tls,
  user,
  passwordFile,
}: Pick<EtcdStoreOptions, "tls" | "user" | "passwordFile">): EtcdCredentials {
  return {
    ...(tls === undefined ? {} : { tls: tlsSource(tls) }),
    ...(user === undefined ? {} : { user }),
    ...(passwordFile === undefined ? {} : { passwordFile }),
  };
}

function tlsSource(files: NonNullable<EtcdStoreOptions["tls"]>): NonNullable<EtcdCredentials["tls"]> {
  const { caFile, certFile, keyFile } = files;
  try {
    if (certFile === undefined || keyFile === undefined) {
      const ca = readFileSync(caFile);
      return () => ({ ca });
    }
    const identity = new TlsIdentity({ caFile, certFile, keyFile });
    return () => identity.current();
  } catch (cause) {
    throw new OpError("store-refused", {
      message: "the certificates for the store cannot be used",
      detail: `${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: `Look at ${[caFile, certFile, keyFile].filter((file) => file !== undefined).join(", ")}.`,
      cause,
    });
  }
}
