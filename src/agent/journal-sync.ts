/**
 * Brings the other hosts' events and operations into this host's file, so that any agent answers for all of them, also
 * for a host that is lost. Told by the exchange of looks how far each host is; pulls only what is missing, page by page,
 * and does nothing when nothing is. Never more than one pull of the same origin at a time.
 */
import { journalAnswerSchema } from "../contract/peer.ts";
import type { HostAddress } from "../domain/host.ts";
import type { Neighbours } from "../drivers/neighbours/port.ts";
import type { Journal, JournalPage } from "../events/journal.ts";
import type { Log } from "../log/log.ts";
import type { Clock } from "./clock.ts";

export interface JournalSyncParts {
  readonly journal: Journal;
  readonly neighbours: Pick<Neighbours, "call">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
}

interface Peer {
  host: HostAddress;
  heads: Readonly<Record<string, number>>;
  failures: number;
  /** monotonic; not asked before */
  retryAt: number;
  /** when it was heard first, it had rows of ours that this file has not: they were lost, and it is asked for them */
  owes: boolean;
}

const rowsAtOnce = 500;
const deadlineMs = 5000;
const retryMinMs = 500;
const retryMaxMs = 30_000;

export class JournalSync {
  readonly #parts: JournalSyncParts;
  readonly #peers = new Map<string, Peer>();
  readonly #pulling = new Set<string>();
  readonly #ended = new AbortController();

  constructor(parts: JournalSyncParts) {
    this.#parts = parts;
  }

  /** For the others: how far this host is, by origin. */
  heads(): Readonly<Record<string, number>> {
    return this.#parts.journal.heads();
  }

  /** Another host has said how far it is. */
  heard(host: HostAddress, heads: Readonly<Record<string, number>>): void {
    const { journal } = this.#parts;
    const own = heads[journal.host] ?? 0;
    const known = this.#peers.get(host.name);
    const peer = known ?? { host, heads, failures: 0, retryAt: 0, owes: own > journal.ownAtOpen };
    peer.host = host;
    peer.heads = heads;
    this.#peers.set(host.name, peer);
    journal.raise(own);
    this.#pullMissing(peer);
  }

  close(): void {
    this.#ended.abort();
  }

  #pullMissing(peer: Peer): void {
    const { journal, clock } = this.#parts;
    for (const [origin, head] of Object.entries(peer.heads)) {
      if (this.#ended.signal.aborted || clock.now() < peer.retryAt) return;
      if (this.#pulling.has(origin)) continue;
      if (origin === journal.host ? peer.owes : head > journal.headOf(origin)) void this.#pull(peer, origin);
    }
  }

  async #pull(peer: Peer, origin: string): Promise<void> {
    this.#pulling.add(origin);
    try {
      if (origin === this.#parts.journal.host) await this.#takeBack(peer);
      else await this.#catchUp(peer, origin);
      peer.failures = 0;
    } catch (error) {
      this.#failed(peer, origin, error);
    } finally {
      this.#pulling.delete(origin);
    }
    // Another host may have more of it, or have it when this one did not answer.
    for (const other of this.#peers.values()) this.#pullMissing(other);
  }

  async #catchUp(peer: Peer, origin: string): Promise<void> {
    const { journal } = this.#parts;
    for (let at = journal.headOf(origin); (peer.heads[origin] ?? 0) > at;) {
      const page = await this.#fetch(peer, origin, at);
      // It has less than it said: its file was lost meanwhile, and it will say so.
      if (page.head <= at) peer.heads = { ...peer.heads, [origin]: at };
      else this.#apply(peer, page);
      at = Math.max(at, page.head);
    }
  }

  /** Rows of our own that this file lost with a power cut, or as a whole: those before it was opened. */
  async #takeBack(peer: Peer): Promise<void> {
    const { journal } = this.#parts;
    for (let at = journal.ownAtOpen, more = true; more;) {
      const page = await this.#fetch(peer, journal.host, at);
      more = page.rows.length === rowsAtOnce && page.head < journal.openedAt;
      this.#apply(peer, page);
      at = page.head;
    }
    peer.owes = false;
  }

  async #fetch({ host }: Peer, origin: string, after: number): Promise<JournalPage> {
    const answer = await this.#parts.neighbours.call(host, {
      method: "POST",
      path: "/v1/peer/journal",
      body: { origin, after, limit: rowsAtOnce },
      deadlineMs,
      signal: this.#ended.signal,
    });
    const page = journalAnswerSchema.parse(answer);
    if (page.origin !== origin) throw new Error(`asked for rows of "${origin}", got those of "${page.origin}"`);
    return page;
  }

  #apply(peer: Peer, page: JournalPage): void {
    if (this.#ended.signal.aborted) return;
    const { skipped } = this.#parts.journal.apply(page);
    if (skipped > 0)
      this.#parts.log.warn("rows of the journal not understood", {
        host: peer.host.name,
        origin: page.origin,
        skipped,
      });
  }

  /** The next look of that host tries again; told once for a row of failures. */
  #failed(peer: Peer, origin: string, error: unknown): void {
    if (this.#ended.signal.aborted) return;
    peer.failures += 1;
    peer.retryAt = this.#parts.clock.now() + Math.min(retryMaxMs, retryMinMs * 2 ** (peer.failures - 1));
    if (peer.failures === 1) this.#parts.log.warn("journal not read", { host: peer.host.name, origin, error });
  }
}
