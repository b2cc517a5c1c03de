/**
 * A process that carries sessions: one that is replaced goes on with those that it has, and takes no new ones, until
 * they have ended. Called by the drivers of router and relay, which say what is told to whom; the rest is
 * kept-process.ts's. It never ends one that still has sessions unasked.
 */
import type { KeptLink } from "./control-link.ts";
import { KeptProcess, type Trade } from "./kept-process.ts";
import { findOlder } from "./older.ts";
import type { Restart, Restarts } from "./port.ts";

/** Elsewhere the old one has to leave its ports before the new one can have them. */
const canSharePorts = process.platform === "linux" || process.platform === "freebsd";
/** Sessions in one that has been replaced may go on for so long. */
const drainMs = 24 * 3600 * 1000;

export interface DrainLink extends KeptLink {
  request(wish: { readonly kind: "drain"; readonly withinMs: number }): Promise<unknown>;
}

export interface DrainTrade<Link extends DrainLink> extends Omit<Trade<Link>, "open" | "takeOver" | "askToEnd"> {
  /** @returns undefined when none listens there */
  openAt(path: string): Promise<Link | undefined>;
}

export class DrainedProcess<Link extends DrainLink> implements Restarts {
  readonly #trade: DrainTrade<Link>;
  readonly #process: KeptProcess<Link>;
  /** those that drain, and one that will when the new one is ready */
  readonly #older = new Set<Link>();
  #predecessor: Link | undefined;

  constructor(trade: DrainTrade<Link>) {
    this.#trade = trade;
    this.#process = new KeptProcess<Link>({
      ...trade,
      open: () => trade.openAt(trade.program.controlPath),
      takeOver: async (running) => {
        this.#predecessor = running;
        this.#older.add(running);
      },
      askToEnd: (link) => link.request({ kind: "drain", withinMs: 0 }),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** One is still there that has not begun to drain: the ports are shared with it. */
  get hasPredecessor(): boolean {
    return this.#predecessor !== undefined;
  }

  async ensure(): Promise<"adopted" | "started" | "replaced"> {
    const isFirst = this.pid === undefined;
    const how = await this.#process.ensure();
    if (isFirst) await this.#findOlder();
    return how;
  }

  /** Says it to the current one; the predecessor has left the ports by then where they cannot be shared. */
  async tellPorts(say: (link: Link) => Promise<unknown>): Promise<void> {
    if (!canSharePorts) await this.drainPredecessor();
    await this.#process.tell(say);
  }

  /** To all of them: those that drain first, whose sessions may lead to a server that must not be written to. */
  async tellAll(say: (link: Link) => Promise<unknown>): Promise<void> {
    const older = [...this.#older].map((link) => say(link).catch(() => undefined));
    await this.#process.tell(say);
    await Promise.all(older);
  }

  current(): Promise<Link> {
    return this.#process.current();
  }

  /** The new one has all that it needs: the one before takes no new sessions any more. */
  async drainPredecessor(): Promise<void> {
    const predecessor = this.#predecessor;
    if (!predecessor) return;
    this.#predecessor = undefined;
    predecessor.onClose(() => this.#older.delete(predecessor));
    await predecessor.request({ kind: "drain", withinMs: drainMs }).catch(() => undefined);
  }

  onRestart(listener: (restart: Restart) => void): void {
    this.#process.onRestart(listener);
  }

  onFailure(listener: (error: unknown) => void): void {
    this.#process.onFailure(listener);
  }

  /** Lets go of all; they keep running. */
  async close(): Promise<void> {
    await this.#process.close();
    for (const older of this.#older) older.close();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#process.stop(), ...[...this.#older].map((link) => this.#process.end(link))]);
  }

  /** Those that drain since before this agent was started. */
  async #findOlder(): Promise<void> {
    const known = [this.pid, this.#predecessor?.pid];
    const { controlPath } = this.#trade.program;
    for (const link of await findOlder(controlPath, known, (path) => this.#trade.openAt(path))) {
      this.#older.add(link);
      link.onClose(() => this.#older.delete(link));
    }
  }
}
