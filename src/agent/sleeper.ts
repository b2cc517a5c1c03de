/**
 * One cluster's sleep as this host has a part in it: whether its endpoints hold nobody while the cluster dozes off, and
 * waking it when a client waits. Made by the cluster's loop. Whether and when it sleeps is the core's (rules/sleep.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { wakeTxn } from "../core/transactions.ts";
import type { ClusterRecord, ClusterTxn } from "../domain/cluster.ts";
import type { Route } from "../router/wire.ts";
import type { Clock } from "./clock.ts";
import type { Neighbourhood } from "./neighbourhood.ts";

export interface SleeperParts {
  readonly clock: Pick<Clock, "now">;
  readonly neighbourhood: Pick<Neighbourhood, "hush" | "isHushed">;
  readonly signal: AbortSignal;
  record(): ClusterRecord;
  /** reads back; throws when the store cannot be reached */
  commit(txn: ClusterTxn): Promise<unknown>;
  /** clients that this host's endpoints have or hold; undefined: the router does not say, or does not hold */
  connections(): Promise<number | undefined>;
  /** what this says of the endpoints or of the view is different now */
  changed(): void;
  /** the cluster was asleep, and its primary endpoint is open again */
  woken(waking: Waking, tookMs: number): void;
}

export interface Waking {
  /** who needed it */
  readonly by: string;
  /** of the sleep that was taken back */
  readonly revision: number;
  /** monotonic */
  readonly since: number;
}

/** A wake that the store cannot be told of is tried again so often, */
const retryMs = 200;
/** and for so long: who waits is told that there is no server by then, and the next one begins anew. */
const wakeMs = 30_000;

export class Sleeper {
  readonly #parts: SleeperParts;
  /** revision of the doze that a client came into, before this host had agreed to it: it can come to nothing */
  #vetoed: number | undefined;
  /** revision of a doze that is older than this agent: the one before it may have agreed */
  readonly #inherited: number | undefined;
  /** revision of the doze that this host has agreed to */
  #agreed: number | undefined;
  #waking: (Waking & { readonly wasAsleep: boolean }) | undefined;

  constructor(parts: SleeperParts) {
    this.#parts = parts;
    this.#inherited = parts.record().sleep?.revision;
  }

  /** The endpoints hold everybody. */
  get holds(): boolean {
    const { sleep } = this.#parts.record();
    return sleep !== undefined && sleep.revision !== this.#vetoed;
  }

  /** For the view of a decision. */
  get hushed(): number | undefined {
    const { sleep, spec } = this.#parts.record();
    if (sleep === undefined || sleep.revision !== this.#agreed) return undefined;
    return this.#parts.neighbourhood.isHushed(spec.value.name, sleep.revision) ? sleep.revision : undefined;
  }

  /** The router has taken these: does it hold nobody, or may the clients go on again? */
  async routed(routes: readonly Route[], isTaken: boolean): Promise<void> {
    const { sleep } = this.#parts.record();
    const primary = routes.find(({ kind }) => kind === "primary");
    if (sleep === undefined && primary?.state === "open") this.#served();
    if (sleep?.value.phase !== "dozing" || !isTaken || !routes.every(({ isAsleep }) => isAsleep)) return;
    const connections = await this.#parts.connections().catch(() => undefined);
    if (connections === undefined || this.#parts.record().sleep?.revision !== sleep.revision) return;
    if (connections > 0) return this.#object("a client that was there");
    if (this.#vetoed === sleep.revision) return;
    this.#agreed = sleep.revision;
    this.#parts.neighbourhood.hush(this.#parts.record().spec.value.name, sleep.revision);
    this.#parts.changed();
  }

  /** A client waits at an endpoint of this host. */
  knock(endpoint: string): void {
    this.#object(endpoint);
  }

  /** Takes the sleep back, whatever it takes; one at a time. */
  wake(by: string): void {
    const { sleep } = this.#parts.record();
    if (sleep === undefined || this.#waking) return;
    const { revision, value } = sleep;
    this.#waking = { by, revision, since: this.#parts.clock.now(), wasAsleep: value.phase === "asleep" };
    void this.#takeBack().catch(() => {
      this.#waking = undefined;
    });
  }

  /** Without this host's word nobody falls asleep: as long as it has not been given, its endpoints can open at once. */
  #object(by: string): void {
    const { sleep } = this.#parts.record();
    if (sleep?.value.phase === "dozing" && sleep.revision !== this.#agreed && sleep.revision !== this.#inherited) {
      this.#vetoed = sleep.revision;
      this.#parts.changed();
    }
    this.wake(by);
  }

  async #takeBack(): Promise<void> {
    const { clock, signal } = this.#parts;
    const giveUpAt = clock.now() + wakeMs;
    while (this.#parts.record().sleep !== undefined && !signal.aborted) {
      if (clock.now() > giveUpAt) throw new Error("the store could not be told");
      const done = await this.#parts.commit(wakeTxn(this.#parts.record())).catch(() => undefined);
      if (done === undefined) await sleep(retryMs, undefined, { signal });
    }
    // A doze that came to nothing is no waking.
    if (this.#waking?.wasAsleep === false) this.#waking = undefined;
  }

  #served(): void {
    const waking = this.#waking;
    if (waking === undefined) return;
    this.#waking = undefined;
    if (waking.wasAsleep) this.#parts.woken(waking, this.#parts.clock.now() - waking.since);
  }
}
