/** What one other host has still to be told; one message at a time, the newest state of everything. Called by peers.ts. */
import type { HostAddress } from "../../domain/host.ts";
import { decodeAnswer, encodeMessage, type LookMessage } from "./look.ts";
import type { PeersParts } from "./parts.ts";

type Entry = LookMessage["looks"][number];

export interface OutboxParts extends PeersParts {
  readonly boot: string;
  /** all members of this host, always the same array */
  readonly own: readonly Entry[];
  /** always the same map */
  readonly hush: ReadonlyMap<string, number>;
}

const signOfLifeMs = 500;
/** A message that is not answered by then is lost; the next one says it again. */
const deadlineMs = 1000;

export class Outbox {
  readonly host: HostAddress;
  readonly #parts: OutboxParts;
  readonly #changed = new Map<string, Entry>();
  readonly #pokes = new Set<string>();
  readonly #ended = new AbortController();
  #full = true;
  /** what is to be said cannot wait for the next sign of life */
  #urgent = true;
  #theirBoot: string | undefined;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failing = false;

  constructor(host: HostAddress, parts: OutboxParts) {
    this.host = host;
    this.#parts = parts;
  }

  start(): void {
    this.#kick();
  }

  /** @param atOnce otherwise with the next sign of life */
  note(entry: Entry, atOnce: boolean): void {
    this.#changed.set(`${entry.cluster}/${entry.member}`, entry);
    if (atOnce) this.#urgent = true;
    if (atOnce) this.#kick();
  }

  poke(cluster: string): void {
    this.#pokes.add(cluster);
    this.#urgent = true;
    this.#kick();
  }

  /** What goes with every message has changed. */
  urge(): void {
    this.#urgent = true;
    this.#kick();
  }

  /** Everything anew: something has gone. */
  resend(): void {
    this.#full = true;
    this.#urgent = true;
    this.#kick();
  }

  /** Resolves once what is known now has been answered, or could not be told. */
  async flush(): Promise<void> {
    await this.#sending?.catch(() => undefined);
    if (this.#full || this.#changed.size > 0 || this.#pokes.size > 0) await this.#send().catch(() => undefined);
  }

  close(): void {
    this.#ended.abort();
    clearTimeout(this.#timer);
  }

  /** At once, or when the message under way has ended; a host that does not answer is tried at its next sign of life. */
  #kick(): void {
    if (this.#sending || this.#failing || this.#ended.signal.aborted) return;
    this.#send().catch(() => undefined);
  }

  #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#sending ??= this.#sendOnce().finally(() => {
      this.#sending = undefined;
      if (this.#ended.signal.aborted) return;
      if (this.#urgent && !this.#failing) this.#kick();
      else this.#timer = setTimeout(() => void this.#send().catch(() => undefined), signOfLifeMs);
    });
    return this.#sending;
  }

  async #sendOnce(): Promise<void> {
    const { boot, version, own } = this.#parts;
    const full = this.#full;
    const looks = full ? [...own] : [...this.#changed.values()];
    const poke = [...this.#pokes];
    this.#full = false;
    this.#urgent = false;
    this.#changed.clear();
    this.#pokes.clear();
    const hush = Object.fromEntries(this.#parts.hush);
    const message: LookMessage = { boot, version, full, looks, poke, hush, heads: this.#parts.heads() };
    try {
      this.#answered(await this.#call(message));
    } catch (error) {
      // What was said may not have arrived.
      this.#full = true;
      if (!this.#failing) this.#parts.log.warn("host not told", { host: this.host.name, error });
      this.#failing = true;
      throw error;
    }
  }

  async #call(message: LookMessage) {
    const body = encodeMessage(message);
    const { signal } = this.#ended;
    const call = { method: "POST", path: "/v1/peer/looks", body, deadlineMs, signal } as const;
    return decodeAnswer(await this.#parts.neighbours.call(this.host, call));
  }

  #answered({ boot, heads }: { readonly boot: string; readonly heads: Readonly<Record<string, number>> }): void {
    this.#failing = false;
    // It has started anew and knows nothing.
    if (this.#theirBoot !== undefined && this.#theirBoot !== boot) this.resend();
    this.#theirBoot = boot;
    this.#parts.heardHeads(this.host, heads);
  }
}
