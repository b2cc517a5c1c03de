/**
 * Postgres for the members of a cluster on this host. A host that had none of them has it only once it was looked for, and
 * maybe fetched: meanwhile the rest of the cluster goes on being read and routed to. Called by the cluster's loop.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterRecord, MemberRecord } from "../domain/cluster.ts";

export interface Engines {
  has(cluster: ClusterRecord, members: readonly MemberRecord[]): boolean;
  /** Finds Postgres of these members' versions, or fetches it. */
  prepare(cluster: ClusterRecord, members: readonly MemberRecord[]): Promise<void>;
  /** It could not be had; it is tried again. */
  missing(cluster: string, error: unknown): void;
}

const againMs = 5000;

export class Preparation {
  readonly #engines: Engines;
  readonly #ready: () => void;
  readonly #signal: AbortSignal;
  #running = false;

  /** @param ready called when `isDone` has become true, or is to be asked again */
  constructor(engines: Engines, ready: () => void, signal: AbortSignal) {
    this.#engines = engines;
    this.#ready = ready;
    this.#signal = signal;
  }

  /** Servers can be made; if not, it is seen to that they can. */
  isDone(cluster: ClusterRecord, members: readonly MemberRecord[]): boolean {
    if (this.#engines.has(cluster, members)) return true;
    if (!this.#running && !this.#signal.aborted) void this.#prepare(cluster, members);
    return false;
  }

  async #prepare(cluster: ClusterRecord, members: readonly MemberRecord[]): Promise<void> {
    this.#running = true;
    try {
      await this.#engines.prepare(cluster, members);
    } catch (error) {
      this.#engines.missing(cluster.spec.value.name, error);
      await sleep(againMs, undefined, { signal: this.#signal }).catch(() => undefined);
    }
    this.#running = false;
    if (!this.#signal.aborted) this.#ready();
  }
}
