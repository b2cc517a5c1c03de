/**
 * One watch of etcd for everything of the installation, handed on to those who asked for a part of it. It goes on where
 * it was when its server is lost; whenever it had to be opened again, or etcd has forgotten what was missed, everybody
 * is told to read anew. Used by store.ts. Begins with the first watcher, ends with the store.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { EtcdClient } from "../../../etcd/client.ts";
import type { EtcdEndpoint } from "../../../etcd/endpoint.ts";
import { reasonOf } from "../../../etcd/failure.ts";
import type { WatchResponse } from "../../../etcd/protocol/watch_pb.ts";
import type { EtcdSession } from "../../../etcd/session.ts";
import type { Log } from "../../../log/log.ts";
import { Watchers } from "../watchers.ts";
import { rangeOf, textOf } from "./keys.ts";

const createdMs = 1000;
/** a server that was not heard of for so long is asked whether it lives */
const silenceMs = 1000;
const pauseMs = { first: 50, most: 1000 };

export class PrefixWatch {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #log: Log;
  readonly #watchers = new Watchers();
  readonly #end = new AbortController();
  #running = false;
  /** everything up to it has been told of; undefined: not known where to begin */
  #seen: number | undefined;

  constructor(client: EtcdClient, prefix: string, log: Log) {
    this.#client = client;
    this.#prefix = prefix;
    this.#log = log;
  }

  add(prefix: string, changed: (revision: number) => void, signal: AbortSignal): void {
    if (signal.aborted || this.#end.signal.aborted) return;
    this.#watchers.add(prefix, changed, signal);
    if (this.#running) return;
    this.#running = true;
    this.#seen = this.#client.identity.known?.revision;
    void this.#run();
  }

  close(): void {
    this.#end.abort();
    this.#watchers.clear();
  }

  async #run(): Promise<void> {
    let told = false;
    for (let waitMs = pauseMs.first; !this.#end.signal.aborted; waitMs = Math.min(2 * waitMs, pauseMs.most)) {
      try {
        await this.#follow(() => {
          if (told) this.#log.info("etcd watch is back");
          [told, waitMs] = [false, pauseMs.first];
        });
      } catch (error) {
        if (this.#end.signal.aborted) return;
        if (!told) this.#log.warn("etcd watch was lost", { reason: reasonOf(error) });
        told = true;
      }
      await sleep(waitMs, undefined, { signal: this.#end.signal }).catch(() => undefined);
    }
  }

  /** One stream, to its end. It never ends well. */
  async #follow(opened: () => void): Promise<void> {
    const { endpoint, session } = await this.#client.pick(this.#end.signal);
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#end.signal, stop.signal]);
    const late = setTimeout(() => stop.abort(new Error("etcd did not open the watch in time")), createdMs);
    try {
      for await (const response of this.#open(session, signal)) {
        if (response.canceled) throw this.#canceled(response);
        if (response.created) {
          clearTimeout(late);
          opened();
          this.#begin(Number(response.header?.revision ?? 0n));
          void assertHeard(endpoint, session, stop);
        }
        this.#tell(response);
      }
      throw new Error("etcd ended the watch");
    } catch (error) {
      if (!this.#end.signal.aborted) endpoint.suspect(error);
      throw error;
    } finally {
      clearTimeout(late);
      stop.abort();
    }
  }

  #open(session: EtcdSession, signal: AbortSignal): AsyncIterable<WatchResponse> {
    const startRevision = this.#seen === undefined ? 0n : BigInt(this.#seen + 1);
    const value = { ...rangeOf(this.#prefix), startRevision };
    async function* requests() {
      yield { requestUnion: { case: "createRequest", value } as const };
      // The watch lasts for as long as this side of the stream.
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    // A server that loses its leader ends the stream, instead of keeping silent (etcd: rpctypes.MetadataRequireLeaderKey).
    return session.watch.watch(requests(), { signal, headers: { hasleader: "true" } });
  }

  /** The first stream of all, begun where the reader was, has missed nothing. */
  #begin(revision: number): void {
    if (this.#seen === undefined || this.#reopened) this.#watchers.notifyAll(revision);
    this.#seen ??= revision;
    this.#reopened = true;
  }

  #reopened = false;

  /** A compacted revision cannot be gone back to: begin with what is, and let everybody read. */
  #canceled({ compactRevision, cancelReason }: WatchResponse): Error {
    if (compactRevision > 0n) this.#seen = undefined;
    return new Error(cancelReason || "etcd ended the watch");
  }

  #tell({ events }: WatchResponse): void {
    const keys = new Map<number, string[]>();
    for (const { kv } of events) {
      const revision = Number(kv?.modRevision ?? 0n);
      if (kv === undefined || revision <= (this.#seen ?? 0)) continue;
      keys.set(revision, [...(keys.get(revision) ?? []), textOf(kv.key).slice(this.#prefix.length)]);
    }
    for (const [revision, touched] of keys) {
      this.#seen = revision;
      this.#watchers.notify(touched, revision);
    }
  }
}

/** A frozen server says nothing, and closes nothing either. */
async function assertHeard(endpoint: EtcdEndpoint, session: EtcdSession, stop: AbortController): Promise<void> {
  try {
    for (;;) {
      const quietMs = performance.now() - session.connection.heardAt;
      await sleep(Math.max(silenceMs - quietMs, 50), undefined, { signal: stop.signal });
      if (performance.now() - session.connection.heardAt >= silenceMs) await endpoint.assertAlive(session);
    }
  } catch (error) {
    stop.abort(error);
  }
}
